"""A session's two secrets: made from its id and generation, so that a refresh that is asked again gives the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import ID_LENGTH, new_id
from models.keys import KeyRing
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.token_format import Kind, digest_of, kind_of, secret_of, written
from models.vocabulary import Factors, Role, TokenTransport

SECRET_LASTS: Final = timedelta(minutes=15)
GRACE: Final = timedelta(seconds=30)
"""Two tabs, or a lost answer, ask twice with one refresh token within it."""

HOLDER: Final = (
    ACCOUNTS.c.account_id,
    ACCOUNTS.c.email_verified,
    ACCOUNTS.c.restricted_at,
    ACCOUNTS.c.leaving_since,
    ACCOUNTS.c.disabled_at,
)
"""What of its holder's account says what a token is worth."""

MAC_LENGTH: Final = 12
ID_BYTES: Final = ID_LENGTH // 2


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session lives without a refresh, and how long at all."""

    idle: timedelta
    absolute: timedelta

    def end(self, begun_at: datetime, now: datetime) -> datetime:
        """When a session ends that is refreshed now for the last time."""
        return min(begun_at + self.absolute, now + self.idle)


LASTING: Final = {
    TokenTransport.BEARER: Lasting(timedelta(days=30), timedelta(days=90)),
    TokenTransport.COOKIE: Lasting(timedelta(days=7), timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class Stolen:
    """A refresh token was used again when its successor was long in use; the session is over."""

    subject_id: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A session's row, and the secrets that its holder is shown this once."""

    row: Any
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Whose session begins, how its secrets travel, and what was proven for it."""

    subject_id: str
    transport: TokenTransport
    factors: Factors
    client: str | None
    now: datetime


async def open_session(connection: AsyncConnection, keys: KeyRing, opening: Opening) -> Opened:
    """A session of its own id, in the transaction that is given."""
    id, now = new_id(), opening.now
    access = _access(keys, id, 0)
    row = {
        "id": id,
        "digest": digest_of(access),
        "role": Role.MEMBER.value,
        "holder_id": opening.subject_id,
        "name": opening.client,
        "issued_by": "login",
        "approved_at": now,
        "created_at": now,
        "expires_at": LASTING[opening.transport].end(now, now),
        "secret_expires_at": now + SECRET_LASTS,
        "generation": 0,
        "transport": opening.transport.value,
        "factors": opening.factors.value,
    }
    await connection.execute(insert(ACCESS_TOKENS), row)
    return Opened(await _row(connection, id), access, _refresh(keys, id, 0))


async def session_of(connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport) -> Any:
    """The `id` and `holder_id` of the session that this refresh token was made for, in whichever of its generations.

    They are read without a lock; None where the token is none of ours, or came another way than it was sent.
    """
    known = _read(keys, token)
    mine = select(ACCESS_TOKENS.c.id, ACCESS_TOKENS.c.holder_id).where(
        ACCESS_TOKENS.c.id == (known[0] if known else ""), ACCESS_TOKENS.c.transport == transport.value
    )
    return (await connection.execute(mine)).one_or_none()


async def refresh(
    connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport, now: datetime
) -> Opened | Stolen | None:
    """The session's next secrets, or the same again within the grace, to whom they travel as they always did."""
    if (known := _read(keys, token)) is None:
        return None
    id, generation = known
    row = await _row(connection, id)
    if row is None or not _goes_on(row, transport, now) or generation > row.generation:
        return None
    if generation == row.generation:
        return await _rotate(connection, keys, row, now)
    if generation == row.generation - 1 and now - row.rotated_at <= GRACE:
        return _again(keys, row)
    mine = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == id)
    await connection.execute(mine.values(revoked_at=now))
    return Stolen(row.holder_id)


def _goes_on(row: Any, transport: TokenTransport, now: datetime) -> bool:
    alive = row.revoked_at is None and row.expires_at > now and row.disabled_at is None
    return alive and row.transport == transport.value


async def _rotate(connection: AsyncConnection, keys: KeyRing, row: Any, now: datetime) -> Opened:
    generation = row.generation + 1
    access = _access(keys, row.id, generation)
    lasting = LASTING[TokenTransport(row.transport)]
    changed = {
        "digest": digest_of(access),
        "previous_digest": row.digest,
        "generation": generation,
        "rotated_at": now,
        "secret_expires_at": now + SECRET_LASTS,
        "expires_at": lasting.end(row.created_at, now),
        "last_used_at": now,
    }
    await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == row.id).values(**changed))
    return Opened(await _row(connection, row.id), access, _refresh(keys, row.id, generation))


def _again(keys: KeyRing, row: Any) -> Opened | None:
    """The pair that was given a moment ago, by the key of that moment."""
    for place in range(len(keys)):
        access = _access(keys, row.id, row.generation, place)
        if digest_of(access) == row.digest:
            return Opened(row, access, _refresh(keys, row.id, row.generation, place))
    return None


async def _row(connection: AsyncConnection, id: str) -> Any:
    """The session with what its holder's account says, locked for the rest of the transaction."""
    joined = select(ACCESS_TOKENS, *HOLDER).join(ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id)
    sessions = joined.where(ACCESS_TOKENS.c.id == id, ACCESS_TOKENS.c.transport.is_not(None))
    return (await connection.execute(sessions.with_for_update(of=ACCESS_TOKENS))).one_or_none()


def _access(keys: KeyRing, id: str, generation: int, place: int = 0) -> str:
    return written(Kind.SESSION, keys.mac("session access", _named(id, generation), place))


def _refresh(keys: KeyRing, id: str, generation: int, place: int = 0) -> str:
    named = _named(id, generation)
    return written(Kind.REFRESH, named + keys.mac("session refresh", named, place)[:MAC_LENGTH])


def _read(keys: KeyRing, token: str) -> tuple[str, int] | None:
    if kind_of(token) is not Kind.REFRESH:
        return None
    secret = secret_of(token)
    named, mac = secret[:-MAC_LENGTH], secret[-MAC_LENGTH:]
    if not keys.recognises("session refresh", named, mac, MAC_LENGTH):
        return None
    return named[:ID_BYTES].hex(), int.from_bytes(named[ID_BYTES:], "big")


def _named(id: str, generation: int) -> bytes:
    return bytes.fromhex(id) + generation.to_bytes(4, "big")

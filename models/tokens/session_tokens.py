"""A session's two secrets: made from its id and generation, so that a refresh that is asked again gives the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import ID_LENGTH, new_id
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.token_format import TokenKind, digest_of, format_token, kind_of, secret_of
from models.vocabulary import Factors, Role, TokenTransport

ACCESS_TOKEN_LIFETIME: Final = timedelta(minutes=15)
REFRESH_GRACE: Final = timedelta(seconds=30)
"""Two tabs, or a lost answer, ask twice with one refresh token within it."""

HOLDER_COLUMNS: Final = (
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
class SessionLifetime:
    """How long a session lives without a refresh, and how long at all."""

    idle: timedelta
    absolute: timedelta

    def end(self, begun_at: datetime, now: datetime) -> datetime:
        """When a session ends that is refreshed now for the last time."""
        return min(begun_at + self.absolute, now + self.idle)


SESSION_LIFETIMES: Final = {
    TokenTransport.BEARER: SessionLifetime(timedelta(days=30), timedelta(days=90)),
    TokenTransport.COOKIE: SessionLifetime(timedelta(days=7), timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class ReusedRefreshToken:
    """A refresh token was used again when its successor was long in use; the session is over."""

    subject_id: str


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """A session's row, and the secrets that its holder is shown this once."""

    row: Any
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """Whose session begins, how its secrets travel, and what was proven for it."""

    subject_id: str
    transport: TokenTransport
    factors: Factors
    client: str | None
    now: datetime


async def open_session(connection: AsyncConnection, keys: KeyRing, opening: NewSession) -> SessionTokens:
    """A session of its own id, in the transaction that is given."""
    id, now = new_id(), opening.now
    access = _access_token(keys, id, 0)
    row = {
        "id": id,
        "digest": digest_of(access),
        "role": Role.MEMBER.value,
        "holder_id": opening.subject_id,
        "name": opening.client,
        "issued_by": "login",
        "approved_at": now,
        "created_at": now,
        "expires_at": SESSION_LIFETIMES[opening.transport].end(now, now),
        "secret_expires_at": now + ACCESS_TOKEN_LIFETIME,
        "generation": 0,
        "transport": opening.transport.value,
        "factors": opening.factors.value,
    }
    await connection.execute(insert(ACCESS_TOKENS), row)
    return SessionTokens(await _locked_session(connection, id), access, _refresh_token(keys, id, 0))


async def session_of(connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport) -> Any:
    """The `id` and `holder_id` of the session that this refresh token was made for, in whichever of its generations.

    They are read without a lock; None where the token is none of ours, or came another way than it was sent.
    """
    known = _parse_refresh_token(keys, token)
    mine = select(ACCESS_TOKENS.c.id, ACCESS_TOKENS.c.holder_id).where(
        ACCESS_TOKENS.c.id == (known[0] if known else ""), ACCESS_TOKENS.c.transport == transport.value
    )
    return (await connection.execute(mine)).one_or_none()


async def refresh_session(
    connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport, now: datetime
) -> SessionTokens | ReusedRefreshToken | None:
    """The session's next secrets, or the same again within the grace, to whom they travel as they always did."""
    if (known := _parse_refresh_token(keys, token)) is None:
        return None
    id, generation = known
    row = await _locked_session(connection, id)
    if row is None or not _is_live(row, transport, now) or generation > row.generation:
        return None
    if generation == row.generation:
        return await _rotate(connection, keys, row, now)
    if generation == row.generation - 1 and now - row.rotated_at <= REFRESH_GRACE:
        return _current_tokens(keys, row)
    mine = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == id)
    await connection.execute(mine.values(revoked_at=now))
    return ReusedRefreshToken(row.holder_id)


def _is_live(row: Any, transport: TokenTransport, now: datetime) -> bool:
    alive = row.revoked_at is None and row.expires_at > now and row.disabled_at is None
    return alive and row.transport == transport.value


async def _rotate(connection: AsyncConnection, keys: KeyRing, row: Any, now: datetime) -> SessionTokens:
    generation = row.generation + 1
    access = _access_token(keys, row.id, generation)
    lasting = SESSION_LIFETIMES[TokenTransport(row.transport)]
    changed = {
        "digest": digest_of(access),
        "previous_digest": row.digest,
        "generation": generation,
        "rotated_at": now,
        "secret_expires_at": now + ACCESS_TOKEN_LIFETIME,
        "expires_at": lasting.end(row.created_at, now),
        "last_used_at": now,
    }
    await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == row.id).values(**changed))
    return SessionTokens(await _locked_session(connection, row.id), access, _refresh_token(keys, row.id, generation))


def _current_tokens(keys: KeyRing, row: Any) -> SessionTokens | None:
    """The pair that was given a moment ago, by the key of that moment."""
    for place in range(len(keys)):
        access = _access_token(keys, row.id, row.generation, place)
        if digest_of(access) == row.digest:
            return SessionTokens(row, access, _refresh_token(keys, row.id, row.generation, place))
    return None


async def _locked_session(connection: AsyncConnection, id: str) -> Any:
    """The session with what its holder's account says, locked for the rest of the transaction."""
    joined = select(ACCESS_TOKENS, *HOLDER_COLUMNS).join(ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id)
    sessions = joined.where(ACCESS_TOKENS.c.id == id, ACCESS_TOKENS.c.transport.is_not(None))
    return (await connection.execute(sessions.with_for_update(of=ACCESS_TOKENS))).one_or_none()


def _access_token(keys: KeyRing, id: str, generation: int, place: int = 0) -> str:
    return format_token(TokenKind.SESSION, keys.mac("session access", _session_bytes(id, generation), place))


def _refresh_token(keys: KeyRing, id: str, generation: int, place: int = 0) -> str:
    named = _session_bytes(id, generation)
    return format_token(TokenKind.REFRESH, named + keys.mac("session refresh", named, place)[:MAC_LENGTH])


def _parse_refresh_token(keys: KeyRing, token: str) -> tuple[str, int] | None:
    if kind_of(token) is not TokenKind.REFRESH:
        return None
    secret = secret_of(token)
    named, mac = secret[:-MAC_LENGTH], secret[-MAC_LENGTH:]
    if not keys.verify_mac("session refresh", named, mac, MAC_LENGTH):
        return None
    return named[:ID_BYTES].hex(), int.from_bytes(named[ID_BYTES:], "big")


def _session_bytes(id: str, generation: int) -> bytes:
    return bytes.fromhex(id) + generation.to_bytes(4, "big")

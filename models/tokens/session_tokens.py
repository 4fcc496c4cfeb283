"""Access and refresh tokens of sessions, derived from session id and generation, so a retry returns the same."""

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
"""How long a used refresh token returns the same pair again, for two tabs or a lost answer."""

HOLDER_COLUMNS: Final = (
    ACCOUNTS.c.account_id,
    ACCOUNTS.c.email_verified,
    ACCOUNTS.c.restricted_at,
    ACCOUNTS.c.leaving_since,
    ACCOUNTS.c.disabled_at,
)
"""The columns of the holder's account that decide what a token may do."""

MAC_LENGTH: Final = 12
ID_BYTES: Final = ID_LENGTH // 2


@dataclass(frozen=True, slots=True)
class SessionLifetime:
    """How long a session lasts: without a refresh (`idle`), and in total (`absolute`)."""

    idle: timedelta
    absolute: timedelta

    def end(self, began_at: datetime, now: datetime) -> datetime:
        """Returns when the session ends if it is not refreshed again."""
        return min(began_at + self.absolute, now + self.idle)


SESSION_LIFETIMES: Final = {
    TokenTransport.BEARER: SessionLifetime(timedelta(days=30), timedelta(days=90)),
    TokenTransport.COOKIE: SessionLifetime(timedelta(days=7), timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class ReusedRefreshToken:
    """A refresh token was reused after the grace period. The session was revoked."""

    subject_id: str


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """A session's row and its new tokens, which are shown only once. A sign-in also has a token of its device."""

    row: Any
    access: str
    refresh: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to begin: its subject, how its tokens are sent, and the factors of the sign-in."""

    subject_id: str
    transport: TokenTransport
    factors: Factors
    client: str | None
    now: datetime


async def open_session(connection: AsyncConnection, keys: KeyRing, session: NewSession) -> SessionTokens:
    """Begins a session. Returns its row and tokens."""
    id, now = new_id(), session.now
    access = _access_token(keys, id, 0)
    row = {
        "id": id,
        "digest": digest_of(access),
        "role": Role.MEMBER.value,
        "holder_id": session.subject_id,
        "name": session.client,
        "issued_by": "login",
        "approved_at": now,
        "created_at": now,
        "expires_at": SESSION_LIFETIMES[session.transport].end(now, now),
        "secret_expires_at": now + ACCESS_TOKEN_LIFETIME,
        "generation": 0,
        "transport": session.transport.value,
        "factors": session.factors.value,
    }
    await connection.execute(insert(ACCESS_TOKENS), row)
    return SessionTokens(await _locked_session(connection, id), access, _refresh_token(keys, id, 0))


def session_id_of(keys: KeyRing, token: str) -> str | None:
    """Returns the id of the refresh token's session, or None if the token is invalid."""
    parsed = _parse_refresh_token(keys, token)
    return parsed[0] if parsed else None


async def session_of(connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport) -> Any:
    """Returns `id` and `holder_id` of the refresh token's session, in any generation, without a lock.

    Returns None if the token is invalid or was not sent by the session's transport.
    """
    parsed = _parse_refresh_token(keys, token)
    session = select(ACCESS_TOKENS.c.id, ACCESS_TOKENS.c.holder_id).where(
        ACCESS_TOKENS.c.id == (parsed[0] if parsed else ""), ACCESS_TOKENS.c.transport == transport.value
    )
    return (await connection.execute(session)).one_or_none()


async def refresh_session(
    connection: AsyncConnection, keys: KeyRing, token: str, transport: TokenTransport, now: datetime
) -> SessionTokens | ReusedRefreshToken | None:
    """Returns the session's next tokens, or the same ones again within the grace period.

    Returns None if the token does not work. Revokes the session if the token was reused later.
    """
    if (parsed := _parse_refresh_token(keys, token)) is None:
        return None
    id, generation = parsed
    row = await _locked_session(connection, id)
    if row is None or not _is_live(row, transport, now) or generation > row.generation:
        return None
    if generation == row.generation:
        return await _rotate(connection, keys, row, now)
    if generation == row.generation - 1 and now - row.rotated_at <= REFRESH_GRACE:
        return _current_tokens(keys, row)
    session = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == id)
    await connection.execute(session.values(revoked_at=now))
    return ReusedRefreshToken(row.holder_id)


def _is_live(row: Any, transport: TokenTransport, now: datetime) -> bool:
    live = row.revoked_at is None and row.expires_at > now and row.disabled_at is None
    return live and row.transport == transport.value


async def _rotate(connection: AsyncConnection, keys: KeyRing, row: Any, now: datetime) -> SessionTokens:
    generation = row.generation + 1
    access = _access_token(keys, row.id, generation)
    lifetime = SESSION_LIFETIMES[TokenTransport(row.transport)]
    changed = {
        "digest": digest_of(access),
        "previous_digest": row.digest,
        "previous_expires_at": row.secret_expires_at,
        "generation": generation,
        "rotated_at": now,
        "secret_expires_at": now + ACCESS_TOKEN_LIFETIME,
        "expires_at": lifetime.end(row.created_at, now),
        "last_used_at": now,
    }
    await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == row.id).values(**changed))
    return SessionTokens(await _locked_session(connection, row.id), access, _refresh_token(keys, row.id, generation))


def _current_tokens(keys: KeyRing, row: Any) -> SessionTokens | None:
    """Returns the current pair again, derived with the key that made it."""
    for index in range(len(keys)):
        access = _access_token(keys, row.id, row.generation, index)
        if digest_of(access) == row.digest:
            return SessionTokens(row, access, _refresh_token(keys, row.id, row.generation, index))
    return None


async def _locked_session(connection: AsyncConnection, id: str) -> Any:
    """Returns the session with the columns of its holder's account, and locks it until the transaction ends."""
    joined = select(ACCESS_TOKENS, *HOLDER_COLUMNS).join(ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id)
    sessions = joined.where(ACCESS_TOKENS.c.id == id, ACCESS_TOKENS.c.transport.is_not(None))
    return (await connection.execute(sessions.with_for_update(of=ACCESS_TOKENS))).one_or_none()


def _access_token(keys: KeyRing, id: str, generation: int, index: int = 0) -> str:
    return format_token(TokenKind.SESSION, keys.mac("session access", _session_bytes(id, generation), index))


def _refresh_token(keys: KeyRing, id: str, generation: int, index: int = 0) -> str:
    session = _session_bytes(id, generation)
    return format_token(TokenKind.REFRESH, session + keys.mac("session refresh", session, index)[:MAC_LENGTH])


def _parse_refresh_token(keys: KeyRing, token: str) -> tuple[str, int] | None:
    if kind_of(token) is not TokenKind.REFRESH:
        return None
    secret = secret_of(token)
    session, mac = secret[:-MAC_LENGTH], secret[-MAC_LENGTH:]
    if not keys.verify_mac("session refresh", session, mac, MAC_LENGTH):
        return None
    return session[:ID_BYTES].hex(), int.from_bytes(session[ID_BYTES:], "big")


def _session_bytes(id: str, generation: int) -> bytes:
    return bytes.fromhex(id) + generation.to_bytes(4, "big")

"""Turns a token into a `Caller`. An invalid token is an error, never an anonymous caller."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select
from starlette.requests import Request

from models.columns import UtcDateTime
from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.session_tokens import HOLDER_COLUMNS, REFRESH_GRACE
from models.tokens.token_format import TokenKind, digest_of, kind_of
from models.tokens.token_standing import HOLDS_ROLE, NOW, TokenStanding, standing_of
from models.vocabulary import STAFF, TokenTransport
from permissions.caller import Caller
from resolvers.context import Services
from resolvers.staff import role_tokens

SCHEME: Final = "bearer"
ACCESS_KINDS: Final = (TokenKind.SESSION, TokenKind.ROLE, TokenKind.PROCESSOR)
"""The kinds of tokens that authenticate a request. Each other kind works only in one mutation."""

LAST_USE_INTERVAL: Final = timedelta(minutes=5)
STAFF_IDLE_TIMEOUT: Final = timedelta(minutes=30)


class Unauthenticated(Exception):
    """A credential that is unknown, expired, revoked or malformed."""


class UnknownToken(Unauthenticated):
    """A well-formed token that the database does not have."""


def bearer_token(request: Request) -> str | None:
    """The bearer token of the request, or None if it has no Authorization header."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != SCHEME or kind_of(token.strip()) not in ACCESS_KINDS:
        raise Unauthenticated
    return token.strip()


@dataclass(frozen=True, slots=True)
class Credential:
    """The secret of a request, and how it was sent."""

    token: str
    transport: TokenTransport


async def authenticate(services: Services, credential: Credential | None, address: str) -> Caller:
    """Returns the caller, with one indexed read. A role token works only while its holder has the role."""
    if credential is None:
        return Caller(address=address)
    now = services.now()
    row = await _token_row(services.database, digest_of(credential.token), now)
    if row is None:
        raise UnknownToken
    if not _is_valid(row, now) or (row.transport or TokenTransport.BEARER) != credential.transport:
        raise Unauthenticated
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_INTERVAL:
        services.last_uses.note(row.id, now)
    return Caller.from_row(row, address)


async def _token_row(database: Database, digest: str, now: datetime) -> Any:
    """The token with this digest, or the session whose previous secret had it a moment ago."""
    known = {"digest": digest, "now": now}
    async with database.reading() as connection:
        row = (await connection.execute(_BY_DIGEST, known)).one_or_none()
        return (
            row
            or (await connection.execute(_BY_PREVIOUS_DIGEST, {**known, "since": now - REFRESH_GRACE})).one_or_none()
        )


def _token_rows(secret_expires_at: Any) -> Any:
    columns = [column for column in ACCESS_TOKENS.c if column is not ACCESS_TOKENS.c.secret_expires_at]
    return select(*columns, secret_expires_at.label("secret_expires_at"), *HOLDER_COLUMNS, HOLDS_ROLE).outerjoin(
        ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id
    )


_BY_DIGEST: Final = _token_rows(ACCESS_TOKENS.c.secret_expires_at).where(ACCESS_TOKENS.c.digest == bindparam("digest"))
_BY_PREVIOUS_DIGEST: Final = _token_rows(ACCESS_TOKENS.c.previous_expires_at).where(
    ACCESS_TOKENS.c.previous_digest == bindparam("digest"),
    ACCESS_TOKENS.c.previous_expires_at > NOW,
    ACCESS_TOKENS.c.rotated_at >= bindparam("since", type_=UtcDateTime()),
)
"""A refresh extends the session, never a secret that it replaces."""


def _is_valid(row: Any, now: datetime) -> bool:
    if standing_of(row, now) is not TokenStanding.STANDS or (row.secret_expires_at or row.expires_at) <= now:
        return False
    return row.role not in STAFF or not _is_idle(row, now)


def _is_idle(row: Any, now: datetime) -> bool:
    """Whether a staff token issued by the API was unused for too long. Tokens of the command line only expire."""
    return bool(
        row.issued_by == role_tokens.ISSUED_BY and now - (row.last_used_at or row.created_at) > STAFF_IDLE_TIMEOUT
    )

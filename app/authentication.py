"""From a bearer token to the caller it stands for; what does not work is never taken for nobody."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, bindparam, exists, select, update
from starlette.requests import Request

from models.bearer import Kind, digest_of, kind_of
from models.columns import Instant
from models.database import Database
from models.issuing import is_live
from models.tables import ACCESS_TOKENS, ACCOUNTS, ROLE_GRANTS
from models.vocabulary import STAFF, Processor, Role
from permissions.caller import Caller

SCHEME: Final = "bearer"
ACCESS: Final = (Kind.SESSION, Kind.ROLE, Kind.PROCESSOR)
"""What opens anything by itself; all other kinds are worth something in one mutation alone."""

USE_IS_NOTED_EVERY: Final = timedelta(minutes=5)


class Unauthenticated(Exception):
    """A credential that is unknown, expired, revoked or malformed."""


def bearer(request: Request) -> str | None:
    """The request's one bearer token, or None where it names none."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != SCHEME or kind_of(token.strip()) not in ACCESS:
        raise Unauthenticated
    return token.strip()


async def authenticated(database: Database, token: str | None, address: str, now: datetime) -> Caller:
    """The caller, by one indexed read; a role counts only while its holder has it."""
    if token is None:
        return Caller(address=address)
    async with database.reading() as connection:
        row = (await connection.execute(_KNOWN, {"digest": digest_of(token), "now": now})).one_or_none()
    if row is None or not _works(row, now):
        raise Unauthenticated
    if row.last_used_at is None or now - row.last_used_at > USE_IS_NOTED_EVERY:
        await _note_use(database, row.id, now)
    return Caller(
        role=Role(row.role),
        subject_id=row.holder_id,
        account_id=row.account_id,
        token_id=row.id,
        processor=Processor(row.processor) if row.processor else None,
        verified=bool(row.email_verified),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        client=row.name,
        address=address,
    )


def _known() -> Any:
    now = bindparam("now", type_=Instant())
    held = exists().where(
        and_(
            ROLE_GRANTS.c.subject_id == ACCESS_TOKENS.c.holder_id,
            ROLE_GRANTS.c.role == ACCESS_TOKENS.c.role,
            is_live(now),
        )
    )
    return (
        select(ACCESS_TOKENS, ACCOUNTS.c.account_id, ACCOUNTS.c.email_verified, held.label("held"))
        .outerjoin(ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id)
        .where(ACCESS_TOKENS.c.digest == bindparam("digest"))
    )


_KNOWN: Final = _known()


def _works(row: Any, now: datetime) -> bool:
    if row.revoked_at is not None or row.expires_at <= now:
        return False
    if row.role in STAFF:
        return bool(row.held)
    if row.role == Role.MEMBER:
        return row.account_id is not None
    return row.processor is not None and row.approved_at is not None


async def _note_use(database: Database, id: str, now: datetime) -> None:
    async with database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == id).values(last_used_at=now))

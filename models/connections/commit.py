"""Commits a transaction of PostgreSQL, and finds out what became of it if the connection was lost meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.connections.unavailable import CommitOutcomeUnknown, is_unavailable

LOOK_SECONDS: Final = 2.0
"""How long the look for a lost transaction may take, with the connection for it."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""The pauses between looks while the server still works on the transaction."""

COMMITTED: Final = "committed"
ABORTED: Final = "aborted"
IN_PROGRESS: Final = "in progress"
"""The answers of PostgreSQL's `pg_xact_status`."""

# after a failover the number may belong to another transaction, so the server must be the same, without a restart
IDENTITY: Final = "SELECT pg_current_xact_id_if_assigned()::text, pg_postmaster_start_time()::text"
STATUS: Final = "SELECT pg_xact_status($1::text::xid8) WHERE pg_postmaster_start_time()::text = $2"


@dataclass(slots=True)
class Commits:
    """Whether a transaction of a block has committed."""

    happened: bool = False


_COMMITS: Final[ContextVar[Commits | None]] = ContextVar("the commits of this block", default=None)


@contextmanager
def noted_commits() -> Iterator[Commits]:
    """Notes whether the body, or a task that it starts, commits a transaction."""
    commits = Commits()
    before = _COMMITS.set(commits)
    try:
        yield commits
    finally:
        _COMMITS.reset(before)


def note_commit() -> None:
    """Notes that a transaction has committed."""
    if commits := _COMMITS.get():
        commits.happened = True


@dataclass(frozen=True, slots=True)
class _Identity:
    """The number of a transaction, and when its server started."""

    number: str
    server_started: str


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Opens a transaction of PostgreSQL that commits when the block ends.

    If the connection is lost during COMMIT, that is not a failure if the transaction took effect. Raises
    CommitOutcomeUnknown if the server does not tell.
    """
    lost: Exception | None = None
    async with engine.connect() as connection, connection.begin() as open_transaction:
        yield connection
        identity = await _identity(connection)
        try:
            await open_transaction.commit()
        except Exception as problem:
            await connection.invalidate()  # the pool would not roll back
            if identity is None or not is_unavailable(problem):
                raise
            lost = problem
    if lost is not None and identity is not None:
        await _require_committed(engine, identity, lost)


async def _identity(connection: AsyncConnection) -> _Identity | None:
    """The identity of the transaction, or None if it has changed nothing."""
    row: Any = (await connection.exec_driver_sql(IDENTITY)).one()
    return _Identity(row[0], row[1]) if row[0] else None


async def _require_committed(engine: AsyncEngine, identity: _Identity, lost: Exception) -> None:
    """Returns if the transaction took effect, and raises the failure if it did not."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            status = await _status(engine, identity)
    except Exception as problem:
        raise CommitOutcomeUnknown from problem
    if status == ABORTED:
        raise lost
    if status != COMMITTED:
        raise CommitOutcomeUnknown from lost


async def _status(engine: AsyncEngine, identity: _Identity) -> str | None:
    """What the server says of the transaction; None if this is not the same server or it has forgotten."""
    asked = (identity.number, identity.server_started)
    async with engine.connect() as connection:
        for pause in (*PAUSES, None):
            status: str | None = (await connection.exec_driver_sql(STATUS, asked)).scalar_one_or_none()
            if status != IN_PROGRESS or pause is None:
                break
            await asyncio.sleep(pause)
    return status

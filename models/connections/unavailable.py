"""Tells a database that cannot answer now from every other failure."""

import errno
import socket
import sqlite3
from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

RETRY_SECONDS: Final = 2
"""After how many seconds a client may try again."""

UNAVAILABLE_CLASSES: Final = ("08", "53", "57", "58")
"""Classes of SQLSTATE: no connection, no resources, an operator's or a time-out's end, an error of the system."""

LOCK_STATES: Final = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that was not free in time, and of a deadlock."""

UNAVAILABLE_STATES: Final = LOCK_STATES | {
    "25006",  # the database is read-only
    "25P03",  # idle in a transaction for too long
    "25P04",  # the transaction took too long
    "40001",  # a standby had to cancel the statement
}
SQLITE_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    }
)
NETWORK_ERRORS: Final = frozenset(
    {
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOSPC,
        None,  # asyncio joins the failures of several addresses into one error without a number
    }
)


class CommitOutcomeUnknown(Exception):
    """The connection was lost during COMMIT, and the database does not tell whether the transaction took effect."""


def is_unavailable(problem: BaseException) -> bool:
    """Whether the database cannot answer now: it cannot be reached, or is overloaded, read-only, full or locked."""
    return any(_is_lack_of_service(each) for each in failure_layers(problem))


def waited_too_long(problem: DBAPIError) -> bool:
    """Whether a statement failed because other transactions held a lock."""
    return getattr(problem.orig, "sqlstate", None) in LOCK_STATES or is_busy(problem.orig)


def is_busy(problem: BaseException | None) -> bool:
    """Whether SQLite refused because another transaction holds a lock."""
    return isinstance(problem, sqlite3.Error) and sqlite_code(problem) == sqlite3.SQLITE_BUSY


def sqlite_code(problem: sqlite3.Error) -> int:
    """The primary error code of SQLite, 0 if the driver itself failed."""
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF


def failure_layers(problem: BaseException) -> Iterator[BaseException]:
    """The failure, and the failure of the driver that SQLAlchemy wrapped in it."""
    yield problem
    if isinstance(problem, StatementError) and problem.orig is not None:
        yield problem.orig
        if problem.orig.__cause__ is not None:
            yield problem.orig.__cause__


def _is_lack_of_service(problem: BaseException) -> bool:
    if isinstance(problem, CommitOutcomeUnknown | PoolTimeout | TimeoutError | ConnectionError | socket.gaierror):
        return True
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        return True
    if isinstance(problem, sqlite3.Error):
        return sqlite_code(problem) in SQLITE_CODES
    if isinstance(problem, OSError):
        return type(problem) is OSError and problem.errno in NETWORK_ERRORS
    state = getattr(problem, "sqlstate", None)
    return isinstance(state, str) and (state in UNAVAILABLE_STATES or state.startswith(UNAVAILABLE_CLASSES))

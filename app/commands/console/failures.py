"""Turns a failure into one sentence that says what to do. Its own text may hold a password or a row, so it is left out.

It names values of the environment only by their setting.
"""

import errno
import socket
import sqlite3
from typing import Final

from limits.errors import ConfigurationError
from maxminddb import InvalidDatabaseError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.connections.unavailable import CommitOutcomeUnknown, failure_layers, sqlite_code

OUTDATED: Final = (
    "The database's schema is outdated or damaged: a table or column is missing. Run `consentql migrate`. "
    "If that does not help, restore a backup."
)
FULL: Final = "The disk of the database is full. Free some space, then repeat the command."
READ_ONLY: Final = (
    "The database is read-only. With PostgreSQL, name the primary server in CONSENTQL_DATABASE_URL. "
    "With SQLite, let this user write to the file and its folder."
)
NOT_SERVING: Final = "PostgreSQL is starting or stopping. Run the command again later."
BUSY: Final = "The database is busy: others are changing it. Run the command again later."
NOT_ALLOWED: Final = "The user in CONSENTQL_DATABASE_URL may not do this. Give it the rights of the tables' owner."
WRONG_LOGIN: Final = "PostgreSQL refuses the user or the password in CONSENTQL_DATABASE_URL."
NO_DATABASE: Final = "PostgreSQL has no database with the name in CONSENTQL_DATABASE_URL. Create it."
CROWDED: Final = "PostgreSQL has no free connection. Raise its max_connections, or lower CONSENTQL_DATABASE_POOL."
DAMAGED: Final = "The file of the database is damaged, or is not a SQLite database. Restore a backup."
NOT_OPENED: Final = "The file of the database cannot be opened. Check its path, its folder and their owner."
UNREACHED: Final = "The database cannot be reached ({kind}). Check CONSENTQL_DATABASE_URL, and that its server runs."
UNKNOWN_COMMIT: Final = (
    "The connection was lost while the database committed. Look whether the command took effect before you repeat it."
)
DISK_FULL: Final = "The disk is full. Free some space, then repeat the command."
NOT_MAXMIND: Final = "The file in CONSENTQL_GEOIP_DATABASE is damaged, or is not a MaxMind database."
NOT_REDIS: Final = "CONSENTQL_REDIS_URL is not the URL of a Redis that this program can use."
OTHER: Final = (
    "The database refused a statement ({kind}). Run `consentql migrate`, and look into the database's own log."
)

STATES: Final = {
    "42P01": OUTDATED,
    "42703": OUTDATED,
    "3F000": OUTDATED,
    "53100": FULL,
    "53300": CROWDED,
    "25006": READ_ONLY,
    "42501": NOT_ALLOWED,
    "28000": WRONG_LOGIN,
    "28P01": WRONG_LOGIN,
    "3D000": NO_DATABASE,
    "55P03": BUSY,
    "40P01": BUSY,
    "57014": BUSY,
    "57P01": NOT_SERVING,
    "57P02": NOT_SERVING,
    "57P03": NOT_SERVING,
}
"""What to do about a failure of PostgreSQL, by its SQLSTATE."""

SQLITE: Final = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CANTOPEN: NOT_OPENED,
    sqlite3.SQLITE_PERM: NOT_OPENED,
}
"""What to do about a failure of SQLite, by its primary result code."""

MISSING_IN_SQLITE: Final = ("no such table", "no such column", "has no column named")
"""What SQLite's text has for a missing part of the schema. Its code is that of every wrong statement."""

FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

FAILURES: Final = (SQLAlchemyError, CommitOutcomeUnknown, ConfigurationError, InvalidDatabaseError, OSError)
"""The failures that have a sentence. Any other is a fault of the program."""


def sentence_of(problem: BaseException) -> str:
    """What failed, and what to do."""
    if isinstance(problem, ConfigurationError):
        return NOT_REDIS
    if isinstance(problem, InvalidDatabaseError):
        return NOT_MAXMIND
    if isinstance(problem, CommitOutcomeUnknown):
        return UNKNOWN_COMMIT
    for each in failure_layers(problem):
        if sentence := _known(each):
            return sentence
    kind = type(problem).__name__
    return OTHER.format(kind=kind) if isinstance(problem, SQLAlchemyError) else UNREACHED.format(kind=kind)


def _known(problem: BaseException) -> str | None:
    if isinstance(problem, PoolTimeout):
        return BUSY
    if isinstance(problem, sqlite3.Error):
        if any(text in str(problem) for text in MISSING_IN_SQLITE):
            return OUTDATED
        return SQLITE.get(sqlite_code(problem))
    if isinstance(problem, OSError):
        return _of_system(problem)
    state = getattr(problem, "sqlstate", None)
    if isinstance(state, str) and state.startswith("08"):
        return UNREACHED.format(kind=state)
    return STATES.get(state) if isinstance(state, str) else None


def _of_system(problem: OSError) -> str:
    if problem.errno in FULL_DISK:
        return DISK_FULL
    if problem.filename is not None and not isinstance(problem, ConnectionError | socket.gaierror | TimeoutError):
        return f"Cannot open {problem.filename}: {problem.strerror}."
    return UNREACHED.format(kind=type(problem).__name__)

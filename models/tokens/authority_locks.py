"""Locks on the authority of tokens and roles, for the length of a transaction.

A transaction that acts shares the locks of its token and role. A transaction that ends authority locks them
exclusively. So an end waits for those that already act, and those that come later see the end.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from models.vocabulary import STAFF, Role

LOCK_WAIT: Final = timedelta(seconds=5)
"""How long staff and processors wait for a lock. This bounds how long the end of their authority waits for them."""

MOST_AT_ONCE: Final = 1000
"""Locks per statement. PostgreSQL returns at most 1,664 columns."""

WAITING: Final = (
    "WITH before AS MATERIALIZED (SELECT current_setting('lock_timeout') AS value) "
    "SELECT set_config('lock_timeout', coalesce($1, before.value), true), {locks}, "
    "set_config('lock_timeout', before.value, true) FROM before"
)
"""Takes locks with a separate time limit, and then restores the one of the transaction."""

HELD: Final = "authority_held_exclusively"


class _Kind(IntEnum):
    TOKEN = 0
    ROLE = 1


@dataclass(frozen=True, slots=True, order=True)
class AuthorityKey:
    """The number of a lock: for one token, or for one role of one person. Keys sort in the order of locking."""

    kind: int
    number: int


def key_of_token(token_id: str) -> AuthorityKey:
    """The key of one token or session."""
    return _key(_Kind.TOKEN, token_id)


def key_of_role(subject_id: str, role: Role) -> AuthorityKey:
    """The key of one role of one person. Their sessions have the role MEMBER."""
    return _key(_Kind.ROLE, f"{subject_id} {role.value}")


def keys_of_person(subject_id: str) -> tuple[AuthorityKey, ...]:
    """The keys of every role of one person, which cover all their tokens."""
    return tuple(key_of_role(subject_id, role) for role in (Role.MEMBER, *STAFF))


def _key(kind: _Kind, text: str) -> AuthorityKey:
    # not keyed by the key ring: all processes must compute the same number while they load a new key one by one
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8, key=kind.name.encode()).digest()
    return AuthorityKey(kind, int.from_bytes(digest, "big", signed=True))


async def lock(
    connection: AsyncConnection,
    *,
    shared: Iterable[AuthorityKey] = (),
    exclusive: Iterable[AuthorityKey] = (),
    wait: timedelta | None = None,
) -> None:
    """Takes all locks of a transaction in one order, before it locks any row.

    It waits for `wait`. Without it, it waits as long as the transaction waits for locks, or as long as a statement may
    take if it ends authority.

    On SQLite a transaction that writes excludes all others, so there is nothing to lock.
    """
    ends = _held_exclusively(connection) | frozenset(exclusive)
    await connection.execution_options(**{HELD: ends})
    keys = sorted({*shared, *ends})
    if not keys or connection.dialect.name == "sqlite":
        return
    limit = str(int(wait / timedelta(milliseconds=1))) if wait else "0" if ends else None
    for first in range(0, len(keys), MOST_AT_ONCE):
        some = keys[first : first + MOST_AT_ONCE]
        calls = (f"pg_advisory_xact_lock{'' if key in ends else '_shared'}(${n})" for n, key in enumerate(some, 2))
        statement = WAITING.format(locks=", ".join(calls))
        await connection.exec_driver_sql(statement, (limit, *(key.number for key in some)))


async def lock_exclusively(connection: AsyncConnection, keys: Iterable[AuthorityKey]) -> None:
    """Takes the locks of an end of authority, unless the transaction has them already. It waits as long as needed."""
    wanted = frozenset(keys)
    if not wanted <= _held_exclusively(connection):
        await lock(connection, exclusive=wanted)


def _held_exclusively(connection: AsyncConnection) -> frozenset[AuthorityKey]:
    """The keys that this transaction locked exclusively. Each transaction has a new connection object of the pool."""
    options = connection.sync_connection.get_execution_options() if connection.sync_connection else {}
    held: frozenset[AuthorityKey] = options.get(HELD, frozenset())
    return held

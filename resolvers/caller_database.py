"""The database as one caller may use it: each transaction checks the caller's authority itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.connections.unavailable import is_unavailable, waited_too_long
from models.database import Database
from models.tokens import authority_locks
from models.tokens.authority_locks import AuthorityKey
from models.tokens.token_standing import TokenStanding, read_standing
from permissions.caller import Caller
from permissions.errors import LockNotFree, RoleEnded, not_recorded, unknown_token

IS_CHECKED: Final[ContextVar[bool]] = ContextVar("the authority of this root field was checked", default=False)

RECORDS: Final = "records_disclosures"


async def mark_as_recording(connection: AsyncConnection) -> None:
    """Notes that the transaction has entries of the ledger: if it cannot commit, they are not recorded."""
    await connection.execution_options(**{RECORDS: True})


def _is_recording(connection: AsyncConnection) -> bool:
    return bool(connection.sync_connection and connection.sync_connection.get_execution_options().get(RECORDS))


@dataclass(frozen=True, slots=True)
class CallerDatabase:
    """Transactions of one caller.

    Resolvers have no other way to the database, so no root field can act after the caller's authority has ended.
    """

    database: Database
    caller: Caller
    now: Callable[[], datetime]
    turns: asyncio.Lock

    @asynccontextmanager
    async def writing(
        self, *, ends: Iterable[AuthorityKey] = (), replaces: Iterable[AuthorityKey] = ()
    ) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that acts under the caller's authority, which stands until it commits.

        `ends` names the authority that it ends: it waits for those who act under it, and never gives up.
        `replaces` names authority that it grants again. For that it waits as others do.
        """
        ended = tuple(ends)
        opened = self.database.writing(patient=bool(ended))
        async with self._locked(opened, (*ended, *replaces), never_gives_up=bool(ended)) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection for reading. For staff and processors it is one transaction that holds their authority.

        Those who read by a case or request write to the ledger in the same transaction.
        """
        if self.caller.token_id is not None and not self.caller.is_member:
            opened = self.database.writing() if self.caller.case_audience else self.database.acting()
            async with self.turns, self._locked(opened) as connection:  # entries in the order of the document
                yield connection
            return
        async with self.database.reading() as connection:
            await self._check_once(connection)
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection that sees one state of the database for the whole block, in which the caller may act."""
        async with self.database.snapshot() as connection:
            await self._check(connection)
            yield connection

    async def check(self) -> None:
        """Checks the caller's authority for a root field whose parts are read later, or not at all."""
        async with self.reading():
            return

    @asynccontextmanager
    async def _locked(
        self,
        opened: AbstractAsyncContextManager[AsyncConnection],
        ends: tuple[AuthorityKey, ...] = (),
        *,
        never_gives_up: bool = False,
    ) -> AsyncIterator[AsyncConnection]:
        wait = None if never_gives_up or self.caller.is_member else authority_locks.LOCK_WAIT
        is_recording = False
        try:
            async with opened as connection:
                await authority_locks.lock(connection, shared=self._keys(), exclusive=ends, wait=wait)
                await self._check(connection)
                yield connection
                is_recording = _is_recording(connection)
        except Exception as problem:
            waited = isinstance(problem, DBAPIError) and waited_too_long(problem)
            if is_recording and (waited or not is_unavailable(problem)):  # the commit failed
                raise not_recorded() from problem
            if waited:
                raise LockNotFree from problem
            raise

    def _keys(self) -> tuple[AuthorityKey, ...]:
        caller = self.caller
        if caller.token_id is None:
            return ()
        token = authority_locks.key_of_token(caller.token_id)
        return (token, authority_locks.key_of_role(caller.subject_id, caller.role)) if caller.subject_id else (token,)

    async def _check_once(self, connection: AsyncConnection) -> None:
        if not IS_CHECKED.get():
            await self._check(connection)

    async def _check(self, connection: AsyncConnection) -> None:
        """Reads the token again. Raises UNAUTHENTICATED if it ended, or FORBIDDEN if the holder's role did."""
        if self.caller.token_id is None:
            return
        now = self.now()
        standing = await read_standing(connection, self.caller.token_id, now)
        if standing is TokenStanding.ROLE_ENDED:
            raise RoleEnded
        expired = self.caller.expires_at is not None and self.caller.expires_at <= now
        if expired or standing is TokenStanding.TOKEN_ENDED:
            raise unknown_token()
        IS_CHECKED.set(True)

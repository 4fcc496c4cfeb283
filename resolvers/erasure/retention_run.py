"""Counts or deletes records at the end of their retention period.

Each batch commits, so a run can stop, resume, or run at the same time as another.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Table, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import inserts
from models.columns import new_id
from models.tables import (
    ACCOUNTS,
    CONSENT_RECORDS,
    DISCLOSURES,
    PROCESSOR_VIEWS,
    READINGS,
    SUPPORT_CASES,
    UNSCRUBBED,
)
from models.tokens.authority_locks import lock_exclusively
from models.tokens.token_rows import keys_in_use
from permissions.events.values import Erased
from permissions.masked_columns import floor_parameters
from permissions.retention_periods import RecordKind
from resolvers.consent import erasure_date
from resolvers.consent.erasure_date import PURPOSE_TABLES
from resolvers.context import Services
from resolvers.erasure import prune_logs
from resolvers.erasure.erase_people import Eraser, is_due_for_erasure
from resolvers.erasure.expiring_rows import EXPIRING_ROWS
from resolvers.erasure.personal_tables import OWNER_COLUMNS
from resolvers.subjects import legal_hold_values
from resolvers.subjects.legal_hold_values import HOLD_TABLES, is_remnant
from resolvers.subjects.legal_holds import held_fields

BATCH: Final = 500
"""People or rows per transaction."""
READINGS_AT_ONCE: Final = 50
"""Readings per transaction. A reading has up to 1,000 entries."""

RESTORED: Final = Erased.AGAIN.value
"""Counts people in the register who have an account, because a backup was restored."""
RELEASED: Final = Erased.HELD_VALUES.value
"""Counts people with retained values that are no longer under legal hold."""

BatchAction = Callable[[AsyncConnection], Awaitable[int]]
AccountAction = Callable[[AsyncConnection, Sequence[str]], Awaitable[int]]


class Register(Protocol):
    """Lists outside the database who was erased, so that a restored backup does not bring them back."""

    def ids(self) -> Iterable[str]:
        """Lists the ids of erased people."""

    def add(self, ids: Sequence[str], at: datetime) -> None:
        """Adds ids, and returns once they are durable on disk."""


@dataclass(slots=True)
class RetentionRun:
    """A retention run. All periods count from its start."""

    services: Services
    register: Register
    advance: Callable[[int], None] = lambda _done: None
    counts: Counter[str] = field(init=False)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.services.now()
        self.counts = _no_counts()

    def _before(self, kind: RecordKind) -> datetime:
        return self.now - self.services.retention[kind].period

    async def due(self) -> Counter[str]:
        """Counts what `delete_due` would delete now, by kind, and changes nothing."""
        counts = _no_counts()
        restored = await self._restored_people()
        erased = inserts.is_one_of(ACCOUNTS.c.id, restored, is_sqlite=self.services.database.is_sqlite)
        due = or_(self._is_account_due(), erased)
        people = select(ACCOUNTS.c.id).where(due).correlate(None)
        async with self.services.database.reading() as connection:
            counts[RESTORED] = len(restored)
            counts[RELEASED] = await self._count_held(connection, ~erased)
            counts[RecordKind.ACCOUNTS] = await _count_accounts(connection, and_(due, ~erased))
            for purpose in PURPOSE_TABLES:
                lapsed = erasure_date.is_due(purpose, self._before(RecordKind.LAPSED_PURPOSES))
                counts[RecordKind.LAPSED_PURPOSES] += await _count_accounts(
                    connection, and_(lapsed, ACCOUNTS.c.id.not_in(people))
                )
            records, entries = self._before(RecordKind.CONSENT_RECORDS), self._before(RecordKind.DISCLOSURES)
            counts[RecordKind.CONSENT_RECORDS] = await prune_logs.count_consent_records(connection, records)
            counts[RecordKind.DISCLOSURES] = await prune_logs.count_ledger_entries(connection, entries, self.now)
            for each in EXPIRING_ROWS:
                counts[each.kind] += await each.count(connection, self._before(each.kind), people)
        return counts

    async def delete_due(self) -> Counter[str]:
        """Deletes what is due. People come before the ledger, which names the processors that must erase them."""
        for some in _batches(await self._restored_people()):
            await self._for_accounts(RESTORED, and_(~is_remnant, ACCOUNTS.c.id.in_(some)), self._erase, ERASED_FROM)
        await self._for_accounts(
            RELEASED, _has_held_values(), self._release_values, (ACCOUNTS, *HOLD_TABLES.values(), READINGS)
        )
        await self._for_accounts(RecordKind.ACCOUNTS, self._is_account_due(), self._erase, ERASED_FROM)
        for purpose, table in PURPOSE_TABLES.items():
            lapsed = erasure_date.is_due(purpose, self._before(RecordKind.LAPSED_PURPOSES))
            move = partial(self._move_to_hold, table)
            await self._for_accounts(RecordKind.LAPSED_PURPOSES, lapsed, move, (table, HOLD_TABLES[table]))
        await self._prune_logs()
        for each in EXPIRING_ROWS:
            delete_due = partial(each.delete_due, before=self._before(each.kind), most=BATCH)
            await self._repeat(each.kind, delete_due, (each.table,))
        return self.counts

    def _is_account_due(self) -> ColumnElement[bool]:
        return is_due_for_erasure(self._before(RecordKind.ACCOUNTS))

    async def _restored_people(self) -> list[str]:
        """Lists people in the register who have an account."""
        found: list[str] = []
        async with self.services.database.reading() as connection:
            for some in _batches(self.register.ids()):
                here = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(some), ~is_remnant).order_by(ACCOUNTS.c.id)
                found += (await connection.execute(here)).scalars()
        return found

    async def _prune_logs(self) -> None:
        keys, records = self.services.keys, self._before(RecordKind.CONSENT_RECORDS)
        prune = partial(prune_logs.prune_consent_records, keys=keys, before=records, most=BATCH)
        await self._repeat(RecordKind.CONSENT_RECORDS, prune, (CONSENT_RECORDS,))
        for log in prune_logs.LEDGERS:
            before, most = self._before(RecordKind.DISCLOSURES), READINGS_AT_ONCE
            prune = partial(prune_logs.prune_ledger, keys=keys, log=log, before=before, now=self.now, most=most)
            await self._repeat(RecordKind.DISCLOSURES, prune, (DISCLOSURES, READINGS))

    async def _repeat(self, kind: str, act: BatchAction, tables: Iterable[Table]) -> None:
        while True:
            async with self.services.database.writing() as connection:
                if done := await act(connection):
                    await _note_tables(connection, tables)
            if not done:
                return
            self._add_progress(kind, done)

    async def _for_accounts(
        self, kind: str, condition: ColumnElement[bool], act: AccountAction, tables: Iterable[Table]
    ) -> None:
        """Acts on locked accounts in the order of their ids. Accounts locked by others wait for the next run."""
        after = ""
        while True:
            some = select(ACCOUNTS.c.id).where(condition, ACCOUNTS.c.id > after).order_by(ACCOUNTS.c.id)
            async with self.services.database.writing(patient=True) as connection:
                ids = list((await connection.execute(some.limit(BATCH), floor_parameters())).scalars())
                if not ids:
                    return
                due = await self._lock_due(connection, ids, condition)
                if done := await act(connection, due) if due else 0:
                    await _note_tables(connection, tables)
            after = ids[-1]
            self._add_progress(kind, done)

    async def _lock_due(
        self, connection: AsyncConnection, ids: Sequence[str], condition: ColumnElement[bool]
    ) -> list[str]:
        """Locks those of the accounts that are still due, and before them the authority of their holders."""
        keys = await keys_in_use(connection, ids)
        await lock_exclusively(connection, keys)
        theirs = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(ids))
        locked = theirs.order_by(ACCOUNTS.c.id).with_for_update(skip_locked=True)
        free = list((await connection.execute(locked)).scalars())
        if await keys_in_use(connection, free) - keys:  # those who signed in meanwhile wait for the next run
            free = [id for id in free if not await keys_in_use(connection, [id]) - keys]
        # another run may have changed them before the lock
        still = theirs.where(condition, ACCOUNTS.c.id.in_(free)).order_by(ACCOUNTS.c.id)
        return list((await connection.execute(still, floor_parameters())).scalars())

    def _add_progress(self, kind: str, done: int) -> None:
        self.counts[kind] += done
        self.advance(self.counts.total())

    async def _erase(self, connection: AsyncConnection, ids: Sequence[str]) -> int:
        """Writes the register before the commit, so that a crash in between leaves the same people to the next run."""
        await Eraser(connection, self.services.keys, self.now).erase(ids)
        self.register.add(ids, self.now)
        return len(ids)

    async def _move_to_hold(self, table: Table, connection: AsyncConnection, ids: Sequence[str]) -> int:
        await legal_hold_values.move_to_hold(connection, table, ids, await held_fields(connection, ids, self.now))
        return len(ids)

    async def _release_values(self, connection: AsyncConnection, ids: Sequence[str]) -> int:
        """Erases values no longer under legal hold, and the reasons of readings of accounts without any other."""
        done = await legal_hold_values.release_values(connection, ids, await held_fields(connection, ids, self.now))
        there = set((await connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(ids)))).scalars())
        gone = [id for id in ids if id not in there]
        await Eraser(connection, self.services.keys, self.now).erase_reasons(gone)
        return done

    async def _count_held(self, connection: AsyncConnection, among: ColumnElement[bool]) -> int:
        there = select(ACCOUNTS.c.id).where(_has_held_values(), among)
        ids, counted = list((await connection.execute(there)).scalars()), 0
        for some in _batches(ids):
            holds = await held_fields(connection, some, self.now)
            counted += await legal_hold_values.release_values(connection, some, holds, acting=False)
        return counted


async def _note_tables(connection: AsyncConnection, tables: Iterable[Table]) -> None:
    """Notes the tables to vacuum, so that the next run does it if this one stops before."""
    await connection.execute(insert(UNSCRUBBED), [{"id": new_id(), "name": table.name} for table in tables])


ERASED_FROM: Final = (ACCOUNTS, *HOLD_TABLES, *OWNER_COLUMNS, SUPPORT_CASES, READINGS, PROCESSOR_VIEWS)


def _no_counts() -> Counter[str]:
    return Counter(dict.fromkeys((RESTORED, RELEASED, *map(str, RecordKind)), 0))


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for id in ids:
        batch.append(id)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _has_held_values() -> ColumnElement[bool]:
    owners = (table.c.subject_id for table in HOLD_TABLES.values())
    return or_(is_remnant, *(select(owner).where(owner == ACCOUNTS.c.id).exists() for owner in owners))


async def _count_accounts(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    counted: Any = select(func.count()).select_from(ACCOUNTS).where(condition)
    return int((await connection.execute(counted, floor_parameters())).scalar_one())

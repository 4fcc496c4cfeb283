"""What is due to go, counted or done: in batches that each commit, so that a run may stop, go on, or meet another."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Table, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import bulk_insert
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
"""So many people or rows go in one transaction."""
READINGS_AT_ONCE: Final = 50
"""Each has up to a thousand entries."""

AGAIN: Final = "erased_again"
"""People whom the register knows as erased and who are here: a backup was restored."""
HELD: Final = "held_back"
"""People of whom something was held back that no request holds any more."""

Act = Callable[[AsyncConnection], Awaitable[int]]
ActOn = Callable[[AsyncConnection, Sequence[str]], Awaitable[int]]


class Register(Protocol):
    """Remembers outside the database who was erased, so that no backup brings them back."""

    def ids(self) -> Iterable[str]:
        """Whom it knows."""

    def add(self, ids: Sequence[str], at: datetime) -> None:
        """Returns once they are written down for good."""


@dataclass(slots=True)
class Retention:
    """One run, as of one instant."""

    services: Services
    register: Register
    advance: Callable[[int], None] = lambda _done: None
    counts: Counter[str] = field(init=False)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.services.now()
        self.counts = _none()

    def _before(self, kind: RecordKind) -> datetime:
        return self.now - self.services.retention[kind].period

    async def due(self) -> Counter[str]:
        """How much of each kind `act` would let go now; nothing is touched."""
        counts = _none()
        again = await self._again()
        erased = bulk_insert.is_one_of(ACCOUNTS.c.id, again, is_sqlite=self.services.database.is_sqlite)
        going = or_(self._over(), erased)
        people = select(ACCOUNTS.c.id).where(going).correlate(None)
        async with self.services.database.reading() as connection:
            counts[AGAIN] = len(again)
            counts[HELD] = await self._count_held(connection, ~erased)
            counts[RecordKind.ACCOUNTS] = await _count(connection, and_(going, ~erased))
            for purpose in PURPOSE_TABLES:
                lapsed = erasure_date.is_due(purpose, self._before(RecordKind.LAPSED_PURPOSES))
                counts[RecordKind.LAPSED_PURPOSES] += await _count(
                    connection, and_(lapsed, ACCOUNTS.c.id.not_in(people))
                )
            records, entries = self._before(RecordKind.CONSENT_RECORDS), self._before(RecordKind.DISCLOSURES)
            counts[RecordKind.CONSENT_RECORDS] = await prune_logs.count_consent_records(connection, records)
            counts[RecordKind.DISCLOSURES] = await prune_logs.count_ledger_entries(connection, entries, self.now)
            for each in EXPIRING_ROWS:
                counts[each.kind] += await each.count(connection, self._before(each.kind), people)
        return counts

    async def act(self) -> Counter[str]:
        """Lets go what is due: people before the ledger by which their processors are told to forget them."""
        for some in _batches(await self._again()):
            await self._people(AGAIN, and_(~is_remnant, ACCOUNTS.c.id.in_(some)), self._erase, ERASED_FROM)
        await self._people(HELD, _something_aside(), self._let_go, (ACCOUNTS, *HOLD_TABLES.values(), READINGS))
        await self._people(RecordKind.ACCOUNTS, self._over(), self._erase, ERASED_FROM)
        for purpose, table in PURPOSE_TABLES.items():
            lapsed = erasure_date.is_due(purpose, self._before(RecordKind.LAPSED_PURPOSES))
            move = partial(self._put_aside, table)
            await self._people(RecordKind.LAPSED_PURPOSES, lapsed, move, (table, HOLD_TABLES[table]))
        await self._thin()
        for each in EXPIRING_ROWS:
            delete_due = partial(each.delete_due, before=self._before(each.kind), most=BATCH)
            await self._until_none(each.kind, delete_due, (each.table,))
        return self.counts

    def _over(self) -> ColumnElement[bool]:
        return is_due_for_erasure(self._before(RecordKind.ACCOUNTS))

    async def _again(self) -> list[str]:
        """Whom the register names and who are here as if they had never gone."""
        found: list[str] = []
        async with self.services.database.reading() as connection:
            for some in _batches(self.register.ids()):
                here = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(some), ~is_remnant).order_by(ACCOUNTS.c.id)
                found += (await connection.execute(here)).scalars()
        return found

    async def _thin(self) -> None:
        keys, records = self.services.keys, self._before(RecordKind.CONSENT_RECORDS)
        thin = partial(prune_logs.prune_consent_records, keys=keys, before=records, most=BATCH)
        await self._until_none(RecordKind.CONSENT_RECORDS, thin, (CONSENT_RECORDS,))
        for log in prune_logs.LEDGERS:
            before, most = self._before(RecordKind.DISCLOSURES), READINGS_AT_ONCE
            take = partial(prune_logs.prune_ledger, keys=keys, log=log, before=before, now=self.now, most=most)
            await self._until_none(RecordKind.DISCLOSURES, take, (DISCLOSURES, READINGS))

    async def _until_none(self, kind: str, act: Act, tables: Iterable[Table]) -> None:
        while True:
            async with self.services.database.writing() as connection:
                if done := await act(connection):
                    await _note(connection, tables)
            if not done:
                return
            self._did(kind, done)

    async def _people(self, kind: str, condition: ColumnElement[bool], act: ActOn, tables: Iterable[Table]) -> None:
        """Acts on accounts in the order of their ids, each locked; one that somebody holds waits for the next run."""
        after = ""
        while True:
            some = select(ACCOUNTS.c.id).where(condition, ACCOUNTS.c.id > after).order_by(ACCOUNTS.c.id)
            async with self.services.database.writing() as connection:
                locked = some.limit(BATCH).with_for_update(skip_locked=True)
                ids = list((await connection.execute(locked, floor_parameters())).scalars())
                if not ids:
                    return
                # another run may have had them between the look and the lock
                still = select(ACCOUNTS.c.id).where(condition, ACCOUNTS.c.id.in_(ids)).order_by(ACCOUNTS.c.id)
                due = list((await connection.execute(still, floor_parameters())).scalars())
                if done := await act(connection, due) if due else 0:
                    await _note(connection, tables)
            after = ids[-1]
            self._did(kind, done)

    def _did(self, kind: str, done: int) -> None:
        self.counts[kind] += done
        self.advance(self.counts.total())

    async def _erase(self, connection: AsyncConnection, ids: Sequence[str]) -> int:
        """The register knows before the transaction commits: between the two the next run finds the same people."""
        await Eraser(connection, self.services.keys, self.now).erase(ids)
        self.register.add(ids, self.now)
        return len(ids)

    async def _put_aside(self, table: Table, connection: AsyncConnection, ids: Sequence[str]) -> int:
        await legal_hold_values.move_to_hold(connection, table, ids, await held_fields(connection, ids, self.now))
        return len(ids)

    async def _let_go(self, connection: AsyncConnection, ids: Sequence[str]) -> int:
        """With the last that was held go the reasons for which it was read since the account was erased."""
        done = await legal_hold_values.release_values(connection, ids, await held_fields(connection, ids, self.now))
        there = set((await connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(ids)))).scalars())
        gone = [id for id in ids if id not in there]
        await Eraser(connection, self.services.keys, self.now).erase_reasons(gone)
        return done

    async def _count_held(self, connection: AsyncConnection, among: ColumnElement[bool]) -> int:
        there = select(ACCOUNTS.c.id).where(_something_aside(), among)
        ids, counted = list((await connection.execute(there)).scalars()), 0
        for some in _batches(ids):
            holds = await held_fields(connection, some, self.now)
            counted += await legal_hold_values.release_values(connection, some, holds, acting=False)
        return counted


async def _note(connection: AsyncConnection, tables: Iterable[Table]) -> None:
    """Whoever is stopped before the tables are written anew leaves it to the next run."""
    await connection.execute(insert(UNSCRUBBED), [{"id": new_id(), "name": table.name} for table in tables])


ERASED_FROM: Final = (ACCOUNTS, *HOLD_TABLES, *OWNER_COLUMNS, SUPPORT_CASES, READINGS, PROCESSOR_VIEWS)


def _none() -> Counter[str]:
    return Counter(dict.fromkeys((AGAIN, HELD, *map(str, RecordKind)), 0))


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for id in ids:
        batch.append(id)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _something_aside() -> ColumnElement[bool]:
    kept = (
        select(aside.c.subject_id).where(aside.c.subject_id == ACCOUNTS.c.id).exists() for aside in HOLD_TABLES.values()
    )
    return or_(is_remnant, *kept)


async def _count(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    counted: Any = select(func.count()).select_from(ACCOUNTS).where(condition)
    return int((await connection.execute(counted, floor_parameters())).scalar_one())

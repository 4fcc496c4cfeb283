"""Withdrawals: which fields each processor must erase after a withdrawal, an objection or an erasure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import is_storable, new_id, sort_key
from models.logs import ledger
from models.logs.ledger import LEDGER
from models.tables import WITHDRAWALS
from models.vocabulary import Audience, PersonalField, Processor, Purpose, fields_of
from permissions.decision import bits_under_purpose
from permissions.errors import bad_input
from resolvers.arguments import WithdrawalIds
from resolvers.context import Context
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged, row_by_row

DUE_AFTER: Final = timedelta(hours=72)
MOST_IDS: Final = 100
OLDEST_FIRST: Final = Keyset(WITHDRAWALS.c.ordinal)
ONE_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Copies:
    """The fields of one subject that a processor holds according to the ledger, and when it last received any."""

    fields: int
    last_disclosed_at: datetime | None


async def copies_of(connection: AsyncConnection, subject_id: str) -> dict[Processor, Copies]:
    """For each processor: fields that were disclosed to it and that it has not yet acknowledged as erased."""
    audiences = [processor.value for processor in Processor]
    disclosed = (
        select(LEDGER.c.audience, LEDGER.c.fields, func.max(LEDGER.c.ordinal).label("ordinal"))
        .where(ledger.is_about(subject_id), LEDGER.c.audience.in_(audiences))
        .group_by(LEDGER.c.audience, LEDGER.c.fields)
    )
    acknowledged = select(WITHDRAWALS).where(
        WITHDRAWALS.c.subject_id == subject_id, WITHDRAWALS.c.acknowledged_at.is_not(None)
    )
    entries = (await connection.execute(disclosed)).all()
    erased = (await connection.execute(acknowledged)).all()
    return {processor: _copies(processor, entries, erased) for processor in Processor}


def _copies(processor: Processor, entries: Iterable[Any], acknowledged: Iterable[Any]) -> Copies:
    mine = [entry for entry in entries if entry.audience == processor]
    fields = 0
    for entry in mine:
        later = (each for each in acknowledged if each.processor == processor and each.ordinal > entry.ordinal)
        erased = 0
        for each in later:
            erased |= each.fields
        fields |= entry.fields & ~erased
    newest = max((entry.ordinal for entry in mine), default=None)
    return Copies(fields, ordinal_time(newest) if newest else None)


def ordinal_time(text: str) -> datetime:
    """The time that an ordinal contains."""
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(microseconds=int(text[:20]))


async def record_withdrawals(
    connection: AsyncConnection, subject_id: str, losing: dict[Processor, int], now: datetime
) -> None:
    """Records a withdrawal for each processor that holds some of the fields in `losing`."""
    copies = await copies_of(connection, subject_id)
    lost = {processor: copies[processor].fields & fields for processor, fields in losing.items()}
    if due := [
        _row(processor, subject_id, fields, later_than(copies[processor].last_disclosed_at, now))
        for processor, fields in lost.items()
        if fields
    ]:
        await connection.execute(insert(WITHDRAWALS), due)


def later_than(earlier: datetime | None, now: datetime) -> datetime:
    """Now, or one microsecond after `earlier` if another server's clock is ahead."""
    return max(now, earlier + ONE_MICROSECOND) if earlier else now


def _row(processor: Processor, subject_id: str, fields: int, now: datetime) -> dict[str, Any]:
    id = new_id()
    return {
        "id": id,
        "processor": processor.value,
        "subject_id": subject_id,
        "fields": fields,
        "withdrawn_at": now,
        "due_at": now + DUE_AFTER,
        "acknowledged_at": None,
        "ordinal": sort_key(now, id),
    }


def fields_read_only_under(purpose: Purpose) -> dict[Processor, int]:
    """For each processor: the fields that it reads only under this purpose."""
    return {processor: bits_under_purpose(Audience(processor), purpose) for processor in Processor}


@dataclass(frozen=True, slots=True)
class WithdrawalState:
    """A withdrawal as its processor sees it."""

    id: str
    user_id: str
    fields: tuple[PersonalField, ...]
    withdrawn_at: datetime
    due_at: datetime
    acknowledged_at: datetime | None


def withdrawal_state(row: Any) -> WithdrawalState:
    """A stored withdrawal as its processor sees it."""
    return WithdrawalState(
        row.id, row.subject_id, fields_of(row.fields), row.withdrawn_at, row.due_at, row.acknowledged_at
    )


def select_outstanding(processor: Processor | None) -> Any:
    """Selects the withdrawals that this processor has not acknowledged."""
    return select(WITHDRAWALS).where(WITHDRAWALS.c.processor == processor, WITHDRAWALS.c.acknowledged_at.is_(None))


@dataclass(frozen=True, slots=True)
class WithdrawalSummary:
    """Subjects with an unacknowledged withdrawal for one processor, and the time of the last withdrawal."""

    outstanding: frozenset[str]
    last_at: datetime | None


async def withdrawal_summary(
    connection: AsyncConnection, processor: Processor, subject_ids: list[str]
) -> WithdrawalSummary:
    """Summarizes the withdrawals of these subjects for one processor, acknowledged or not."""
    acknowledged, newest = func.count(WITHDRAWALS.c.acknowledged_at), func.max(WITHDRAWALS.c.ordinal)
    by_subject = (
        select(WITHDRAWALS.c.subject_id, (func.count() > acknowledged).label("is_outstanding"), newest.label("newest"))
        .where(WITHDRAWALS.c.processor == processor, WITHDRAWALS.c.subject_id.in_(subject_ids))
        .group_by(WITHDRAWALS.c.subject_id)
    )
    rows = (await connection.execute(by_subject)).all()
    last = max((row.newest for row in rows), default=None)
    return WithdrawalSummary(
        frozenset(row.subject_id for row in rows if row.is_outstanding), ordinal_time(last) if last else None
    )


@paged
def processor_withdrawals(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Unacknowledged withdrawals, oldest first. They stay listed until acknowledged."""
    due = Listing("Query.processorWithdrawals", select_outstanding(info.context.caller.processor), OLDEST_FIRST)
    return due, row_by_row(withdrawal_state)


async def acknowledge_withdrawals(info: Info[Context, None], ids: WithdrawalIds) -> int:
    """Acknowledges withdrawals. Returns how many of the ids are this processor's and now acknowledged."""
    context = info.context
    wanted = {str(id) for id in ids}
    if len(wanted) > MOST_IDS:
        raise bad_input("ids", f"`ids` must contain at most {MOST_IDS} ids.")
    known = [id for id in wanted if is_storable(id)]
    mine = (WITHDRAWALS.c.processor == context.caller.processor) & WITHDRAWALS.c.id.in_(known)
    async with context.database.writing() as connection:
        await connection.execute(
            update(WITHDRAWALS)
            .where(mine, WITHDRAWALS.c.acknowledged_at.is_(None))
            .values(acknowledged_at=context.now())
        )
        return int((await connection.execute(select(func.count()).select_from(WITHDRAWALS).where(mine))).scalar_one())

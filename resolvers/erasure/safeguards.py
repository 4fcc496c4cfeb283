"""Refuses a retention run whose clock is in doubt, or that would erase an unusual share of the accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import inserts
from models.columns import rfc3339
from models.tables import ACCOUNTS
from permissions.masked_columns import floor_parameters
from permissions.retention_periods import RecordKind
from resolvers.clock.marks import Doubt, Mark, Marked, remove_marks, set_mark
from resolvers.clock.signs import MAX_DIFFERENCE, Signs, read_signs
from resolvers.consent import erasure_date
from resolvers.consent.erasure_date import PURPOSE_TABLES
from resolvers.context import Services
from resolvers.erasure.erase_people import is_due_for_erasure
from resolvers.subjects.legal_hold_values import is_remnant

FEWEST_ACCOUNTS: Final = 50
"""With fewer accounts a share says nothing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run is refused, what to do, and how many people's data waits to be erased."""

    reason: Doubt
    sentence: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What the operator has set and confirmed. `largest_share` is in percent."""

    largest_share: Decimal = Decimal(5)
    clock_accepted: bool = False
    share_accepted: bool = False

    async def refusal(self, services: Services, restored: Iterable[str] = ()) -> Refusal | None:
        """The refusal, or None if the run may begin. `restored` lists erased people who are back."""
        async with services.database.reading() as connection:
            signs = await read_signs(connection, services.host_time())
            waiting = await count_people_due(connection, services, restored)
            accounts = await _count_accounts(connection, ~is_remnant)
        if (doubt := self._doubt(signs)) is not None:
            return Refusal(doubt[0], f"{_sentence(signs, *doubt)} {_people(waiting)} to be erased.", waiting)
        if self.share_accepted or accounts < FEWEST_ACCOUNTS or 100 * waiting <= self.largest_share * accounts:
            return None
        sentence = (
            f"Refused: {waiting} of {accounts} accounts would lose data, more than {self.largest_share.normalize():f} "
            "percent. See what is due with --dry-run. If it is right, run again with --accept."
        )
        return Refusal(Doubt.LARGE_SHARE, sentence, waiting)

    def _doubt(self, signs: Signs) -> tuple[Doubt, datetime] | None:
        """The doubt about the clock, if the operator has not accepted it. Nobody can accept two clocks that differ."""
        return signs.doubt() if signs.clocks_differ or not self.clock_accepted else None


async def note_refusal(services: Services, refusal: Refusal) -> None:
    """Marks that retention is refused, until a run begins."""
    async with services.database.writing(patient=True) as connection:
        at = (await read_signs(connection, services.host_time())).database
        await set_mark(connection, Mark.REFUSED, Marked(at, refusal.reason, refusal.waiting))


async def note_begin(services: Services, *, clock_accepted: bool) -> None:
    """Marks that a run begins. If an operator accepted the clock, the service counts as seen at this time."""
    async with services.database.writing(patient=True) as connection:
        at = (await read_signs(connection, services.host_time())).database
        await remove_marks(connection, Mark.REFUSED, Mark.UNCONFIRMED)
        for mark in (Mark.RETENTION, Mark.SERVING) if clock_accepted else (Mark.RETENTION,):
            await set_mark(connection, mark, Marked(at))


async def count_people_due(connection: AsyncConnection, services: Services, restored: Iterable[str] = ()) -> int:
    """Counts the people whose account, or data of a lapsed purpose, is due for erasure."""
    now, periods = services.now(), services.retention
    lapsed = now - periods[RecordKind.LAPSED_PURPOSES].period
    again = inserts.is_one_of(ACCOUNTS.c.id, list(restored), is_sqlite=services.database.is_sqlite)
    due = [erasure_date.is_due(purpose, lapsed) for purpose in PURPOSE_TABLES]
    return await _count_accounts(
        connection, or_(is_due_for_erasure(now - periods[RecordKind.ACCOUNTS].period), again & ~is_remnant, *due)
    )


async def _count_accounts(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    counted: Any = select(func.count()).select_from(ACCOUNTS).where(condition)
    return int((await connection.execute(counted, floor_parameters())).scalar_one())


def _sentence(signs: Signs, doubt: Doubt, at: datetime) -> str:
    now = rfc3339(signs.database)
    if doubt is Doubt.CLOCKS_DIFFER:
        return (
            f"Refused: the clock of this host says {rfc3339(signs.host)} and the clock of the database {now}. They "
            f"must agree to {MAX_DIFFERENCE.seconds // 60} minutes. Correct them, then run again."
        )
    if doubt is Doubt.CLOCK_JUMPED:
        return (
            f"Refused: the clock jumped from {rfc3339(at)} to {now} while the service ran. If {now} is wrong, correct "
            "the clock. If it is right, run again with --accept-clock."
        )
    return (
        f"Refused: the clock says {now}, but the newest sign of the service is of {rfc3339(at)}. If the service was "
        "stopped for so long, run again with --accept-clock. Otherwise correct the clock."
    )


def _people(many: int) -> str:
    return f"The data of {many} {'person waits' if many == 1 else 'people waits'}"

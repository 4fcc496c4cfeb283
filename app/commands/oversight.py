"""What is overdue, and whose id each pseudonym stands for: for COMPLIANCE, at the operator's shell.

No address is read: a reading at the shell would be an entry in the ledger, and no audience is the operator's own.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import typer
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.session import run
from models.tables import ACCOUNTS, ROLE_GRANTS, SUPPORT_CASES, WITHDRAWALS
from permissions.retention import RecordKind
from resolvers.case_states import waiting
from resolvers.context import Services
from resolvers.held_back import is_husk
from resolvers.pseudonyms import pseudonym
from resolvers.release import newest


@dataclass(frozen=True, slots=True)
class Overdue:
    """What one processor was asked to forget and has not acknowledged in time."""

    processor: str
    withdrawals: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """One staff role of one person, under each pseudonym that the ledger knows them by."""

    pseudonyms: tuple[str, ...]
    id: str
    role: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Oversight:
    """`erasures`: accounts whose grace is over and that are still there."""

    overdue: tuple[Overdue, ...]
    erasures: int
    open_cases: int
    released_at: datetime | None
    next_release_at: datetime | None
    release_is_due: bool
    staff: tuple[Served, ...]

    def lines(self) -> Iterable[str]:
        """The same for people."""
        for late in self.overdue:
            yield f"overdue: {late.processor}: {late.withdrawals} withdrawals since {late.since}"
        if self.erasures:
            yield f"overdue: {self.erasures} erasures, which `consentql retention` carries out"
        yield f"open cases without an agent: {self.open_cases}"
        if self.released_at:
            due = ", which is now" if self.release_is_due else ""
            yield f"statistics: released at {self.released_at}, the next is due at {self.next_release_at}{due}"
        for each in self.staff:
            yield f"{', '.join(each.pseudonyms)}: {each.id}: {each.role} from {each.since} until {each.until}"


def oversight(*, as_json: bool) -> None:
    """Prints overdue acknowledgements by processor, overdue erasures, open cases, releases, and staff by pseudonym."""
    seen = run(_seen)
    if as_json:
        typer.echo(json.dumps(asdict(seen), default=datetime.isoformat))
        return
    for line in seen.lines():
        typer.echo(line)


async def _seen(services: Services) -> Oversight:
    now = services.now()
    left = now - services.retention[RecordKind.ACCOUNTS].period
    leaving = select(func.count()).select_from(ACCOUNTS).where(ACCOUNTS.c.leaving_since <= left, ~is_husk)
    unassigned = select(func.count()).select_from(SUPPORT_CASES).where(waiting(now))
    people = select(ROLE_GRANTS).order_by(ROLE_GRANTS.c.subject_id, ROLE_GRANTS.c.granted_at)
    async with services.database.reading() as connection:
        released = await newest(connection, services.releases_per_year)
        return Oversight(
            overdue=await _overdue(connection, now),
            erasures=(await connection.execute(leaving)).scalar_one(),
            open_cases=(await connection.execute(unassigned)).scalar_one(),
            released_at=released.released_at if released else None,
            next_release_at=released.next_at if released else None,
            release_is_due=released is not None and released.next_at <= now,
            staff=tuple(_person(services, row) for row in (await connection.execute(people)).all()),
        )


async def _overdue(connection: AsyncConnection, now: datetime) -> tuple[Overdue, ...]:
    late = (
        select(WITHDRAWALS.c.processor, func.count(), func.min(WITHDRAWALS.c.due_at))
        .where(WITHDRAWALS.c.acknowledged_at.is_(None), WITHDRAWALS.c.due_at <= now)
        .group_by(WITHDRAWALS.c.processor)
        .order_by(WITHDRAWALS.c.processor)
    )
    return tuple(Overdue(*row) for row in (await connection.execute(late)).all())


def _person(services: Services, row: Any) -> Served:
    # older entries of the ledger name whom an older key named
    names = tuple(pseudonym(services.keys, row.subject_id, place) for place in range(len(services.keys)))
    return Served(names, row.subject_id, row.role, row.granted_at, row.revoked_at or row.expires_at)

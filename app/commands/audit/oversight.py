"""Reports what is overdue, contradictory accounts, and the staff member behind each pseudonym, for COMPLIANCE.

It reads no e-mail address: that would need a ledger entry, and the operator is not an audience.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer
from sqlalchemy import func, select

from app.commands.audit.account_state import Differences, differences
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from models.columns import rfc3339
from models.tables import ACCOUNTS, ROLE_GRANTS, SUPPORT_CASES, WITHDRAWALS
from permissions.retention_periods import RecordKind, account_erasure_date
from resolvers.clock.marks import Mark, Marked, read_marks
from resolvers.context import Services
from resolvers.erasure.safeguards import count_people_due
from resolvers.ledger.pseudonyms import pseudonym
from resolvers.staff.support_case_lists import is_unassigned
from resolvers.statistics.release import Release, newest_release
from resolvers.subjects.legal_hold_values import is_remnant


@dataclass(frozen=True, slots=True)
class Overdue:
    """The number of overdue items, and since when the first is overdue."""

    many: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Oversight:
    """The content of the report at one time."""

    at: datetime
    withdrawals: dict[str, Overdue]
    erasures: Overdue
    refused: Marked | None
    waiting: int
    queued: int
    released: Release | None
    staff: list[tuple[list[str], Any]]
    differing: Differences


def oversight(*, as_json: bool) -> None:
    """Prints what is overdue, accounts that contradict their records, open cases, and staff by pseudonym."""
    found = run(_collect)
    if as_json:
        print_json(_document(found))
    else:
        typer.echo("\n".join(_lines(found)))


async def _collect(services: Services) -> Oversight:
    now = services.now()
    overdue = (
        select(WITHDRAWALS.c.processor, func.count().label("many"), func.min(WITHDRAWALS.c.due_at).label("since"))
        .where(WITHDRAWALS.c.acknowledged_at.is_(None), WITHDRAWALS.c.due_at <= now)
        .group_by(WITHDRAWALS.c.processor)
        .order_by(WITHDRAWALS.c.processor)
    )
    left = select(func.count().label("many"), func.min(ACCOUNTS.c.leaving_since).label("since"))
    leaving = left.where(ACCOUNTS.c.leaving_since <= now - services.retention[RecordKind.ACCOUNTS].period, ~is_remnant)
    unassigned = select(func.count()).select_from(SUPPORT_CASES).where(is_unassigned(now))
    people = select(ROLE_GRANTS).order_by(ROLE_GRANTS.c.subject_id, ROLE_GRANTS.c.granted_at)
    async with services.database.reading() as connection:
        late = (await connection.execute(overdue)).all()
        gone = (await connection.execute(leaving)).one()
        queued = (await connection.execute(unassigned)).scalar_one()
        staff = (await connection.execute(people)).all()
        refused = (await read_marks(connection)).get(Mark.REFUSED)
        waiting = await count_people_due(connection, services)
        released = await newest_release(connection, services.releases_per_year)
    differing = await differences(services.database, services.keys, now)
    return Oversight(
        at=now,
        differing=differing,
        withdrawals={row.processor: Overdue(row.many, row.since) for row in late},
        erasures=Overdue(gone.many, account_erasure_date(gone.since, services.retention) if gone.since else None),
        refused=refused,
        waiting=waiting,
        queued=queued,
        released=released,
        staff=[(_pseudonyms(services, row.subject_id), row) for row in staff],
    )


def _pseudonyms(services: Services, id: str) -> list[str]:
    """The pseudonyms of a person under every key, because older ledger entries use older keys."""
    return [pseudonym(services.keys, id, place) for place in range(len(services.keys))]


def _lines(found: Oversight) -> Iterator[str]:
    for processor, late in found.withdrawals.items():
        yield f"overdue: {processor}: {late.many} withdrawals since {late.since}"
    if found.erasures.many:
        yield f"overdue: {found.erasures.many} erasures since {found.erasures.since}"
    if found.refused:
        yield f"retention refused: {found.waiting} erasures wait since {found.refused.at} ({found.refused.reason})"
    if (last := found.released) and last.next_at <= found.at:
        yield f"overdue: a release of statistics since {last.next_at}"
    yield from found.differing.lines()
    yield f"open cases without an agent: {found.queued}"
    if last := found.released:
        yield f"statistics: released at {last.released_at}, the next is due at {last.next_at}"
    for names, row in found.staff:
        ended = row.revoked_at or row.expires_at
        yield f"{', '.join(names)}: {row.subject_id}: {row.role} from {row.granted_at} until {ended}"


def _document(found: Oversight) -> dict[str, Any]:
    return {
        "overdue_withdrawals": [
            {"processor": processor, **_overdue(late)} for processor, late in found.withdrawals.items()
        ],
        "overdue_erasures": _overdue(found.erasures),
        "retention_refused": _refused(found.refused, found.waiting) if found.refused else None,
        "accounts_that_contradict_their_records": [
            {"id": each.id, "states": each.states} for each in found.differing.named
        ],
        "more_accounts_that_contradict_their_records": found.differing.more,
        "open_cases_without_an_agent": found.queued,
        "statistics": _release(found.released, found.at) if found.released else None,
        "staff": [_grant(names, row) for names, row in found.staff],
    }


def _overdue(late: Overdue) -> dict[str, Any]:
    return {"many": late.many, "since": rfc3339(late.since) if late.since else None}


def _refused(refused: Marked, waiting: int) -> dict[str, Any]:
    return {"at": rfc3339(refused.at), "reason": refused.reason, "waiting": waiting}


def _release(last: Release, now: datetime) -> dict[str, Any]:
    return {
        "released_at": rfc3339(last.released_at),
        "next_at": rfc3339(last.next_at),
        "overdue": last.next_at <= now,
    }


def _grant(names: list[str], row: Any) -> dict[str, Any]:
    return {
        "pseudonyms": names,
        "id": row.subject_id,
        "role": row.role,
        "granted_at": rfc3339(row.granted_at),
        "until": rfc3339(row.revoked_at or row.expires_at),
    }

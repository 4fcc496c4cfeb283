"""What is overdue, and whose id each pseudonym stands for: for COMPLIANCE, at the operator's shell.

No address is read: a reading at the shell would be an entry in the ledger, and no audience is the operator's own.
"""

from typing import Any

import typer
from sqlalchemy import func, select

from app.commands.session import run
from models.tables import ROLE_GRANTS, SUPPORT_CASES, WITHDRAWALS
from resolvers.case_states import waiting
from resolvers.context import Services
from resolvers.pseudonyms import pseudonym
from resolvers.release import newest


def oversight() -> None:
    """Prints overdue acknowledgements by processor, open cases, and staff by pseudonym."""
    for line in run(_told):
        typer.echo(line)


async def _told(services: Services) -> list[str]:
    now = services.now()
    overdue = (
        select(WITHDRAWALS.c.processor, func.count().label("many"), func.min(WITHDRAWALS.c.due_at).label("since"))
        .where(WITHDRAWALS.c.acknowledged_at.is_(None), WITHDRAWALS.c.due_at <= now)
        .group_by(WITHDRAWALS.c.processor)
        .order_by(WITHDRAWALS.c.processor)
    )
    unassigned = select(func.count()).select_from(SUPPORT_CASES).where(waiting(now))
    people = select(ROLE_GRANTS).order_by(ROLE_GRANTS.c.subject_id, ROLE_GRANTS.c.granted_at)
    async with services.database.reading() as connection:
        late = (await connection.execute(overdue)).all()
        queued = (await connection.execute(unassigned)).scalar_one()
        staff = (await connection.execute(people)).all()
        released = await newest(connection, services.releases_per_year)
    lines = [f"overdue: {row.processor}: {row.many} withdrawals since {row.since}" for row in late]
    lines.append(f"open cases without an agent: {queued}")
    if released:
        lines.append(f"statistics: released at {released.released_at}, the next is due at {released.next_at}")
    return lines + [_person(services, row) for row in staff]


def _person(services: Services, row: Any) -> str:
    ended = row.revoked_at or row.expires_at
    # older entries of the ledger name whom an older key named
    names = ", ".join(pseudonym(services.keys, row.subject_id, place) for place in range(len(services.keys)))
    return f"{names}: {row.subject_id}: {row.role} from {row.granted_at} until {ended}"

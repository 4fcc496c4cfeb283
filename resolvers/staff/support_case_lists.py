"""Lists support cases as each caller sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.key_ring import KeyRing
from models.tables import SUPPORT_CASES
from models.vocabulary import PersonalField, Role, SupportCaseStatus, fields_of
from permissions.caller import Caller
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.ledger.pseudonyms import pseudonym
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged
from resolvers.subjects import read_subjects
from resolvers.subjects.access_grounds import agent_serves, case_is_open
from resolvers.subjects.read_by_ground import read_by_ground

NEWEST_FIRST = Keyset(SUPPORT_CASES.c.ordinal, descending=True)
OLDEST_FIRST = Keyset(SUPPORT_CASES.c.ordinal)


@dataclass(frozen=True, slots=True)
class CaseState:
    """A support case as the caller sees it."""

    id: str
    status: SupportCaseStatus
    reference: str
    reason: str | None
    extent: tuple[PersonalField, ...]
    opened_at: datetime
    expires_at: datetime
    opened_by_subject: bool
    assigned_to: str | None
    subject: Subject | None


def select_cases(now: datetime) -> Select[Any]:
    """Selects cases, each with whether its agent holds SUPPORT now."""
    return select(SUPPORT_CASES, agent_serves(now).label("agent_serves"))


def is_unassigned(now: datetime) -> ColumnElement[bool]:
    """The condition for open cases without an agent who holds SUPPORT."""
    return and_(not_(agent_serves(now)), case_is_open(now))


def reachable_cases(caller: Caller, now: datetime) -> Any:
    """The condition for cases that the caller may list.

    Members list cases about themselves, SUPPORT its open assigned cases, OPERATIONS unassigned cases.
    """
    if caller.is_member:
        return SUPPORT_CASES.c.subject_id == caller.subject_id
    if caller.role is Role.SUPPORT:
        return and_(SUPPORT_CASES.c.agent_id == caller.subject_id, agent_serves(now), case_is_open(now))
    return is_unassigned(now)


def status(row: Any, now: datetime) -> SupportCaseStatus:
    """The status of a case at this time."""
    if row.closed_at is not None:
        return SupportCaseStatus.CLOSED
    return SupportCaseStatus.EXPIRED if row.expires_at <= now else SupportCaseStatus.OPEN


async def case_states(info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]) -> list[CaseState]:
    """Turns rows into states. The number of SQL statements does not depend on the number of rows."""
    subjects, _ = await _read_subjects(info, connection, rows)
    return [_case_state(info.context, row, subjects) for row in rows]


async def listed_states(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> list[CaseState | None]:
    """Turns rows that are not locked into states, from the statement that reads the subjects, too.

    None for a case that no longer gives the agent access.
    """
    subjects, again = await _read_subjects(info, connection, rows)
    if again is None:
        return [_case_state(info.context, row, subjects) for row in rows]
    found = [again.get(row.id) for row in rows]
    return [_case_state(info.context, row, subjects) if row and row.gives_access else None for row in found]


def _opens_subject(caller: Caller, row: Any) -> bool:
    """Whether the case gives the caller access: a member to their own data, an agent to an assigned case."""
    if row.subject_id is None:
        return False
    return bool(row.subject_id == caller.subject_id if caller.is_member else row.agent_id == caller.subject_id)


async def _read_subjects(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> tuple[Mapping[str, Subject], Mapping[str, Any] | None]:
    """Reads the subjects of the cases if they are requested. For staff it reads the cases again, in one statement."""
    context, asked = info.context, info.context.requested_fields(info)
    caller = context.caller
    if "SupportCase.subject" not in asked.coordinates or not (caller.is_member or caller.case_audience):
        return {}, None
    if caller.is_member:
        ids = {row.subject_id for row in rows}
        own = await read_subjects.read_without_ground(connection, caller, str(caller.subject_id), asked.bits)
        return ({own.id: own} if own and own.id in ids else {}), None
    ids = {row.subject_id for row in rows if _opens_subject(caller, row)}
    bits = asked.bits_below.get("SupportCase.subject", 0)
    reading = await read_by_ground(context, connection, list(ids), bits, [row.id for row in rows])
    return reading.subjects, reading.grounds


def _case_state(context: Context, row: Any, subjects: Mapping[str, Subject]) -> CaseState:
    return _state(context, row, subjects.get(row.subject_id) if _opens_subject(context.caller, row) else None)


def _state(context: Context, row: Any, subject: Subject | None) -> CaseState:
    now, caller, keys = context.now(), context.caller, context.services.keys
    return CaseState(
        id=row.id,
        status=status(row, now),
        reference=row.reference,
        reason=None if caller.role is Role.OPERATIONS else row.reason,
        extent=fields_of(row.extent),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        opened_by_subject=row.opened_by_subject,
        assigned_to=assigned_to(row, keys),
        subject=subject,
    )


def assigned_to(row: Any, keys: KeyRing) -> str | None:
    """The pseudonym of the agent, if they hold SUPPORT now or the case is closed."""
    return pseudonym(keys, row.agent_id) if row.agent_id and (row.agent_serves or row.closed_at) else None


@paged
def support_cases(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Cases about the member, or open cases assigned to the agent, newest first."""
    return _listing(info.context, "Query.supportCases", NEWEST_FIRST), partial(listed_states, info)


@paged
def case_queue(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Open cases without an agent, oldest first, without their reason."""
    return _listing(info.context, "Query.caseQueue", OLDEST_FIRST), partial(listed_states, info)


def _listing(context: Context, field: str, order: Keyset) -> Listing:
    return Listing(field, select_cases(context.now()).where(reachable_cases(context.caller, context.now())), order)

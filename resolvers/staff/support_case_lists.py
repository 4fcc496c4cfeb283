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
from resolvers.subjects.read_by_ground import Wanted, read_by_ground

NEWEST_FIRST = Keyset(SUPPORT_CASES.c.ordinal, descending=True)
OLDEST_FIRST = Keyset(SUPPORT_CASES.c.ordinal)
SUBJECT = "SupportCase.subject"


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
    context, caller = info.context, info.context.caller
    if caller.is_member or not _selects_subjects(info):
        return await _without_ground(info, connection, rows)
    ids = list({row.subject_id for row in rows if _opens_subject(caller, row)})
    wanted = Wanted(ids, context.requested_fields(info).bits_below.get(SUBJECT, 0))
    subjects = (await read_by_ground(context, connection, wanted)).subjects
    return [case_state(context, row, subjects) for row in rows]


async def listed_states(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> list[CaseState | None]:
    """Turns rows that are not locked into states, from the statement that reads the subjects, too.

    None for a case that no longer gives the agent access.
    """
    context = info.context
    if context.caller.is_member or not _selects_subjects(info):
        return [*await _without_ground(info, connection, rows)]
    bits = context.requested_fields(info).bits_below.get(SUBJECT, 0)
    wanted = Wanted(ground_ids=[row.id for row in rows], bits_below=bits)
    reading = await read_by_ground(context, connection, wanted)
    found = [reading.grounds.get(row.id) for row in rows]
    return [case_state(context, row, reading.subjects) if row else None for row in found]


def _opens_subject(caller: Caller, row: Any) -> bool:
    """Whether the case gives the caller access: a member to their own data, an agent to an assigned case."""
    if row.subject_id is None:
        return False
    return bool(row.subject_id == caller.subject_id if caller.is_member else row.agent_id == caller.subject_id)


def _selects_subjects(info: Info[Context, None]) -> bool:
    """Whether the query selects the subjects of cases, for a caller who may read some."""
    caller = info.context.caller
    return SUBJECT in info.context.requested_fields(info).coordinates and bool(caller.is_member or caller.case_audience)


async def _without_ground(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> list[CaseState]:
    """Turns rows into states. Only members see their subject, which is themselves."""
    context, subjects = info.context, dict[str, Subject]()
    if _selects_subjects(info):
        id, bits = str(context.caller.subject_id), context.requested_fields(info).bits
        own = await read_subjects.read_without_ground(connection, context.caller, id, bits)
        subjects = {own.id: own} if own else {}
    return [case_state(context, row, subjects) for row in rows]


def case_state(context: Context, row: Any, subjects: Mapping[str, Subject]) -> CaseState:
    """A case as the caller sees it, with its subject if the case gives the caller access."""
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

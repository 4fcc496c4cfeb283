"""Assigns, narrows and closes support cases. Each change applies from the next read."""

from typing import Any, Final

import strawberry
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import lookup_id, new_id
from models.letters import Notice
from models.mutation_outcomes import Refused
from models.tables import SUPPORT_CASES
from models.tokens.mailed_tokens import write_letter
from models.tokens.token_rows import lock_role_grant
from models.vocabulary import RefusalCode, Role, SupportCaseStatus, mask_of
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.arguments import AgentId, CaseId, RemainingExtent
from resolvers.context import Context
from resolvers.staff.case_scope import MOST_FIELDS
from resolvers.staff.support_case_lists import CaseState, case_states, select_cases, status

NOT_FOUND: Final = Refused(RefusalCode.NOT_FOUND, "No such support case.", "id")
AGENT_NOT_ALLOWED: Final = Refused(RefusalCode.NOT_PERMITTED, "You cannot assign this case to this person.", "agentId")
NOT_NARROWER: Final = Refused(RefusalCode.INVALID_INPUT, "You can remove fields from a case, not add them.", "extent")


async def assign_support_case(info: Info[Context, None], id: CaseId, agent_id: AgentId) -> CaseState | Refused:
    """Assigns an open case to a person who holds SUPPORT. The caller and the subject of the case are refused."""
    context, agent = info.context, lookup_id(str(agent_id))
    async with context.database.writing() as connection:
        # the grant is locked before the case, in the same order as where a role is granted or ended: no deadlock
        holds_support = await lock_role_grant(connection, agent, Role.SUPPORT, context.now())
        row = await _lock_case(connection, context, id)
        if row is None or status(row, context.now()) is not SupportCaseStatus.OPEN:
            return NOT_FOUND
        if not holds_support or agent in (context.caller.subject_id, row.subject_id):
            return AGENT_NOT_ALLOWED
        if row.agent_id != agent:
            await write_letter(
                connection,
                subject_id=row.subject_id or new_id(),
                notice=Notice.CASE_ASSIGNED,
                about=row.id,
                now=context.now(),
            )
            record(EventKind.CASE_ASSIGNED, record=row.id, subject=agent)
        return await _update_case(info, connection, row, agent_id=agent)


async def close_support_case(info: Info[Context, None], id: CaseId) -> CaseState | Refused:
    """Closes a case. Its subject, its agent and OPERATIONS may. A closed case stays closed."""
    context = info.context
    async with context.database.writing() as connection:
        row = await _lock_case(connection, context, id)
        if row is None or not _may_close(context, row):
            return NOT_FOUND
        if row.closed_at is not None:
            return await _read_state(info, connection, row)
        record(EventKind.CASE_CLOSED, record=row.id)
        agent_id = row.agent_id if row.agent_serves else None
        return await _update_case(info, connection, row, closed_at=context.now(), agent_id=agent_id)


def _may_close(context: Context, row: Any) -> bool:
    caller = context.caller
    if caller.is_member:
        return bool(row.subject_id == caller.subject_id)
    return caller.role is Role.OPERATIONS or bool(row.agent_id == caller.subject_id)


async def narrow_support_case(info: Info[Context, None], id: CaseId, extent: RemainingExtent) -> CaseState | Refused:
    """Removes fields from the extent of a case. Only its subject may."""
    context, bits = info.context, mask_of(tuple(extent))
    if len(extent) > MOST_FIELDS:
        return NOT_NARROWER
    async with context.database.writing() as connection:
        row = await _lock_case(connection, context, id)
        if row is None or row.subject_id != context.caller.subject_id:
            return NOT_FOUND
        if bits & ~row.extent:
            return NOT_NARROWER
        record(EventKind.CASE_NARROWED, record=row.id)
        return await _update_case(info, connection, row, extent=bits)


async def _lock_case(connection: AsyncConnection, context: Context, id: strawberry.ID) -> Any:
    one = select_cases(context.now()).where(SUPPORT_CASES.c.id == lookup_id(str(id))).with_for_update()
    return (await connection.execute(one)).one_or_none()


async def _update_case(info: Info[Context, None], connection: AsyncConnection, row: Any, **values: Any) -> CaseState:
    await connection.execute(update(SUPPORT_CASES).where(SUPPORT_CASES.c.id == row.id).values(**values))
    return await _read_state(info, connection, row)


async def _read_state(info: Info[Context, None], connection: AsyncConnection, row: Any) -> CaseState:
    one = select_cases(info.context.now()).where(SUPPORT_CASES.c.id == row.id)
    (state,) = await case_states(info, connection, (await connection.execute(one)).all())
    return state

"""The `node` query: any object by id, for callers who can also lookup it in another way."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.logs.ledger import LEDGER
from models.tables import ACCESS_TOKENS, CONSENT_RECORDS, LEGAL_REQUESTS, SUPPORT_CASES, WITHDRAWALS
from models.vocabulary import Role
from resolvers.account.own_account import OwnAccount, own_consent_records, own_live_sessions
from resolvers.arguments import NodeId
from resolvers.consent.state import consent_record
from resolvers.context import Context
from resolvers.ledger import own_disclosures
from resolvers.processors import withdrawals
from resolvers.profile.directory import subject
from resolvers.sessions.session_state import session_of_row
from resolvers.staff import legal_requests, support_case_lists

Lookup = Callable[[Info[Context, None], AsyncConnection, str], Any]


async def node(info: Info[Context, None], id: NodeId) -> Any:
    """Returns the object with this id, or null. Runs the same statements whether or not it exists."""
    if found := await subject(info, str(id)):
        return found
    context = info.context
    if id == context.caller.account_id and context.caller.is_member:
        return OwnAccount(context.caller)
    async with context.database.reading() as connection:
        for lookup in LOOKUPS[context.caller.role]:
            if found := await lookup(info, connection, str(id)):
                return found
    return None


async def _case(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    context = info.context
    mine = support_case_lists.reachable_cases(context.caller, context.now())
    one = support_case_lists.select_cases(context.now()).where(SUPPORT_CASES.c.id == id, mine)
    rows = (await connection.execute(one)).all()
    return (await support_case_lists.case_states(info, connection, rows))[0] if rows else None


async def _request(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    one = select(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.id == id, legal_requests.is_pending_or_open(info.context))
    rows = (await connection.execute(one)).all()
    return (await legal_requests.request_states(info, connection, rows))[0] if rows else None


async def _record(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    row = (await connection.execute(own_consent_records(info.context).where(CONSENT_RECORDS.c.id == id))).one_or_none()
    return consent_record(row) if row else None


async def _session(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    row = (await connection.execute(own_live_sessions(info.context).where(ACCESS_TOKENS.c.id == id))).one_or_none()
    return session_of_row(row, info.context.caller.token_id) if row else None


async def _disclosure(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    row = (await connection.execute(own_disclosures.select_own(info.context).where(LEDGER.c.name == id))).one_or_none()
    return own_disclosures.disclosure_state(row) if row else None


async def _withdrawal(info: Info[Context, None], connection: AsyncConnection, id: str) -> Any:
    mine = withdrawals.select_outstanding(info.context.caller.processor).where(WITHDRAWALS.c.id == id)
    row = (await connection.execute(mine)).one_or_none()
    return withdrawals.withdrawal_state(row) if row else None


LOOKUPS: Final[dict[Role, tuple[Lookup, ...]]] = {
    Role.ANONYMOUS: (),
    Role.MEMBER: (_record, _session, _disclosure, _case),
    Role.SUPPORT: (_case,),
    Role.ANALYTICS: (),
    Role.COMPLIANCE: (_request,),
    Role.OPERATIONS: (_case,),
    Role.PROCESSOR: (_withdrawal,),
}

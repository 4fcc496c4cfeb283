"""The queries `node` and `nodes`: any objects by id, for callers who can also reach them in another way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import is_storable
from models.logs.ledger import LEDGER
from models.tables import ACCESS_TOKENS, CONSENT_RECORDS, SUPPORT_CASES, WITHDRAWALS
from models.vocabulary import Audience, Role
from permissions.errors import bad_input
from resolvers.account.own_account import OwnAccount, own_consent_records, own_live_sessions
from resolvers.arguments import NodeId, NodeIds
from resolvers.consent.state import consent_record
from resolvers.context import Context
from resolvers.ledger import own_disclosures
from resolvers.processors import withdrawals
from resolvers.sessions.session_state import session_of_row
from resolvers.staff import legal_requests, support_case_lists
from resolvers.subjects.read_by_ground import Wanted, read_by_ground
from resolvers.subjects.read_subjects import read_many_without_ground

MOST_IDS: Final = 100

Lookup = Callable[[Info[Context, None], AsyncConnection, Sequence[str]], Any]
"""Returns the objects of one kind that have these ids and that the caller can reach."""


async def node(info: Info[Context, None], id: NodeId) -> Any:
    """Returns the object with this id, or null. Runs the same statements whether or not it exists."""
    return (await _by_id(info, [str(id)], "id")).get(str(id))


async def nodes(info: Info[Context, None], ids: NodeIds) -> list[Any]:
    """Returns the objects with these ids in the same order, null for each that `node` would not find."""
    if len(ids) > MOST_IDS:
        raise bad_input("ids", f"`ids` must contain at most {MOST_IDS} ids.")
    found = await _by_id(info, list(dict.fromkeys(str(id) for id in ids)), "ids")
    return [found.get(str(id)) for id in ids]


async def _by_id(info: Info[Context, None], ids: list[str], argument: str) -> Mapping[str, Any]:
    """Returns the objects with these ids. Each kind is looked up with one query, for the ids not found before."""
    context = info.context
    if not all(is_storable(id) for id in ids):
        raise bad_input(argument, f"`{argument}` contains a character that cannot be part of an id.")
    async with context.database.reading() as connection:
        if context.caller.case_audience:
            return await _by_ground(info, connection, ids)
        bits = context.requested_fields(info).bits
        found: dict[str, Any] = {**await read_many_without_ground(connection, context.caller, ids, bits)}
        if context.caller.is_member and context.caller.account_id in ids:
            found[context.caller.account_id] = OwnAccount(context.caller)
        for lookup in LOOKUPS[context.caller.role]:
            if missing := [id for id in ids if id not in found]:
                found |= {each.id: each for each in await lookup(info, connection, missing)}
    return found


async def _by_ground(info: Info[Context, None], connection: AsyncConnection, ids: list[str]) -> Mapping[str, Any]:
    """Returns subjects, and the cases or requests that the caller can list, as one statement reads them."""
    context, asked = info.context, info.context.requested_fields(info)
    is_case = context.caller.case_audience is Audience.SUPPORT_CASE
    below = support_case_lists.SUBJECT if is_case else legal_requests.SUBJECT
    bits_below = asked.bits_below.get(below, 0) if below in asked.coordinates else None
    wanted = Wanted(ids, asked.bits_below.get(f"Query.{info.field_name}", 0), ids, bits_below)
    reading = await read_by_ground(context, connection, wanted)
    state = support_case_lists.case_state if is_case else legal_requests.request_state
    return {**{id: state(context, row, reading.subjects) for id, row in reading.grounds.items()}, **reading.subjects}


async def _cases(info: Info[Context, None], connection: AsyncConnection, ids: Sequence[str]) -> Iterable[Any]:
    context = info.context
    mine = support_case_lists.reachable_cases(context.caller, context.now())
    named = support_case_lists.select_cases(context.now()).where(SUPPORT_CASES.c.id.in_(ids), mine)
    rows = (await connection.execute(named)).all()
    return filter(None, await support_case_lists.listed_states(info, connection, rows)) if rows else ()


async def _records(info: Info[Context, None], connection: AsyncConnection, ids: Sequence[str]) -> Iterable[Any]:
    mine = own_consent_records(info.context).where(CONSENT_RECORDS.c.id.in_(ids))
    return map(consent_record, (await connection.execute(mine)).all())


async def _sessions(info: Info[Context, None], connection: AsyncConnection, ids: Sequence[str]) -> Iterable[Any]:
    mine = own_live_sessions(info.context).where(ACCESS_TOKENS.c.id.in_(ids))
    return [session_of_row(row, info.context.caller.token_id) for row in (await connection.execute(mine)).all()]


async def _disclosures(info: Info[Context, None], connection: AsyncConnection, ids: Sequence[str]) -> Iterable[Any]:
    mine = own_disclosures.select_own(info.context).where(LEDGER.c.name.in_(ids))
    return map(own_disclosures.disclosure_state, (await connection.execute(mine)).all())


async def _withdrawals(info: Info[Context, None], connection: AsyncConnection, ids: Sequence[str]) -> Iterable[Any]:
    mine = withdrawals.select_outstanding(info.context.caller.processor).where(WITHDRAWALS.c.id.in_(ids))
    return map(withdrawals.withdrawal_state, (await connection.execute(mine)).all())


LOOKUPS: Final[dict[Role, tuple[Lookup, ...]]] = {
    Role.ANONYMOUS: (),
    Role.MEMBER: (_records, _sessions, _disclosures, _cases),
    Role.SUPPORT: (),
    Role.ANALYTICS: (),
    Role.COMPLIANCE: (),
    Role.OPERATIONS: (_cases,),
    Role.PROCESSOR: (_withdrawals,),
}
"""The other lookups of each role. SUPPORT and COMPLIANCE find everything with one statement."""

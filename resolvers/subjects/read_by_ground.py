"""Reads subjects through support cases or legal requests.

One statement reads the grounds, their extents, the locks and the values, so that they belong to one state of the
database. The entry of the ledger is written in the same transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import UtcDateTime
from models.tables import ACCOUNTS, LEGAL_REQUESTS, SUPPORT_CASES
from models.vocabulary import Audience
from permissions.access_ground import Ground, Grounds
from permissions.masked_columns import query_parameters
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.ledger import write_disclosures
from resolvers.subjects import legal_hold_values
from resolvers.subjects.access_grounds import agent_serves, case_is_open, ground_of, request_is_open
from resolvers.subjects.read_subjects import read_tables, subject_columns, to_subject

GROUND: Final = "ground_"
"""Prefix of the columns of the case or request, which has some names in common with the account."""

_NOW: Final[Any] = bindparam("now", type_=UtcDateTime())
_READER: Final[Any] = bindparam("reader")


@dataclass(frozen=True, slots=True)
class Reading:
    """The subjects that the caller may read, and the cases or requests of the same state of the database."""

    subjects: Mapping[str, Subject]
    grounds: Mapping[str, Any]


async def read_by_ground(
    context: Context, connection: AsyncConnection, subject_ids: Sequence[str], bits: int, listed: Sequence[str] = ()
) -> Reading:
    """Reads these subjects and records the reading. `listed` names further cases or requests to read again."""
    audience = context.caller.case_audience
    if audience is None:
        return Reading({}, {})
    given: dict[str, Any] = {"ids": list(subject_ids), "listed": list(listed)}
    given |= {"now": context.now(), "reader": context.caller.subject_id}
    statement = _statement(audience, bits)
    found = await connection.execute(statement, {**query_parameters(context.caller), **given})
    rows = [dict(row) for row in found.mappings()]
    subjects = {subject.id: subject for subject in _subjects(context, audience, rows, bits)}
    await write_disclosures.record_subjects(connection, context, subjects.values(), bits)
    return Reading(subjects, {row[f"{GROUND}id"]: _ground_row(row) for row in rows})


def _subjects(context: Context, audience: Audience, rows: Sequence[dict[str, Any]], bits: int) -> Iterator[Subject]:
    grounds: dict[str, list[Ground]] = {}
    for row in rows:
        if row["gives_access"] and row["id"] is not None:
            grounds.setdefault(row["id"], []).append(ground_of(audience, _ground_row(row), context.now()))
    by_id = {row["id"]: row for row in rows if row["id"] in grounds}
    for id, each in grounds.items():
        row = by_id[id]
        if audience is Audience.LEGAL_REQUEST:
            legal_hold_values.fill_held_values(row, bits)
        if subject := to_subject(audience, row, bits, Grounds(audience, tuple(each))):
            yield subject


def _ground_row(row: Mapping[str, Any]) -> Any:
    columns = {name.removeprefix(GROUND): row[name] for name in row if name.startswith(GROUND)}
    return SimpleNamespace(**columns, gives_access=row["gives_access"])


@lru_cache(maxsize=512)
def _statement(audience: Audience, bits: int) -> Select[Any]:
    """Selects cases or requests, each with its subject if it gives the caller access to them."""
    is_case = audience is Audience.SUPPORT_CASE
    table = SUPPORT_CASES if is_case else LEGAL_REQUESTS
    others = table.c.subject_id != _READER
    serves = agent_serves(_NOW) if is_case else false()
    opens = and_(table.c.agent_id == _READER, serves, case_is_open(_NOW)) if is_case else request_is_open(_NOW)
    gives_access = and_(opens, others)
    source: Any = table.outerjoin(ACCOUNTS, and_(ACCOUNTS.c.id == table.c.subject_id, gives_access))
    for each in read_tables(bits):
        source = source.outerjoin(each, each.c.subject_id == ACCOUNTS.c.id)
    held = [] if is_case else legal_hold_values.held_columns(bits)
    for each in {column.element.table: None for column in held}:
        source = source.outerjoin(each, each.c.subject_id == ACCOUNTS.c.id)
    columns = [column.label(f"{GROUND}{column.name}") for column in table.columns]
    columns += [serves.label(f"{GROUND}agent_serves"), gives_access.label("gives_access"), *held]
    wanted = or_(
        and_(table.c.subject_id.in_(bindparam("ids", expanding=True)), gives_access),
        table.c.id.in_(bindparam("listed", expanding=True)),
    )
    return select(*subject_columns(audience, bits), *columns).select_from(source).where(wanted).order_by(table.c.id)

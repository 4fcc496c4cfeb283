"""Reads subjects through support cases or legal requests.

One statement reads the grounds, their extents, the locks and the values, so that they belong to one state of the
database. The entry of the ledger is written in the same transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, select, union
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
from resolvers.subjects.access_grounds import agent_serves, case_is_open, ground_of, is_pending_or_open, request_is_open
from resolvers.subjects.read_subjects import read_tables, subject_columns, to_subject

GROUND: Final = "ground_"
"""Prefix of the columns of the case or request, which has some names in common with the account."""

_NOW: Final[Any] = bindparam("now", type_=UtcDateTime())
_READER: Final[Any] = bindparam("reader")
_IDS: Final[Any] = bindparam("ids", expanding=True)
_LISTED: Final[Any] = bindparam("listed", expanding=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one root field reads: subjects, and cases or requests, each by id.

    `bits` are the fields of these subjects, and `bits_below` those of the subjects of these cases or requests. None if
    the query does not select the subjects of cases or requests.
    """

    subject_ids: Sequence[str] = ()
    bits: int = 0
    ground_ids: Sequence[str] = ()
    bits_below: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The subjects that the caller may read, and the cases or requests of the same state of the database."""

    subjects: Mapping[str, Subject]
    grounds: Mapping[str, Any]


async def read_by_ground(context: Context, connection: AsyncConnection, wanted: Wanted) -> Reading:
    """Reads what is wanted and records the reading. `grounds` has those that the caller can list."""
    audience = context.caller.case_audience
    if audience is None:
        return Reading({}, {})
    bits = wanted.bits | (wanted.bits_below or 0)
    given: dict[str, Any] = {"ids": list(wanted.subject_ids), "now": context.now(), "reader": context.caller.subject_id}
    given |= {"listed": list(wanted.ground_ids)} if wanted.ground_ids else {}
    statement = _statement(audience, bits, lists_grounds=bool(wanted.ground_ids))
    found = await connection.execute(statement, {**query_parameters(context.caller), **given})
    rows = [dict(row) for row in found.mappings()]
    listed = set(wanted.ground_ids)
    grounds = {each.id: each for each in map(_ground_row, rows) if each.id in listed and each.is_reachable}
    fields = _fields_by_subject(wanted, grounds)
    subjects = {each.id: each for each in _subjects(context, audience, rows, bits) if each.id in fields}
    shown = [(subject, fields[subject.id]) for subject in subjects.values()]
    await write_disclosures.record_subjects(connection, context, shown)
    return Reading(subjects, grounds)


def _fields_by_subject(wanted: Wanted, grounds: Mapping[str, Any]) -> dict[str, int]:
    """The requested fields of each subject: by their own id, by a case or request about them, or by both."""
    fields = dict.fromkeys(wanted.subject_ids, wanted.bits)
    if wanted.bits_below is not None:
        for each in grounds.values():
            fields[each.subject_id] = fields.get(each.subject_id, 0) | wanted.bits_below
    return fields


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
    return SimpleNamespace(**columns)


@lru_cache(maxsize=512)
def _statement(audience: Audience, bits: int, *, lists_grounds: bool) -> Select[Any]:
    """Selects cases or requests, each with its subject if it gives the caller access to them."""
    is_case = audience is Audience.SUPPORT_CASE
    table = SUPPORT_CASES if is_case else LEGAL_REQUESTS
    serves = agent_serves(_NOW) if is_case else false()
    mine = and_(table.c.agent_id == _READER, serves, case_is_open(_NOW)) if is_case else false()
    gives_access = and_(mine if is_case else request_is_open(_NOW), table.c.subject_id != _READER)
    is_reachable = mine if is_case else is_pending_or_open(_NOW, _READER)
    source: Any = table.outerjoin(ACCOUNTS, and_(ACCOUNTS.c.id == table.c.subject_id, gives_access))
    for each in read_tables(bits):
        source = source.outerjoin(each, each.c.subject_id == ACCOUNTS.c.id)
    held = [] if is_case else legal_hold_values.held_columns(bits)
    for each in {column.element.table: None for column in held}:
        source = source.outerjoin(each, each.c.subject_id == ACCOUNTS.c.id)
    columns = [column.label(f"{GROUND}{column.name}") for column in table.columns]
    columns += [serves.label(f"{GROUND}agent_serves"), is_reachable.label(f"{GROUND}is_reachable"), *held]
    columns += [gives_access.label("gives_access")]
    wanted = (
        _wanted_with_listed(table, gives_access) if lists_grounds else and_(table.c.subject_id.in_(_IDS), gives_access)
    )
    return select(*subject_columns(audience, bits), *columns).select_from(source).where(wanted).order_by(table.c.id)


def _wanted_with_listed(table: Any, gives_access: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition for the listed cases, and for every ground to read their subjects and those asked for by id.

    A union, so that each part uses its index.
    """
    listed, others = table.alias("listed_ground").c, table.alias("ground_of_same_subject").c
    of_same = select(others.id).where(others.subject_id == listed.subject_id, listed.id.in_(_LISTED))
    ids = union(
        select(others.id).where(others.subject_id.in_(_IDS)), select(listed.id).where(listed.id.in_(_LISTED)), of_same
    )
    return and_(table.c.id.in_(ids), or_(gives_access, table.c.id.in_(_LISTED)))

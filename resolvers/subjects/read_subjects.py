"""The only module that reads personal columns. The SQL masks each row by its consent; rows become `Subject`s."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Row as SQLRow
from sqlalchemy import Select, Table, and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Audience, Lock, PersonalField, Standing, fields_of, mask_of
from permissions.access_ground import Grounds
from permissions.caller import Caller
from permissions.decision import ALL_WITHHELD, Decision, SubjectState, decide
from permissions.masked_columns import (
    FIELD_COLUMNS,
    audience_may_read_any,
    column_key,
    is_own_row,
    lock_bits,
    masked_columns,
    purpose_stands,
    query_parameters,
    standing_bits,
)
from permissions.policy import SOCIAL
from permissions.subject import Subject
from resolvers.geolocation.lookup import Place

Row = dict[str, Any]


def _place(row: Row) -> Place | None:
    code = row["place_country"]
    return Place(code, row["place_city"], row["place_latitude"], row["place_longitude"]) if code else None


def _form(row: Row) -> SimpleNamespace | None:
    values = {column.name: row[column_key(column)] for column in FIELD_COLUMNS[PersonalField.PRE_REGISTRATION]}
    return SimpleNamespace(**values) if any(value is not None for value in values.values()) else None


def _pages(row: Row) -> list[SimpleNamespace] | None:
    pages = row["public_pages"]
    return None if pages is None else [SimpleNamespace(**page) for page in pages]


COMPOSERS: Final[dict[PersonalField, Callable[[Row], Any]]] = {
    PersonalField.LOCATION: _place,
    PersonalField.PRE_REGISTRATION: _form,
    PersonalField.PUBLIC_PAGES: _pages,
}
COMPOSED_BITS: Final = mask_of(tuple(COMPOSERS))


def subject_columns(audience: Audience | None, bits: int) -> list[Any]:
    """The id, the columns that the decision needs, and the masked columns of the requested fields."""
    asked = [column for field in fields_of(bits) for column in masked_columns(audience, field)]
    state = [ACCOUNTS.c.hidden, lock_bits(audience), standing_bits()]
    return [ACCOUNTS.c.id, *state, *asked]


def read_tables(bits: int, *, profile: bool = False) -> list[Table]:
    """Returns the tables of the requested fields, other than the accounts."""
    needed = {column.table for field in fields_of(bits) for column in FIELD_COLUMNS[field]}
    return [table for table in (PROFILES, PRE_REGISTRATIONS) if table in needed or (profile and table is PROFILES)]


def _join_tables(statement: Select[Any], bits: int, *, profile: bool = False) -> Select[Any]:
    """Joins only the tables of the requested fields."""
    source: Any = ACCOUNTS
    for table in read_tables(bits, profile=profile):
        source = source.outerjoin(table, table.c.subject_id == ACCOUNTS.c.id)
    return statement.select_from(source)


@lru_cache(maxsize=512)
def _by_id(audience: Audience | None, bits: int) -> Select[Any]:
    return _select_readable(audience, bits).where(ACCOUNTS.c.id == bindparam("id"))


@lru_cache(maxsize=512)
def _by_ids(audience: Audience | None, bits: int) -> Select[Any]:
    return _select_readable(audience, bits).where(ACCOUNTS.c.id.in_(bindparam("ids", expanding=True)))


def _select_readable(audience: Audience | None, bits: int) -> Select[Any]:
    """Selects the caller, and everyone who shows this audience a field."""
    readable = or_(is_own_row(), audience_may_read_any(audience))
    return _join_tables(select(*subject_columns(audience, bits)), bits).where(readable)


@lru_cache(maxsize=512)
def select_by_ids(audience: Audience, bits: int) -> Select[Any]:
    """Selects subjects by id for processor views. `to_subject` decides on absence."""
    found = ACCOUNTS.c.id.in_(bindparam("ids", expanding=True))
    return _join_tables(select(*subject_columns(audience, bits)), bits).where(found)


@lru_cache(maxsize=512)
def select_directory(audience: Audience | None, bits: int, *, profile: bool = False) -> Select[Any]:
    """Selects everyone who shows this audience a field, and the caller while SOCIAL stands."""
    listed = or_(and_(is_own_row(), purpose_stands(SOCIAL[0])), audience_may_read_any(audience))
    return _join_tables(select(*subject_columns(audience, bits)), bits, profile=profile).where(listed)


async def read_many_without_ground(
    connection: AsyncConnection, caller: Caller, subject_ids: Sequence[str], bits: int
) -> dict[str, Subject]:
    """Returns these subjects by id as a member or visitor sees them, without the absent ones."""
    named = {**query_parameters(caller), "ids": list(subject_ids)}
    rows = (await connection.execute(_by_ids(caller.audience_to_others, bits), named)).all()
    seen = (to_subject(caller.audience(row["id"]), row, bits) for row in rows_by_name(rows))
    return {subject.id: subject for subject in seen if subject}


async def read_without_ground(
    connection: AsyncConnection, caller: Caller, subject_id: str, bits: int
) -> Subject | None:
    """Returns one subject as a member or visitor sees them, or None if absent."""
    statement = _by_id(caller.audience_to_others, bits)
    found = (await connection.execute(statement, {**query_parameters(caller), "id": subject_id})).all()
    return next((to_subject(caller.audience(row["id"]), row, bits) for row in rows_by_name(found)), None)


def rows_by_name(rows: Sequence[SQLRow[Any]]) -> Iterator[Row]:
    """Turns rows into dicts by column name. All rows must have the same columns."""
    names = rows[0]._fields if rows else ()
    return (dict(zip(names, row, strict=True)) for row in rows)


def to_subject(audience: Audience | None, row: Row, bits: int, grounds: Grounds | None = None) -> Subject | None:
    """Returns a row as this audience sees it, or None if it may read no field. Changes the row."""
    if audience is None:
        return None
    extent, own_extent = (grounds.extent, grounds.own_extent) if grounds else (0, 0)
    seen = _decide(audience, row["standing"], row["hidden"], row["locks"], extent, own_extent)
    if not seen.mask:
        return None
    if bits & COMPOSED_BITS:
        for field, compose in COMPOSERS.items():
            if bits & field.bit:
                row[field.value.lower()] = compose(row)
    subject = Subject(row["id"], audience, seen.mask, seen.withheld, row)
    subject.grounds = grounds.counting_under(Lock(row["locks"])) if grounds else None
    return subject


@lru_cache(maxsize=8192)
def _decide(audience: Audience, standing: int, hidden: int, locks: int, extent: int, own_extent: int) -> Decision:
    """Decides from plain numbers, so that rows with the same state share one cached decision."""
    return decide(audience, SubjectState(Standing(standing), hidden, Lock(locks), extent, own_extent))


def own_subject(caller: Caller) -> Subject:
    """Returns the caller's own record without values, for a query that requests no field of it."""
    seen = decide(Audience.SELF, SubjectState())
    return Subject(caller.subject_id or "", Audience.SELF, seen.mask, seen.withheld, {})


def withheld_subject(subject_id: str) -> Subject:
    """Returns the holder of a token that cannot read subjects: an id, with every field withheld."""
    return Subject(subject_id, None, 0, ALL_WITHHELD, {})

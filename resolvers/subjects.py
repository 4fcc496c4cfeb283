"""The one reader of personal columns: rows come masked by their own standing and leave as Subjects."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import RowMapping, Select, and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Audience, Lock, PersonalField, Standing, fields_of
from permissions.caller import Caller
from permissions.decision import NOTHING, State, sight
from permissions.mask import COLUMNS, key, masked, met, own, parameters, standing, stands
from permissions.policy import SOCIAL
from permissions.subject import Subject
from resolvers.geolocation import Place

Row = RowMapping


def _place(row: Row) -> Place | None:
    code = row["place_country"]
    return Place(code, row["place_city"], row["place_latitude"], row["place_longitude"]) if code else None


def _form(row: Row) -> SimpleNamespace | None:
    values = {column.name: row[key(column)] for column in COLUMNS[PersonalField.PRE_REGISTRATION]}
    return SimpleNamespace(**values) if any(value is not None for value in values.values()) else None


def _pages(row: Row) -> list[SimpleNamespace] | None:
    pages = row["public_pages"]
    return None if pages is None else [SimpleNamespace(**page) for page in pages]


COMPOSED: Final[dict[PersonalField, Callable[[Row], Any]]] = {
    PersonalField.LOCATION: _place,
    PersonalField.PRE_REGISTRATION: _form,
    PersonalField.PUBLIC_PAGES: _pages,
}


def columns(audience: Audience | None, bits: int) -> list[Any]:
    """The id, what the decision needs, and the masked columns of the fields asked for."""
    asked = [column for field in fields_of(bits) for column in masked(audience, field)]
    return [ACCOUNTS.c.id, ACCOUNTS.c.email_verified, ACCOUNTS.c.hidden, standing(), *asked]


def joined(statement: Select[Any], bits: int, *, profile: bool = False) -> Select[Any]:
    """Joins only the purposes whose fields are asked for."""
    source: Any = ACCOUNTS
    tables = {column.table for field in fields_of(bits) for column in COLUMNS[field]}
    if profile or PROFILES in tables:
        source = source.outerjoin(PROFILES, PROFILES.c.subject_id == ACCOUNTS.c.id)
    if PRE_REGISTRATIONS in tables:
        source = source.outerjoin(PRE_REGISTRATIONS, PRE_REGISTRATIONS.c.subject_id == ACCOUNTS.c.id)
    return statement.select_from(source)


@lru_cache(maxsize=512)
def _by_id(audience: Audience | None, bits: int) -> Select[Any]:
    found = and_(ACCOUNTS.c.id == bindparam("id"), or_(own(), met(audience)))
    return joined(select(*columns(audience, bits)), bits).where(found)


@lru_cache(maxsize=512)
def directory(audience: Audience | None, bits: int, *, profile: bool = False) -> Select[Any]:
    """Everyone whom this audience meets, and oneself while SOCIAL stands."""
    listed = or_(and_(own(), stands(SOCIAL[0])), met(audience))
    return joined(select(*columns(audience, bits)), bits, profile=profile).where(listed)


async def read(connection: AsyncConnection, caller: Caller, subject_id: str, bits: int) -> Subject | None:
    """One subject, or None for one who is absent and for one who never was: the same statement."""
    statement = _by_id(caller.meets_others, bits)
    row = (await connection.execute(statement, {**parameters(caller), "id": subject_id})).mappings().one_or_none()
    return show(caller, row, bits) if row is not None else None


def show(caller: Caller, row: Row, bits: int) -> Subject | None:
    """A row as this caller meets it, or None where they may read nothing of it."""
    audience = caller.audience(row["id"])
    if audience is None:
        return None
    locks = Lock.NONE if row["email_verified"] else Lock.UNVERIFIED
    seen = sight(audience, State(Standing(row["standing"]), row["hidden"], locks))
    if not seen.mask:
        return None
    return Subject(row["id"], audience, seen.mask, seen.withheld, _values(row, bits))


def _values(row: Row, bits: int) -> dict[str, Any]:
    values = dict(row)
    for field, compose in COMPOSED.items():
        if bits & field.bit:
            values[field.value.lower()] = compose(row)
    return values


def oneself(caller: Caller) -> Subject:
    """The caller's own record where nothing of it was asked for: always there, and nothing is withheld."""
    seen = sight(Audience.SELF, State())
    return Subject(caller.subject_id or "", Audience.SELF, seen.mask, seen.withheld, {})


def named_only(subject_id: str) -> Subject:
    """The holder of a token that reads nobody: an id, and every field withheld."""
    return Subject(subject_id, None, 0, NOTHING, {})

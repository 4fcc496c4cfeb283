"""Personal columns as SQL: a column leaves the database only where its row's own standing lets this caller read it."""

from functools import reduce
from operator import add
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, bindparam, case, false, literal, not_, or_, true

from models.columns import HOLDS
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Audience, Lock, PersonalField, Processor, Purpose
from permissions.caller import Caller
from permissions.decision import NARROWED_BY_HIDING, PROCESSOR_AUDIENCES, STANDS_AS, shut_by, under
from permissions.policy import POLICY
from permissions.versions.numbers import floor

GRANTED: Final = {
    Purpose.SOCIAL: ACCOUNTS.c.social_version,
    Purpose.EXPANSION: ACCOUNTS.c.expansion_version,
}
LOCKED: Final[dict[Lock, ColumnElement[bool]]] = {
    Lock.UNVERIFIED: ACCOUNTS.c.email_verified.is_(false()),
    Lock.LEAVING: ACCOUNTS.c.leaving_since.is_not(None),
    Lock.RESTRICTED: ACCOUNTS.c.restricted_at.is_not(None),
}
"""Where each lock is kept; an objection is one processor's, and stands below. A lock that is here locks everywhere."""

FOLDED: Final = "_folded"

COLUMNS: Final[dict[PersonalField, tuple[Column[Any], ...]]] = {
    field: tuple(
        column
        for table in (ACCOUNTS, PROFILES, PRE_REGISTRATIONS)
        for column in table.columns
        if column.info.get(HOLDS) is field and not column.name.endswith(FOLDED)
    )
    for field in PersonalField
}
"""Where each field is kept: derived from what the columns say that they hold."""


def stands(purpose: Purpose) -> ColumnElement[bool]:
    """Whether this withdrawable purpose stands for the row's subject now, by the floor given at execution."""
    return and_(ACCOUNTS.c.email_verified.is_(true()), GRANTED[purpose] >= bindparam(f"floor_{purpose.lower()}"))


def standing() -> ColumnElement[int]:
    """The row's standing as bits."""
    bits = [case((stands(purpose), int(bit)), else_=0) for purpose, bit in STANDS_AS.items()]
    return (bits[0] + bits[1]).label("standing")


def own() -> ColumnElement[bool]:
    """Whether the row is the caller's own record."""
    return ACCOUNTS.c.id == bindparam("own")


def parameters(caller: Caller) -> dict[str, object]:
    """What every statement of this module is executed with."""
    return {"own": caller.subject_id if caller.is_member else "", **floors()}


def floors(since: int | None = None) -> dict[str, int]:
    """What `stands` is executed with; `since`: the version whose grants count, where a later one has outdated them."""
    return {f"floor_{purpose.lower()}": floor(purpose, since) for purpose in GRANTED}


def _locked(audience: Audience | None) -> dict[Lock, ColumnElement[bool]]:
    if audience not in PROCESSOR_AUDIENCES:
        return LOCKED
    return {**LOCKED, Lock.OBJECTED: ACCOUNTS.c.objected.op("&")(Processor(audience).bit) != 0}


def locks(audience: Audience | None) -> ColumnElement[int]:
    """The locks on the row's subject as bits, an objection where it is to this audience."""
    bits: list[ColumnElement[int]] = [case((on, int(lock)), else_=0) for lock, on in _locked(audience).items()]
    return reduce(add, bits).label("locks")


def unlocked(audience: Audience) -> ColumnElement[bool]:
    """Whether no lock makes the row's subject absent for this audience; the twin of `decision.shut_by` in SQL.

    A restriction leaves SUPPORT_CASE what the subject's own cases open: that is decided after, with the extent.
    """
    return and_(true(), *(not_(on) for lock, on in _locked(audience).items() if lock & shut_by(audience)))


def _granted(audience: Audience, purpose: Purpose | None) -> ColumnElement[bool]:
    return and_(unlocked(audience), stands(purpose)) if purpose in GRANTED else unlocked(audience)


def shown(audience: Audience, field: PersonalField) -> ColumnElement[bool]:
    """Whether this audience may read this field of the row's subject; the twin of `decision.withheld` in SQL."""
    cell = POLICY[field].cells.get(audience)
    if cell is None:
        return false()
    if audience in NARROWED_BY_HIDING:
        return and_(_granted(audience, cell.purpose), ACCOUNTS.c.hidden.op("&")(field.bit) == 0)
    return _granted(audience, cell.purpose)


def readable(audience: Audience | None, field: PersonalField) -> ColumnElement[bool]:
    """Whether a caller who is this to others may read this field of the row's subject, themself or another."""
    return or_(own(), shown(audience, field)) if audience else own()


def met(audience: Audience | None) -> ColumnElement[bool]:
    """Whether another subject of the row shows this audience anything at all."""
    if audience is None:
        return false()
    ways = ((purpose, under(audience, purpose)) for purpose in (None, *Purpose))
    return or_(*(and_(_granted(audience, way), ACCOUNTS.c.hidden.op("&")(bits) != bits) for way, bits in ways if bits))


def masked(audience: Audience | None, field: PersonalField) -> list[ColumnElement[Any]]:
    """The field's columns, null where the caller may not read them, each under its own key."""
    allowed = readable(audience, field)
    return [case((allowed, column), else_=literal(None, column.type)).label(key(column)) for column in COLUMNS[field]]


def key(column: Column[Any]) -> str:
    """A column's name in a row; the form's country is not the profile's."""
    return f"form_{column.name}" if column.table is PRE_REGISTRATIONS else column.name

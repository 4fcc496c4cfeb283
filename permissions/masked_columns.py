"""SQL that selects a personal column only if the row's own consent state lets the caller read it, else NULL."""

from functools import reduce
from operator import add
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, bindparam, case, false, literal, not_, or_, true

from models.columns import HOLDS
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Audience, Lock, PersonalField, Processor, Purpose
from permissions.caller import Caller
from permissions.decision import (
    LIMITED_BY_HIDING,
    PROCESSOR_AUDIENCES,
    STANDING_BIT,
    bits_under_purpose,
    excluding_locks,
)
from permissions.policy import POLICY
from permissions.version_numbers import version_floor

GRANTED_VERSION: Final = {
    Purpose.SOCIAL: ACCOUNTS.c.social_version,
    Purpose.EXPANSION: ACCOUNTS.c.expansion_version,
}
LOCK_CONDITIONS: Final[dict[Lock, ColumnElement[bool]]] = {
    Lock.UNVERIFIED: ACCOUNTS.c.email_verified.is_(false()),
    Lock.LEAVING: ACCOUNTS.c.leaving_since.is_not(None),
    Lock.RESTRICTED: ACCOUNTS.c.restricted_at.is_not(None),
}
"""The condition of each lock that applies to every audience. An objection applies to one processor only."""

FOLDED_SUFFIX: Final = "_folded"

FIELD_COLUMNS: Final[dict[PersonalField, tuple[Column[Any], ...]]] = {
    field: tuple(
        column
        for table in (ACCOUNTS, PROFILES, PRE_REGISTRATIONS)
        for column in table.columns
        if column.info.get(HOLDS) is field and not column.name.endswith(FOLDED_SUFFIX)
    )
    for field in PersonalField
}
"""The columns of each field, derived from the declarations of the columns."""


def purpose_stands(purpose: Purpose) -> ColumnElement[bool]:
    """Returns the condition that this purpose stands for the row's subject. Execute with `floor_parameters`."""
    return and_(
        ACCOUNTS.c.email_verified.is_(true()), GRANTED_VERSION[purpose] >= bindparam(f"floor_{purpose.lower()}")
    )


def standing_bits() -> ColumnElement[int]:
    """Returns the purposes that stand for the row's subject, as bits."""
    bits = [case((purpose_stands(purpose), int(bit)), else_=0) for purpose, bit in STANDING_BIT.items()]
    return (bits[0] + bits[1]).label("standing")


def is_own_row() -> ColumnElement[bool]:
    """Returns the condition that the row is the caller's own record."""
    return ACCOUNTS.c.id == bindparam("own")


def query_parameters(caller: Caller) -> dict[str, object]:
    """Returns the parameters of every statement with conditions from this module."""
    return {"own": caller.subject_id if caller.is_member else "", **floor_parameters()}


def floor_parameters(since: int | None = None) -> dict[str, int]:
    """Returns the oldest policy version per purpose whose grants count, as parameters of `purpose_stands`.

    `since` is the version to judge by; without it, the current one.
    """
    return {f"floor_{purpose.lower()}": version_floor(purpose, since) for purpose in GRANTED_VERSION}


def _lock_conditions(audience: Audience | None) -> dict[Lock, ColumnElement[bool]]:
    if audience not in PROCESSOR_AUDIENCES:
        return LOCK_CONDITIONS
    return {**LOCK_CONDITIONS, Lock.OBJECTED: ACCOUNTS.c.objected.op("&")(Processor(audience).bit) != 0}


def lock_bits(audience: Audience | None) -> ColumnElement[int]:
    """Returns the locks on the row's subject as bits, with an objection only to this audience."""
    bits: list[ColumnElement[int]] = [case((on, int(lock)), else_=0) for lock, on in _lock_conditions(audience).items()]
    return reduce(add, bits).label("locks")


def is_unlocked(audience: Audience) -> ColumnElement[bool]:
    """Returns the condition that no lock makes the row's subject absent; `decision.excluding_locks` in SQL.

    Under a restriction, SUPPORT_CASE can still read what the subject's own cases cover. That is decided with the
    extent, later.
    """
    return and_(
        true(), *(not_(on) for lock, on in _lock_conditions(audience).items() if lock & excluding_locks(audience))
    )


def _is_granted(audience: Audience, purpose: Purpose | None) -> ColumnElement[bool]:
    return and_(is_unlocked(audience), purpose_stands(purpose)) if purpose in GRANTED_VERSION else is_unlocked(audience)


def audience_may_read(audience: Audience, field: PersonalField) -> ColumnElement[bool]:
    """Returns the condition that this audience may read this field; `decision.decide_field` in SQL, without extents."""
    cell = POLICY[field].cells.get(audience)
    if cell is None:
        return false()
    if audience in LIMITED_BY_HIDING:
        return and_(_is_granted(audience, cell.purpose), ACCOUNTS.c.hidden.op("&")(field.bit) == 0)
    return _is_granted(audience, cell.purpose)


def caller_may_read(audience: Audience | None, field: PersonalField) -> ColumnElement[bool]:
    """Returns the condition that the caller may read this field of the row's subject, their own or another's."""
    return or_(is_own_row(), audience_may_read(audience, field)) if audience else is_own_row()


def audience_may_read_any(audience: Audience | None) -> ColumnElement[bool]:
    """Returns the condition that this audience may read at least one field of the row's subject."""
    if audience is None:
        return false()
    ways = ((purpose, bits_under_purpose(audience, purpose)) for purpose in (None, *Purpose))
    return or_(
        *(and_(_is_granted(audience, way), ACCOUNTS.c.hidden.op("&")(bits) != bits) for way, bits in ways if bits)
    )


def masked_columns(audience: Audience | None, field: PersonalField) -> list[ColumnElement[Any]]:
    """Returns the field's columns, or NULL if the caller may not read it, each labelled with `column_key`."""
    allowed = caller_may_read(audience, field)
    return [
        case((allowed, column), else_=literal(None, column.type)).label(column_key(column))
        for column in FIELD_COLUMNS[field]
    ]


def column_key(column: Column[Any]) -> str:
    """Returns a column's name in a row. Columns of the form have a prefix, because the profile has a country, too."""
    return f"form_{column.name}" if column.table is PRE_REGISTRATIONS else column.name

"""Counts the subjects that a policy change affects. It returns numbers only, no subject."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS
from models.vocabulary import Audience, Purpose
from permissions.decision import LIMITED_BY_HIDING
from permissions.masked_columns import GRANTED_VERSION, floor_parameters, is_unlocked, purpose_stands
from permissions.policy import Cell
from permissions.versions.diff import CellChange


async def count_affected(
    connection: AsyncConnection, changes: Sequence[CellChange], since: int | None = None
) -> list[int]:
    """For each change, the subjects whose field its audience could read before or after it, but not both.

    Consent, locks and hidden fields count at their present state. Whether a case or legal request is open does not
    count. Grants count from version `since` on, even if a later version has outdated them.
    """
    return await _count(connection, [_differs(change) for change in changes], since)


async def count_consenting(connection: AsyncConnection, purposes: Sequence[Purpose]) -> list[int]:
    """For each purpose: the number of subjects who stand consented to it. All stand consented to SERVICE."""
    conditions = [purpose_stands(purpose) if purpose in GRANTED_VERSION else _everyone() for purpose in purposes]
    return await _count(connection, conditions, None)


async def _count(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], since: int | None
) -> list[int]:
    if not conditions:
        return []
    counts = [func.coalesce(func.sum(case((each, 1), else_=0)), 0).label(f"n{n}") for n, each in enumerate(conditions)]
    statement: Any = select(*counts).select_from(ACCOUNTS)
    row = (await connection.execute(statement, floor_parameters(since))).one()
    return [int(count) for count in row]


def _everyone() -> ColumnElement[bool]:
    return ACCOUNTS.c.id.is_not(None)


def _may_read(audience: Audience, cell: Cell | None) -> ColumnElement[bool]:
    if cell is None:
        return false()
    # for a purpose that was never granted, the condition is NULL in SQL
    return func.coalesce(purpose_stands(cell.purpose), false()) if cell.purpose in GRANTED_VERSION else _everyone()


def _differs(change: CellChange) -> ColumnElement[bool]:
    before, after = _may_read(change.audience, change.before), _may_read(change.audience, change.after)
    differs = [and_(before, not_(after)) | and_(after, not_(before)), is_unlocked(change.audience)]
    if change.audience in LIMITED_BY_HIDING:
        differs.append(ACCOUNTS.c.hidden.op("&")(change.field.bit) == 0)
    return and_(*differs)

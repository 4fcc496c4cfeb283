"""The SQL that counts subjects for statistics. Free text never leaves the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, CompoundSelect, Select, and_, case, func, literal, select, union_all

from models.statistics.dimensions import CLOSED_LISTS, OTHER, UNSPECIFIED
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.tokens.token_rows import is_staff
from models.vocabulary import Audience, Dimension
from permissions.decision import STANDING_BIT
from permissions.masked_columns import FIELD_COLUMNS, is_unlocked, standing_bits
from permissions.statistics.histograms import FIELD_OF, HISTOGRAMS, Histogram


def is_counted(now: datetime) -> ColumnElement[bool]:
    """Returns the condition that the row's subject is counted: not staff, and not locked for members."""
    return and_(is_unlocked(Audience.MEMBERS), ~is_staff(ACCOUNTS.c.id, now))


def count_statement(now: datetime) -> CompoundSelect[Any]:
    """Returns one statement for the exact counts of every histogram, all of one moment. Never store or log them."""
    people = _people(now)
    return union_all(*(_counted(people, histogram) for histogram in HISTOGRAMS))


def _people(now: datetime) -> CTE:
    tables = ACCOUNTS.outerjoin(PROFILES, PROFILES.c.subject_id == ACCOUNTS.c.id).outerjoin(
        PRE_REGISTRATIONS, PRE_REGISTRATIONS.c.subject_id == ACCOUNTS.c.id
    )
    columns = [_value(dimension).label(dimension.value) for dimension in Dimension]
    return select(standing_bits(), *columns).select_from(tables).where(is_counted(now)).cte("people")


def _counted(people: CTE, histogram: Histogram) -> Select[Any]:
    needed = sum(int(STANDING_BIT[purpose]) for purpose in histogram.purposes)
    by = [people.c[dimension.value] for dimension in histogram.dimensions]
    blanks = [literal("")] * (2 - len(by))
    counted = select(literal(histogram.name), *by, *blanks, func.count())
    return counted.where(people.c.standing.op("&")(needed) == needed).group_by(*by)


def _value(dimension: Dimension) -> ColumnElement[str]:
    """Returns the subject's value as a lowercase value of the closed list, OTHER or UNSPECIFIED."""
    written = func.lower(func.trim(func.coalesce(_column(dimension), "")))
    listed = [value.lower() for value in CLOSED_LISTS[dimension]]
    return case((written == "", UNSPECIFIED.lower()), (written.in_(listed), written), else_=OTHER.lower())


def _column(dimension: Dimension) -> Column[Any]:
    return next(column for column in FIELD_COLUMNS[FIELD_OF[dimension]] if column.name == dimension.lower())

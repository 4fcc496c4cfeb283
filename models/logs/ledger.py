"""The disclosure ledger as a query: every entry joined with its reading."""

from typing import Final

from sqlalchemy import ColumnElement, func, literal_column, select

from models.columns import ID_LENGTH
from models.tables import DISCLOSURES, READINGS

INDEXED_PREFIX: Final = 8
"""How many characters of a subject's id are indexed."""

_entry, _reading = DISCLOSURES.c, READINGS.c
_ordinal = _reading.ordinal.concat(func.coalesce(_entry.id, ""))


def _prefix(column: ColumnElement[str], length: int) -> ColumnElement[str]:
    # the database uses an expression index only for the identical expression
    return func.substr(column, literal_column("1"), literal_column(str(length)))


LEDGER: Final = (
    select(
        *(column for column in READINGS.columns if column.name not in ("sequence", "ordinal")),
        *(column for column in DISCLOSURES.columns if column.name != "chain"),
        _ordinal.label("ordinal"),
        _ordinal.concat(_entry.hash).label("position"),
        func.coalesce(_entry.id, _prefix(_entry.hash, ID_LENGTH)).label("name"),
    )
    .join_from(DISCLOSURES, READINGS, (_reading.chain == _entry.chain) & (_reading.sequence == _entry.reading))
    .subquery("ledger")
)
"""`name` is the beginning of the entry's keyed hash. Entries from before the readings table have a separate id."""


def is_about(subject_id: str) -> ColumnElement[bool]:
    """Returns the condition that an entry is about this subject.

    Only the beginning of the id is indexed, because a large index makes most of the cost of writing.
    """
    # compare only the rest: with the whole id, SQLite would not use the index
    rest = func.substr(LEDGER.c.subject_id, literal_column(str(INDEXED_PREFIX + 1)))
    return (_prefix(LEDGER.c.subject_id, INDEXED_PREFIX) == subject_id[:INDEXED_PREFIX]) & (
        rest == subject_id[INDEXED_PREFIX:]
    )

"""The ledger as it is read: every entry beside the reading that it is part of."""

from typing import Final

from sqlalchemy import ColumnElement, func, literal_column, select

from models.columns import ID_LENGTH
from models.tables import DISCLOSURES, READINGS

INDEXED_PREFIX: Final = 8
"""So much of a subject's id is in the index."""

_entry, _reading = DISCLOSURES.c, READINGS.c
_ordinal = _reading.ordinal.concat(func.coalesce(_entry.id, ""))


def _prefix(column: ColumnElement[str], length: int) -> ColumnElement[str]:
    # an index on an expression serves only where the expression is written as in the index
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
"""An entry's name is the beginning of its hash, which a key made; one from before the readings has an id of its own."""


def is_about(subject_id: str) -> ColumnElement[bool]:
    """Whether an entry is this subject's; found by how the id begins: a large index is most of what writing costs."""
    # the rest alone: were the whole compared too, SQLite would put it in the column's place and pass the index over
    rest = func.substr(LEDGER.c.subject_id, literal_column(str(INDEXED_PREFIX + 1)))
    return (_prefix(LEDGER.c.subject_id, INDEXED_PREFIX) == subject_id[:INDEXED_PREFIX]) & (
        rest == subject_id[INDEXED_PREFIX:]
    )

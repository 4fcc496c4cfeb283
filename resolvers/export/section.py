"""A section of the export document: which rows and columns it exports, and why it omits the other columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Select, Table, select

from models.columns import HOLDS, rfc3339
from models.key_ring import KeyRing
from models.vocabulary import PersonalField, Purpose
from permissions.masked_columns import FIELD_COLUMNS
from permissions.policy import POLICY, PURPOSES
from permissions.retention_periods import RecordKind, RetentionTable, retention_texts
from resolvers.validation.free_text import camel_case

Formatter = Callable[[Any], Any]
RowQuery = Callable[[str, datetime], Select[Any]]
ComputedValues = Callable[[Any, KeyRing, datetime], dict[str, Any]]


SUBJECT_ID: Final = "the subject's id, already in the account section"
SECRET: Final = "a secret or its hash, with which someone could act as the subject"  # noqa: S105  # a sentence
STAFF_ID: Final = "the id of a member of staff, who is another person"
SORT_KEY: Final = "sorts the rows; joins a time and an id that are exported"
OWNER_COLUMN: Final = {"subject_id": SUBJECT_ID}


def _nothing(_row: Any, _keys: KeyRing, _now: datetime) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ExportSection:
    """One kind of record in the export.

    `query` selects the subject's rows. `exported` maps each exported column to its formatter, or to None if it is
    exported unchanged. `omitted` maps every other column to the reason. `computed` adds values from several columns.
    """

    name: str
    tables: tuple[Table, ...]
    record_kinds: tuple[RecordKind, ...]
    query: RowQuery
    exported: Mapping[str, Formatter | None]
    omitted: Mapping[str, str] = field(default_factory=dict)
    computed: ComputedValues = _nothing

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """All columns of the tables of this section."""
        return tuple(column for table in self.tables for column in table.columns)

    def item(self, row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
        """Turns a row into the JSON object that the subject sees."""
        values = {
            camel_case(name): (formatter or json_value)(getattr(row, name)) for name, formatter in self.exported.items()
        }
        return values | self.computed(row, keys, now)

    def head(self, periods: RetentionTable) -> dict[str, Any]:
        """Purposes, lawful basis, retention and recipients of these records, from the policy."""
        fields = self._fields()
        purposes = tuple(p for p in Purpose if any(p in POLICY[each].purposes for each in fields)) or (Purpose.SERVICE,)
        retention = retention_texts({kind: periods[kind] for kind in self.record_kinds})
        return {
            "purposes": purposes,
            "lawfulBasis": [text.lawful_basis for text in PURPOSES if text.purpose in purposes],
            "retention": [{"what": each.what, "why": each.why} for each in retention],
            "recipients": _recipients(fields),
        }

    def _fields(self) -> tuple[PersonalField, ...]:
        """The personal fields that callers read from these tables. A copy in another table does not count."""
        exported = [column for column in self.columns if column.name in self.exported]
        return tuple(each for each in PersonalField if any(column in FIELD_COLUMNS[each] for column in exported))


def _recipients(fields: tuple[PersonalField, ...]) -> list[dict[str, Any]]:
    reading: dict[str, dict[str, list[str]]] = {}
    for each in fields:
        for audience, cell in POLICY[each].cells.items():
            ground = cell.purpose.value if cell.purpose else "ALWAYS"
            reading.setdefault(audience.value, {}).setdefault(ground, []).append(each.value)
    return [
        {"audience": audience, "under": ground, "fields": names}
        for audience, grounds in reading.items()
        for ground, names in grounds.items()
    ]


def json_value(value: Any) -> Any:
    """A value as JSON contains it. A time is formatted as in the API."""
    return rfc3339(value) if isinstance(value, datetime) else value


def columns_of(*names: str, **formatted: Formatter) -> dict[str, Formatter | None]:
    """Columns to export: `names` unchanged, `formatted` with a formatter."""
    return {**dict.fromkeys(names), **formatted}


def rows_owned_by(owner: Column[Any], *conditions: Any) -> RowQuery:
    """A query for rows with the subject's id in the column `owner`, ordered by primary key."""
    table = owner.table

    def query(subject_id: str, _now: datetime) -> Select[Any]:
        mine = select(table).where(owner == subject_id, *conditions)
        return mine.order_by(*table.primary_key.columns)

    return query


def unaccounted_columns(
    sections: tuple[ExportSection, ...], without_subjects: Mapping[Table, str], tables: Any
) -> list[str]:
    """Lists columns, as `table.column`, that no section exports or omits with a reason."""
    accounted = {
        (table, name)
        for section in sections
        for table in section.tables
        for name in (*section.exported, *section.omitted)
    }
    return [
        f"{table.name}.{column.name}"
        for table in tables
        if table not in without_subjects or any(HOLDS in column.info for column in table.columns)
        for column in table.columns
        if (table, column.name) not in accounted
    ]

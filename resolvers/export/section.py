"""One kind of record in an export: whose rows, which columns in which form, and why no other; the rest is derived."""

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


SUBJECT_ID: Final = "the subject's own id, which the account says"
SECRET: Final = "a secret, or the hash of one, by which somebody could act as the subject"  # noqa: S105  # a sentence
STAFF_ID: Final = "the id of a member of staff, who is somebody else"
SORT_KEY: Final = "an instant and an id that stand beside it, as text that sorts"
OWNER_COLUMN: Final = {"subject_id": SUBJECT_ID}


def _nothing(_row: Any, _keys: KeyRing, _now: datetime) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ExportSection:
    """`read` gives the subject's rows, `shown` the form of each column that they see (None: as it is).

    `left_out` says of every other column why; `composed` adds what more than one column makes.
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
        """Every column that this kind accounts for."""
        return tuple(column for table in self.tables for column in table.columns)

    def item(self, row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
        """A stored row as its subject sees it."""
        values = {camel_case(name): (form or json_value)(getattr(row, name)) for name, form in self.exported.items()}
        return values | self.computed(row, keys, now)

    def head(self, periods: RetentionTable) -> dict[str, Any]:
        """Why these records are kept, how long, and who may be given them: all from the policy's data."""
        fields = self._fields()
        purposes = tuple(p for p in Purpose if any(p in POLICY[each].purposes for each in fields)) or (Purpose.SERVICE,)
        kept = retention_texts({kind: periods[kind] for kind in self.record_kinds})
        return {
            "purposes": purposes,
            "lawfulBasis": [text.lawful_basis for text in PURPOSES if text.purpose in purposes],
            "retention": [{"what": each.what, "why": each.why} for each in kept],
            "recipients": _recipients(fields),
        }

    def _fields(self) -> tuple[PersonalField, ...]:
        """The fields that are read from here by anybody; a copy elsewhere serves its own record alone."""
        held = [column for column in self.columns if column.name in self.exported]
        return tuple(each for each in PersonalField if any(column in FIELD_COLUMNS[each] for column in held))


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
    """A value as JSON holds it; an instant as the API writes it."""
    return rfc3339(value) if isinstance(value, datetime) else value


def columns_of(*names: str, **formed: Formatter) -> dict[str, Formatter | None]:
    """These columns unchanged, and those in a form of their own."""
    return {**dict.fromkeys(names), **formed}


def rows_owned_by(owner: Column[Any], *conditions: Any) -> RowQuery:
    """The rows that name the subject in this column, in the order of the table's key."""
    table = owner.table

    def read(subject_id: str, _now: datetime) -> Select[Any]:
        mine = select(table).where(owner == subject_id, *conditions)
        return mine.order_by(*table.primary_key.columns)

    return read


def unaccounted_columns(kinds: tuple[ExportSection, ...], nobodys: Mapping[Table, str], tables: Any) -> list[str]:
    """`table.column` of every column that is neither exported nor explained."""
    accounted = {(table, name) for kind in kinds for table in kind.tables for name in (*kind.exported, *kind.omitted)}
    return [
        f"{table.name}.{column.name}"
        for table in tables
        if table not in nobodys or any(HOLDS in column.info for column in table.columns)
        for column in table.columns
        if (table, column.name) not in accounted
    ]

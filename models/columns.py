"""Every column says what it holds: one personal-data field, or why it is nobody's."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Float, Integer, SmallInteger, String, Table, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlmodel import Field

from models.vocabulary import PersonalField

HOLDS = "holds"
IMPERSONAL = "impersonal"
ID_LENGTH = 32

Text = String
Whole = Integer
Small = SmallInteger
Big = BigInteger().with_variant(Integer(), "sqlite")
Truth = Boolean
Real = Float
Pages = JSON


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC to the microsecond; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """RFC 3339 in UTC with six decimals and Z: one spelling for every instant."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id() -> str:
    """128 random bits in lower-case hex: says nothing, sorts alike under every collation."""
    return secrets.token_hex(ID_LENGTH // 2)


def is_storable(text: str) -> bool:
    """Whether a column can hold this text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def lookup_id(id: str) -> str:
    """An id as it is looked up; one that no column can hold is nobody's."""
    return id if is_storable(id) else ""


def sort_key(at: datetime, id: str) -> str:
    """An instant made unique by an id, as text that sorts by time under every collation."""
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return f"{micros:020d}{id}"


def personal(field: PersonalField, kind: Any = Text, *, nullable: bool = True, unique: bool = False) -> Any:
    """A column that holds (part of) this personal-data field."""
    return Field(
        default=None if nullable else ...,
        sa_type=kind,
        nullable=nullable,
        unique=unique,
        sa_column_kwargs={"info": {HOLDS: field}},
    )


def impersonal(why: str, kind: Any = Text, *, numbered_by_us: bool = False, **options: Any) -> Any:
    """A column that holds no personal-data field, and why."""
    column: dict[str, Any] = {"info": {IMPERSONAL: why}}
    if numbered_by_us:
        column["autoincrement"] = False
    return Field(sa_type=kind, sa_column_kwargs=column, **options)


def personal_columns(table: Table) -> dict[str, PersonalField]:
    """The columns of a table that hold a personal field, by name, each with its field."""
    return {column.name: column.info[HOLDS] for column in table.columns if HOLDS in column.info}


def unclassified_columns(tables: Iterable[Table]) -> list[str]:
    """`table.column` of every column that says neither whose field it holds nor why it holds none."""
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if HOLDS not in column.info and IMPERSONAL not in column.info
    ]

"""Column types. Each column declares its personal-data field, or why it has none."""

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
IDENTIFIER = "identifier"
ID_LENGTH = 32

Text = String
Int = Integer
SmallInt = SmallInteger
BigInt = BigInteger().with_variant(Integer(), "sqlite")
Bool = Boolean
Double = Float
Json = JSON


class UtcDateTime(TypeDecorator[datetime]):
    """A datetime with an offset, stored in UTC to the microsecond. Raises ValueError without an offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("The datetime has no UTC offset. Pass an aware datetime.")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """Returns the time as RFC 3339 in UTC, always with six decimals and Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id() -> str:
    """Returns 128 random bits in lowercase hex, which sort the same under every collation."""
    return secrets.token_hex(ID_LENGTH // 2)


def is_storable(text: str) -> bool:
    """Returns whether a column can store this text: no NUL, no unpaired surrogate."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def lookup_id(id: str) -> str:
    """Returns the id for a lookup; an empty text, which matches no row, if no column can store it."""
    return id if is_storable(id) else ""


def sort_key(at: datetime, id: str) -> str:
    """Returns text that sorts by time, then id, under every collation."""
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return f"{micros:020d}{id}"


def personal(field: PersonalField, kind: Any = Text, *, nullable: bool = True, unique: bool = False) -> Any:
    """Declares a column that stores this personal-data field or a part of it."""
    return Field(
        default=None if nullable else ...,
        sa_type=kind,
        nullable=nullable,
        unique=unique,
        sa_column_kwargs={"info": {HOLDS: field}},
    )


def impersonal(why: str, kind: Any = Text, *, numbered_by_us: bool = False, **options: Any) -> Any:
    """Declares a column without personal-data field, and says why it has none."""
    column: dict[str, Any] = {"info": {IMPERSONAL: why}}
    if numbered_by_us:
        column["autoincrement"] = False
    return Field(sa_type=kind, sa_column_kwargs=column, **options)


def identifier(why: str = "a random id", *, length: int = ID_LENGTH, **options: Any) -> Any:
    """Declares a column with a random id. The id has no meaning, but other rows can name a person by it."""
    return Field(sa_type=Text(length), sa_column_kwargs={"info": {IMPERSONAL: why, IDENTIFIER: True}}, **options)


def personal_columns(table: Table) -> dict[str, PersonalField]:
    """Returns the personal-data field of each column that has one, by column name."""
    return {column.name: column.info[HOLDS] for column in table.columns if HOLDS in column.info}


def unclassified_columns(tables: Iterable[Table]) -> list[str]:
    """Returns `table.column` of every column that declares neither a field nor why it has none."""
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if HOLDS not in column.info and IMPERSONAL not in column.info
    ]

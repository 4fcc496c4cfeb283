"""The custom scalars of the schema."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import strawberry
from strawberry.types.scalar import ScalarDefinition

from models.columns import rfc3339

RFC_3339: Final = "https://datatracker.ietf.org/doc/html/rfc3339"


def _read(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("DateTime must be an RFC 3339 string of at most 40 characters.")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("DateTime must end with an offset, such as Z or +01:00.")
    return instant.astimezone(UTC)


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A point in time as RFC 3339 writes it. Answers are in UTC with six decimals, such as "
    "`2026-11-01T08:30:00.000000Z`. Input may have any offset but must have one.",
    specified_by_url=RFC_3339,
    serialize=rfc3339,
    parse_value=_read,
)
SCALARS: Final[Mapping[object, ScalarDefinition]] = {datetime: DATE_TIME}

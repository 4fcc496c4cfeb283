"""The closed vocabularies and scalars, as GraphQL knows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import strawberry
from strawberry.types.scalar import ScalarDefinition

from models.columns import in_utc
from models.vocabulary import (
    ConsentStatus,
    Dimension,
    LegalRequestStatus,
    PersonalField,
    Processor,
    RefusalCode,
    Role,
    SupportCaseStatus,
    WithholdingReason,
)

WORDS = (
    Role,
    Processor,
    PersonalField,
    WithholdingReason,
    ConsentStatus,
    RefusalCode,
    SupportCaseStatus,
    LegalRequestStatus,
    Dimension,
)
for word in WORDS:
    strawberry.enum(word, description=(word.__doc__ or "").split("\n")[0])


def _read(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("an instant is written as RFC 3339 says")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="RFC 3339 in UTC with six decimals and Z; an input without an offset is refused.",
    serialize=in_utc,
    parse_value=_read,
)
SCALARS: Final[Mapping[object, ScalarDefinition]] = {datetime: DATE_TIME}

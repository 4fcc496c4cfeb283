"""What staff may ask to see, and until when: checked alike for cases and for requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from models.mutation_outcomes import Refused
from models.vocabulary import Audience, PersonalField, RefusalCode, fields_of, mask_of
from permissions.decision import possible_bits
from resolvers.validation.free_text import InvalidValue, clean_text

MOST_FIELDS: Final = 100


def invalid_input(field: str, reason: str) -> Refused:
    """INVALID_INPUT by the input's name."""
    return Refused(RefusalCode.INVALID_INPUT, f"`{field}` {reason}.", f"input.{field}")


def checked_extent(fields: Sequence[PersonalField], audience: Audience) -> int | Refused:
    """The bits of the fields, all of which this audience can ever read; others are refused by name."""
    if not 1 <= len(fields) <= MOST_FIELDS:
        return invalid_input("extent", f"holds 1 to {MOST_FIELDS} fields")
    bits = mask_of(tuple(fields))
    if beyond := bits & ~possible_bits([audience]):
        return invalid_input("extent", f"names fields that are never opened: {', '.join(fields_of(beyond))}")
    return bits


@dataclass(frozen=True, slots=True)
class ExpiryLimit:
    """How long something is open: `usual` unless said, never more than `most`."""

    longest: timedelta
    default: timedelta | None = None

    def check(self, asked: datetime | None, now: datetime) -> datetime | Refused:
        """The end, which lies in the future."""
        if asked is None:
            return now + self.default if self.default else invalid_input("expiresAt", "is missing")
        if not now < asked <= now + self.longest:
            return invalid_input("expiresAt", f"lies in the future, within {self.longest.days} days")
        return asked


def required_text(field: str, value: str, longest: int) -> str | Refused:
    """A text that says something."""
    try:
        cleaned = clean_text(field, value, longest)
    except InvalidValue as problem:
        return invalid_input(field, problem.reason)
    return cleaned or invalid_input(field, "is blank")

"""Checks the fields, expiry and texts of a new support case or legal request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from models.mutation_outcomes import Refused
from models.vocabulary import Audience, PersonalField, RefusalCode, fields_of, mask_of
from permissions.decision import possible_bits
from resolvers.validation.free_text import InvalidValue, clean_line

MOST_FIELDS: Final = 100


def invalid_input(field: str, reason: str) -> Refused:
    """An INVALID_INPUT refusal that names the input field."""
    return Refused(RefusalCode.INVALID_INPUT, f"`{field}` {reason}.", f"input.{field}")


def checked_extent(fields: Sequence[PersonalField], audience: Audience) -> int | Refused:
    """Returns the fields as bits. Refuses fields that the audience can never read, and names them."""
    if not 1 <= len(fields) <= MOST_FIELDS:
        return invalid_input("extent", f"must contain 1 to {MOST_FIELDS} fields")
    bits = mask_of(tuple(fields))
    if never_read := bits & ~possible_bits([audience]):
        return invalid_input(
            "extent", f"must not contain {', '.join(fields_of(never_read))}: {audience} never reads it"
        )
    return bits


@dataclass(frozen=True, slots=True)
class ExpiryLimit:
    """The longest time until something expires, and the default if the caller sends none."""

    longest: timedelta
    default: timedelta | None = None

    def check(self, expires_at: datetime | None, now: datetime) -> datetime | Refused:
        """Returns when it expires. Refuses a time that is not in the future, or is too late."""
        if expires_at is None:
            return now + self.default if self.default else invalid_input("expiresAt", "is required")
        if not now < expires_at <= now + self.longest:
            return invalid_input("expiresAt", f"must be within the next {self._in_words()}")
        return expires_at

    def _in_words(self) -> str:
        return f"{self.longest.days} days" if self.longest.days else f"{self.longest.seconds // 3600} hours"


def required_text(field: str, value: str, longest: int, if_blank: str = "is required") -> str | Refused:
    """Returns the cleaned text. Refuses a blank one, with the reason `if_blank`."""
    try:
        cleaned = clean_line(field, value, longest)
    except InvalidValue as problem:
        return invalid_input(field, problem.reason)
    return cleaned or invalid_input(field, if_blank)

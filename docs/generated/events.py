"""The kinds of security events and their fields, read from the closed list."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from docs.generated.markdown import code, codes, table
from permissions.events.fields import COMMON, FIELD_MEANINGS, FIELD_VALUES, EventField, Name, Pseudonym
from permissions.events.kinds import EVENT_RULES

WORDS: Final = {Pseudonym: "a pseudonym", Name: "a name", int: "a number"}


def parts() -> dict[str, str]:
    """The generated parts of `events.md`."""
    kinds = [
        (code(kind), rule.outcome.value, rule.meaning, codes(rule.fields) or "none")
        for kind, rule in EVENT_RULES.items()
    ]
    fields = [(code(field), FIELD_MEANINGS[field], ", ".join(_values(field))) for field in EventField]
    return {
        "common": f"Every kind can have {codes(COMMON)}. A field without a value is left out.",
        "kinds": table(("event", "outcome", "meaning", "its own fields"), kinds),
        "fields": table(("field", "meaning", "values"), fields),
    }


def _values(field: EventField) -> Iterator[str]:
    for kind in FIELD_VALUES[field]:
        yield codes(kind) if issubclass(kind, StrEnum) else WORDS[kind]

"""Validates free text, and converts names and texts to the spellings that clients and search use."""

import unicodedata

from models.pasted_text import INVISIBLE, MOST_MARKS, has_long_run_of_marks, one_line, plain, trimmed


class InvalidValue(ValueError):
    """A value that was refused. Names the field and the reason, never the value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def clean_text(field: str, value: object, longest: int) -> str | None:
    """Returns the text in NFC and without invisible edges, or None if it is blank. Raises InvalidValue."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(field, "is not text")
    if len(value) > 4 * longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t\r" for letter in value):
        raise InvalidValue(field, "contains a control character")
    if has_long_run_of_marks(value):
        raise InvalidValue(field, f"contains more than {MOST_MARKS} combining marks in a row")
    cleaned = trimmed(unicodedata.normalize("NFC", value))
    if len(cleaned) > longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    return cleaned or None


def clean_line(field: str, value: object, longest: int) -> str | None:
    """Returns a short text as a person reads it, or None if it is blank. Raises InvalidValue."""
    text = clean_text(field, value, longest)
    return one_line(text) or None if text else None


def clean_plain(field: str, value: object, longest: int) -> str | None:
    """Returns a number, a code or a name from a list in ASCII, or None if it is blank. Raises InvalidValue."""
    text = clean_text(field, value, 4 * longest)
    cleaned = plain(text) if text else ""
    if len(cleaned) > longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    return cleaned or None


def camel_case(name: str) -> str:
    """Returns a column's name as clients spell it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def fold_for_search(text: str) -> str:
    """Returns text as search compares it: NFKC, case folded, single spaces, nothing invisible."""
    seen = "".join(letter for letter in text if letter not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())

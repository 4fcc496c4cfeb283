"""Validates free text, and converts names and texts to the spellings that clients and search use."""

import unicodedata


class InvalidValue(ValueError):
    """A value that was refused. Names the field and the reason, never the value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def clean_text(field: str, value: object, longest: int) -> str | None:
    """Returns the text trimmed and in NFC, or None if it is blank. Raises InvalidValue."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(field, "is not text")
    if len(value) > 4 * longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t\r" for letter in value):
        raise InvalidValue(field, "contains a control character")
    cleaned = unicodedata.normalize("NFC", value).strip()
    if len(cleaned) > longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    return cleaned or None


def camel_case(name: str) -> str:
    """Returns a column's name as clients spell it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def fold_for_search(text: str) -> str:
    """Returns text as search compares it: NFKC, case folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

"""Validation of free text, and the two spellings that other modules derive from it."""

import unicodedata


class InvalidValue(ValueError):
    """A value that is not kept; says which field and why, never the value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def clean_text(field: str, value: object, longest: int) -> str | None:
    """Trimmed NFC text; blank is null."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(field, "is not a text")
    if len(value) > 4 * longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t\r" for letter in value):
        raise InvalidValue(field, "holds a control character")
    cleaned = unicodedata.normalize("NFC", value).strip()
    if len(cleaned) > longest:
        raise InvalidValue(field, f"is longer than {longest} characters")
    return cleaned or None


def camel_case(name: str) -> str:
    """A column's name as clients spell it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def fold_for_search(text: str) -> str:
    """Text as search compares it: NFKC, case folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

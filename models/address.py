"""E-mail addresses: one canonical form for finding them, the given form for writing to them."""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

LONGEST: Final = 254


class NotAnAddress(ValueError):
    """A text that no mail could be sent to."""


def given(text: str) -> str:
    """The address as its owner writes it, its domain normalised."""
    if len(text) > LONGEST:
        raise NotAnAddress
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        raise NotAnAddress from None


def sought_address(text: str) -> str:
    """The canonical form as it is looked up; what is no address is nobody's."""
    try:
        return canonical(text)
    except NotAnAddress:
        return ""


def canonical(text: str) -> str:
    """The form in which two spellings of one address are equal: NFC, case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", given(text)).casefold())

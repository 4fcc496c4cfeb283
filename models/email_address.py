"""E-mail addresses: one canonical form for finding them, the given form for writing to them."""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH: Final = 254


class InvalidAddress(ValueError):
    """A text that no mail could be sent to."""


def normalized_address(text: str) -> str:
    """The address as its owner writes it, its domain normalised."""
    if len(text) > MAX_LENGTH:
        raise InvalidAddress
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        raise InvalidAddress from None


def lookup_address(text: str) -> str:
    """The canonical form as it is looked up; what is no address is nobody's."""
    try:
        return canonical_address(text)
    except InvalidAddress:
        return ""


def canonical_address(text: str) -> str:
    """The form in which two spellings of one address are equal: NFC, case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", normalized_address(text)).casefold())

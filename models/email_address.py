"""E-mail addresses: a canonical form to find accounts, and the given form to send letters."""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH: Final = 254


class InvalidAddress(ValueError):
    """The text is not an e-mail address."""


def normalized_address(text: str) -> str:
    """Returns the address as written, with a normalized domain. Raises InvalidAddress."""
    if len(text) > MAX_LENGTH:
        raise InvalidAddress
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        raise InvalidAddress from None


def lookup_address(text: str) -> str:
    """Returns the canonical form for a lookup; an empty text, which matches no account, if it is invalid."""
    try:
        return canonical_address(text)
    except InvalidAddress:
        return ""


def canonical_address(text: str) -> str:
    """Returns the form in which two spellings of one address are equal: NFC, case-folded. Raises InvalidAddress."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", normalized_address(text)).casefold())

"""E-mail addresses: the given form to send letters, and a canonical form to find accounts."""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from models.pasted_text import trimmed

MAX_LENGTH: Final = 254
SIGNS: Final = "\uff20\ufe6b"
"""Wide and small forms of @, as some keyboards type it."""


class InvalidAddress(ValueError):
    """The text is not an e-mail address."""


def given_address(text: str) -> str:
    """Returns the address as it was given, for letters to it. Raises InvalidAddress."""
    address = _read(text)
    _checked(address)
    return address


def canonical_address(text: str) -> str:
    """Returns the form in which two spellings of one mailbox are equal. Raises InvalidAddress.

    The local part is in lower case and NFC. Case folding would make two mailboxes equal, for example those of ß and
    ss. The domain is the one that mail is sent to: the A-label of IDNA 2008, by UTS 46 without transitional mapping.
    """
    checked = _checked(_read(text))
    local = unicodedata.normalize("NFC", checked.local_part)
    return f"{unicodedata.normalize('NFC', local.lower())}@{checked.ascii_domain}"


def lookup_address(text: str) -> str:
    """Returns the canonical form for a lookup; an empty text, which matches no account, if it is invalid."""
    try:
        return canonical_address(text)
    except InvalidAddress:
        return ""


def deliverable_address(given: str) -> str:
    """Returns a given address for an envelope: the local part unchanged, the domain in ASCII. Raises InvalidAddress."""
    return f"{given.rpartition('@')[0]}@{_checked(given).ascii_domain}"


def _read(text: str) -> str:
    """The text of an address as a person reads it."""
    if len(text) > MAX_LENGTH:
        raise InvalidAddress
    address = trimmed(text)
    for sign in SIGNS if "@" not in address else "":
        address = address.replace(sign, "@")
    return address


def _checked(address: str) -> ValidatedEmail:
    if len(address) > MAX_LENGTH:
        raise InvalidAddress
    try:
        return validate_email(address, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        raise InvalidAddress from None

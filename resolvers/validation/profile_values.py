"""Validates and normalizes profile values, the same way for the API and the import."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat
from pydantic import HttpUrl, TypeAdapter, ValidationError

from models.records.profile import SEARCHABLE_FIELDS
from models.statistics.countries import COUNTRIES
from permissions.masked_columns import FOLDED_SUFFIX
from resolvers.validation.free_text import (
    InvalidValue,
    camel_case,
    clean_line,
    clean_plain,
    clean_text,
    fold_for_search,
)

SHORT: Final = 200
LONG: Final = 4000
LONGEST_URL: Final = 2048
MOST_PAGES: Final = 20
PHONE: Final = re.compile(r"\+[0-9][0-9 ()./-]{3,30}")
"""Only the international form: the meaning of a national number depends on the country."""

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")

URL: Final = re.compile(r"https?://[\w\[][^\s\\]*", re.IGNORECASE)
"""Refuses backslashes, because browsers treat them as slashes."""

URL_PARSER: Final = TypeAdapter(HttpUrl)

PROFILE_TEXTS: Final = {
    "first_name": SHORT,
    "last_name": SHORT,
    "organization": SHORT,
    "specialization": SHORT,
    "city": SHORT,
    "street_address": SHORT,
    "about": LONG,
}
PRE_REGISTRATION_TEXTS: Final = dict.fromkeys(
    (
        "institution_name",
        "institution_type",
        "job_role",
        "company",
        "industry",
        "department",
        "organization",
        "main_printer",
    ),
    SHORT,
)


def clean_country(field: str, value: object) -> str | None:
    """Returns an ISO 3166-1 alpha-2 code in upper case, or None. Raises InvalidValue."""
    code = clean_plain(field, value, 2)
    if code is not None and not (code.isascii() and code.upper() in COUNTRIES):
        raise InvalidValue(field, "is not a country code of ISO 3166-1 alpha-2")
    return code.upper() if code else None


def clean_url(field: str, value: object) -> str | None:
    """Returns an http or https URL without credentials or invisible characters, or None. Raises InvalidValue."""
    address = clean_text(field, value, LONGEST_URL)
    if address is not None and not (URL.fullmatch(address) and _is_safe_url(address)):
        raise InvalidValue(field, "is not an http or https address without credentials")
    return address


def _is_safe_url(address: str) -> bool:
    if any(unicodedata.category(letter)[0] in "CZ" for letter in address):
        return False
    try:
        parts = URL_PARSER.validate_python(address)
    except ValidationError:
        return False
    return parts.username is None and parts.password is None and parts.port != 0


def clean_phone(field: str, value: object) -> str | None:
    """Returns a phone number in E.164, or None. Raises InvalidValue.

    Blanks, dashes and digits of any script count as those of ASCII, and invisible characters as nothing.
    A number already in E.164 is stored unchanged, because libraries learn of new number ranges late. Any other
    spelling is parsed by the rules of its country.
    """
    written = clean_plain(field, value, 32)
    if written is None or E164.fullmatch(written):
        return written
    try:
        number = phonenumbers.parse(written) if PHONE.fullmatch(written) else None
    except NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise InvalidValue(field, "is not a telephone number that begins with + and the country's code")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def clean_pages(field: str, value: object) -> list[dict[str, Any]] | None:
    """Returns a list of public pages with title, url and body, or None. Raises InvalidValue."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_PAGES:
        raise InvalidValue(field, f"is not a list of at most {MOST_PAGES} pages")
    return [_page(f"{field}.{place}", page) for place, page in enumerate(value)]


def _page(field: str, page: object) -> dict[str, Any]:
    if not isinstance(page, Mapping) or not set(page) <= {"title", "url", "body"}:
        raise InvalidValue(field, "is not a page of title, url and body")
    title, address = clean_line(f"{field}.title", page.get("title"), SHORT), clean_url(f"{field}.url", page.get("url"))
    if title is None or address is None:
        raise InvalidValue(f"{field}.{'url' if title else 'title'}", "is missing")
    return {"title": title, "url": address, "body": clean_text(f"{field}.body", page.get("body"), LONG)}


VALIDATORS: Final[dict[str, Callable[[str, object], Any]]] = {
    "mobile_phone": clean_phone,
    "country": clean_country,
    "avatar_url": clean_url,
    "wallpaper_url": clean_url,
    "public_pages": clean_pages,
}


def clean_profile(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the given profile columns, validated, with the folded text for search. Raises InvalidValue."""
    cleaned: dict[str, Any] = {}
    for name, value in values.items():
        field = prefix + camel_case(name)
        if name in PROFILE_TEXTS:
            clean = clean_line if PROFILE_TEXTS[name] == SHORT else clean_text
            cleaned[name] = clean(field, value, PROFILE_TEXTS[name])
        else:
            cleaned[name] = VALIDATORS[name](field, value)
    for searched in SEARCHABLE_FIELDS:
        if (name := searched.value.lower()) in cleaned:
            cleaned[name + FOLDED_SUFFIX] = fold_for_search(cleaned[name]) if cleaned[name] else None
    return cleaned


def clean_pre_registration(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the given columns of the form, validated. Raises InvalidValue."""
    return {
        name: clean_country(prefix + camel_case(name), value)
        if name == "country"
        else clean_line(prefix + camel_case(name), value, PRE_REGISTRATION_TEXTS[name])
        for name, value in values.items()
    }

"""One cleaning of what people write about themselves, for the API and the import alike."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat
from pydantic import HttpUrl, TypeAdapter, ValidationError

from models.records.profile import SEARCHED
from models.statistics.countries import COUNTRIES
from permissions.mask import FOLDED
from resolvers.profile.directory import folded

SHORT: Final = 200
LONG: Final = 4000
LONGEST_URL: Final = 2048
MOST_PAGES: Final = 20
PHONE: Final = re.compile(r"\+[0-9][0-9 ()./-]{3,30}")
"""With the country's code: a national number would change its meaning with the country that stands beside it."""

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")

URL: Final = re.compile(r"https?://[\w\[][^\s\\]*", re.IGNORECASE)
"""The beginning as browsers and people read it alike; they take a backslash for a slash."""

AS_BROWSERS_READ: Final = TypeAdapter(HttpUrl)

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


class Unacceptable(ValueError):
    """A value that is not kept; says which field and why, never the value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def text(field: str, value: object, longest: int) -> str | None:
    """Trimmed NFC text; blank is null."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unacceptable(field, "is not a text")
    if len(value) > 4 * longest:
        raise Unacceptable(field, f"is longer than {longest} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t\r" for letter in value):
        raise Unacceptable(field, "holds a control character")
    cleaned = unicodedata.normalize("NFC", value).strip()
    if len(cleaned) > longest:
        raise Unacceptable(field, f"is longer than {longest} characters")
    return cleaned or None


def country(field: str, value: object) -> str | None:
    """An ISO 3166-1 alpha-2 code."""
    code = text(field, value, 2)
    if code is not None and not (code.isascii() and code.upper() in COUNTRIES):
        raise Unacceptable(field, "is not a country code of ISO 3166-1 alpha-2")
    return code.upper() if code else None


def url(field: str, value: object) -> str | None:
    """An absolute http or https address: no script, no file, no credentials, nothing that is not seen."""
    address = text(field, value, LONGEST_URL)
    if address is not None and not (URL.fullmatch(address) and _leads_somewhere(address)):
        raise Unacceptable(field, "is not an http or https address without credentials")
    return address


def _leads_somewhere(address: str) -> bool:
    if any(unicodedata.category(letter)[0] in "CZ" for letter in address):
        return False
    try:
        parts = AS_BROWSERS_READ.validate_python(address)
    except ValidationError:
        return False
    return parts.username is None and parts.password is None and parts.port != 0


def phone(field: str, value: object) -> str | None:
    """A telephone number as E.164 writes it.

    What is written so already stays: countries open new ranges sooner than services hear of them. Any other spelling
    is read as its country reads it.
    """
    written = text(field, value, 32)
    if written is None or E164.fullmatch(written):
        return written
    try:
        number = phonenumbers.parse(written) if PHONE.fullmatch(written) else None
    except NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise Unacceptable(field, "is not a telephone number that begins with + and the country's code")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def pages(field: str, value: object) -> list[dict[str, Any]] | None:
    """Public pages: a title, an address, perhaps a body."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_PAGES:
        raise Unacceptable(field, f"is not a list of at most {MOST_PAGES} pages")
    return [_page(f"{field}.{place}", page) for place, page in enumerate(value)]


def _page(field: str, page: object) -> dict[str, Any]:
    if not isinstance(page, Mapping) or not set(page) <= {"title", "url", "body"}:
        raise Unacceptable(field, "is not a page of title, url and body")
    title, address = text(f"{field}.title", page.get("title"), SHORT), url(f"{field}.url", page.get("url"))
    if title is None or address is None:
        raise Unacceptable(f"{field}.{'url' if title else 'title'}", "is missing")
    return {"title": title, "url": address, "body": text(f"{field}.body", page.get("body"), LONG)}


def camel(name: str) -> str:
    """A column's name as clients spell it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def profile(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The given profile columns, cleaned, with the folded text that search reads."""
    cleaned: dict[str, Any] = {}
    for name, value in values.items():
        field = prefix + camel(name)
        if name in PROFILE_TEXTS:
            cleaned[name] = text(field, value, PROFILE_TEXTS[name])
        elif name in ("avatar_url", "wallpaper_url"):
            cleaned[name] = url(field, value)
        else:
            cleaned[name] = {"mobile_phone": phone, "country": country, "public_pages": pages}[name](field, value)
    for searched in SEARCHED:
        if (name := searched.value.lower()) in cleaned:
            cleaned[name + FOLDED] = folded(cleaned[name]) if cleaned[name] else None
    return cleaned


def pre_registration(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The given columns of the form, cleaned."""
    return {
        name: country(prefix + camel(name), value)
        if name == "country"
        else text(prefix + camel(name), value, PRE_REGISTRATION_TEXTS[name])
        for name, value in values.items()
    }

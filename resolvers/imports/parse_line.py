"""Parses and checks one line of an import, a JSON object about one person."""

import ipaddress
import re
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from models.email_address import InvalidAddress, canonical_address, given_address
from models.pasted_text import plain, trimmed
from models.records.pre_registration import PreRegistration
from models.records.profile import Profile
from models.vocabulary import PersonalField, Purpose, mask_of
from permissions import version_numbers
from permissions.masked_columns import FOLDED_SUFFIX
from resolvers.hashing.argon2_parameters import is_acceptable_hash
from resolvers.hashing.password_hash import MAX_PASSWORD_BYTES, is_too_long
from resolvers.subjects.new_person import ConsentDecision, NewPerson
from resolvers.validation.free_text import InvalidValue, camel_case
from resolvers.validation.profile_values import clean_pre_registration, clean_profile

MOST_CONSENTS: Final = 1000
LONGEST_PLAIN: Final = 256
"""No number, code or name from a list is longer, even with invisible characters."""

RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
PRINTABLE_KEY: Final = re.compile(r"[A-Za-z]{1,32}")
KEYS: Final = frozenset(
    (
        "email",
        "password",
        "passwordHash",
        "ipAddress",
        "emailVerified",
        "hidden",
        "profile",
        "preRegistration",
        "consents",
    )
)
CONSENT_KEYS: Final = frozenset(("purpose", "granted", "policyVersion", "at"))
PROFILE_KEYS: Final = {
    camel_case(name): name
    for name in Profile.model_fields
    if name != "subject_id" and not name.startswith("place_") and not name.endswith(FOLDED_SUFFIX)
}
FIELD_NAMES: Final = frozenset(field.value for field in PersonalField)
FORM_KEYS: Final = {camel_case(name): name for name in PreRegistration.model_fields if name != "subject_id"}


def parse_person(line: object, now: datetime) -> NewPerson:
    """Returns the person on the line. InvalidValue names the first invalid field, and never its value."""
    if not isinstance(line, Mapping):
        raise InvalidValue("line", "is not a JSON object")
    line = _known_keys(line, KEYS, "")
    try:
        email = line.get("email")
        person = NewPerson(given_address(email), canonical_address(email)) if isinstance(email, str) else None
    except InvalidAddress:
        person = None
    if person is None:
        raise InvalidValue("email", "is not an e-mail address")
    person.password, person.password_hash = _password(line)
    person.ip_address = _ip_address(line.get("ipAddress"))
    person.verified = _boolean("emailVerified", line.get("emailVerified", False))
    if "hidden" in line:
        person.hidden = _hidden(line["hidden"])
    person.profile = clean_profile(_object("profile", line, PROFILE_KEYS), "profile.")
    person.form = clean_pre_registration(_object("preRegistration", line, FORM_KEYS), "preRegistration.")
    person.consents = _consents(line.get("consents", []), now)
    return person


def _known_keys(values: Mapping[str, Any], keys: Container[str], prefix: str) -> dict[str, Any]:
    """The values by their keys as a person reads them. Refuses an unknown key and one that is there twice."""
    known: dict[str, Any] = {}
    for written, value in values.items():
        key = trimmed(written)
        if key not in keys:
            raise InvalidValue(prefix + (key if PRINTABLE_KEY.fullmatch(key) else "a key"), "is not known")
        if key in known:
            raise InvalidValue(prefix + key, "is there twice")
        known[key] = value
    return known


def _plain(value: object) -> Any:
    """The value, as a person reads it if it is a text of reasonable length."""
    return plain(value) if isinstance(value, str) and len(value) <= LONGEST_PLAIN else value


def _password(line: Mapping[str, Any]) -> tuple[str | None, str | None]:
    password, stored = line.get("password"), line.get("passwordHash")
    if password is not None and stored is not None:
        raise InvalidValue("passwordHash", "is not allowed together with password. Send one of them")
    if password is not None and (not isinstance(password, str) or not password or is_too_long(password)):
        raise InvalidValue("password", f"is not a text of 1 to {MAX_PASSWORD_BYTES} bytes")
    stored = trimmed(stored) if isinstance(stored, str) else stored
    if stored is not None and not (isinstance(stored, str) and len(stored) <= 512 and is_acceptable_hash(stored)):
        raise InvalidValue("passwordHash", "is not argon2id within m=262144, t=10, p=16")
    return password, stored


def _ip_address(value: object) -> str | None:
    value = _plain(value)
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) and "%" not in value else _not_an_ip_address()
    except ValueError:
        return _not_an_ip_address()


def _not_an_ip_address() -> str:
    raise InvalidValue("ipAddress", "is not an IP address")


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(name, "is not true or false")
    return value


def _hidden(value: object) -> int:
    names: list[Any] = [_plain(name) for name in value] if isinstance(value, list) else [None]
    if not all(isinstance(name, str) and name in FIELD_NAMES for name in names):
        raise InvalidValue("hidden", "is not a list of personal fields")
    return mask_of({PersonalField(name) for name in names})


def _object(name: str, line: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    value = line.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidValue(name, "is not a JSON object")
    return {keys[key]: each for key, each in _known_keys(value, keys, f"{name}.").items()}


def _consents(value: object, now: datetime) -> list[ConsentDecision]:
    if not isinstance(value, list) or len(value) > MOST_CONSENTS:
        raise InvalidValue("consents", f"is not a list of at most {MOST_CONSENTS} entries")
    found = [_consent(f"consents.{place}", entry, now) for place, entry in enumerate(value)]
    return sorted(found, key=lambda consent: consent.at)


def _consent(name: str, entry: object, now: datetime) -> ConsentDecision:
    if not isinstance(entry, Mapping):
        raise InvalidValue(name, "is not a JSON object")
    entry = _known_keys(entry, CONSENT_KEYS, f"{name}.")
    purpose, named = _plain(entry.get("purpose")), _plain(entry.get("policyVersion"))
    if purpose not in (Purpose.SOCIAL, Purpose.EXPANSION):
        raise InvalidValue(f"{name}.purpose", "is not a purpose that can be granted")
    granted = _boolean(f"{name}.granted", entry.get("granted"))
    if not isinstance(named, str) or version_numbers.version_number(named) is None:
        raise InvalidValue(f"{name}.policyVersion", "is not a version of the policy")
    return ConsentDecision(Purpose(purpose), granted, named, _past_time(f"{name}.at", _plain(entry.get("at")), now))


def _past_time(name: str, value: object, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        written = isinstance(value, str) and RFC_3339.fullmatch(value)
        at = datetime.fromisoformat(str(value)).astimezone(UTC) if written else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise InvalidValue(name, "is not a date and time with an offset (RFC 3339)")
    if at > now:
        raise InvalidValue(name, "is in the future")
    return at

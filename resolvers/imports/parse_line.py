"""People who come from elsewhere, as one JSON object each: checked whole, then stored in bulk."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from models.address import NotAnAddress, canonical, given
from models.records.pre_registration import PreRegistration
from models.records.profile import Profile
from models.vocabulary import PersonalField, Purpose, mask_of
from permissions.mask import FOLDED
from permissions.policy import HIDDEN_AT_FIRST
from permissions.versions import numbers
from resolvers.hashing.password_hash import LONGEST_PASSWORD, acceptable_hash, too_long
from resolvers.profile import validate_values
from resolvers.profile.validate_values import Unacceptable, camel

MOST_CONSENTS: Final = 1000
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
    camel(name): name
    for name in Profile.model_fields
    if name != "subject_id" and not name.startswith("place_") and not name.endswith(FOLDED)
}
FIELD_NAMES: Final = frozenset(field.value for field in PersonalField)
FORM_KEYS: Final = {camel(name): name for name in PreRegistration.model_fields if name != "subject_id"}


@dataclass(frozen=True, slots=True)
class Consent:
    """One entry of a person's history elsewhere."""

    purpose: Purpose
    granted: bool
    policy_version: str
    at: datetime


@dataclass(slots=True)
class Person:
    """One person as they will be stored."""

    email: str
    email_canonical: str
    password: str | None = None
    password_hash: str | None = None
    ip_address: str | None = None
    verified: bool = False
    hidden: int = mask_of(HIDDEN_AT_FIRST)
    profile: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    consents: list[Consent] = field(default_factory=list)

    def granted(self, purpose: Purpose) -> int | None:
        """The number of the version that is granted last, or None."""
        last = [consent for consent in self.consents if consent.purpose is purpose][-1:]
        return numbers.number(last[0].policy_version) if last and last[0].granted else None

    def stands(self, purpose: Purpose) -> bool:
        """Whether the purpose will stand for this person."""
        return self.verified and (self.granted(purpose) or 0) >= numbers.floor(purpose)


def person(line: object, now: datetime) -> Person:
    """A checked person; Unacceptable names the first field at fault and never its value."""
    if not isinstance(line, Mapping):
        raise Unacceptable("line", "is not a JSON object")
    _known(line, KEYS, "")
    try:
        email = line.get("email")
        person = Person(given(email), canonical(email)) if isinstance(email, str) else None
    except NotAnAddress:
        person = None
    if person is None:
        raise Unacceptable("email", "is not an e-mail address")
    person.password, person.password_hash = _password(line)
    person.ip_address = _address(line.get("ipAddress"))
    person.verified = _truth("emailVerified", line.get("emailVerified", False))
    if "hidden" in line:
        person.hidden = _hidden(line["hidden"])
    person.profile = validate_values.profile(_object("profile", line, PROFILE_KEYS), "profile.")
    person.form = validate_values.pre_registration(_object("preRegistration", line, FORM_KEYS), "preRegistration.")
    person.consents = _consents(line.get("consents", []), now)
    return person


def _known(values: Mapping[str, Any], keys: Any, prefix: str) -> None:
    for key in values:
        if key not in keys:
            raise Unacceptable(prefix + (key if PRINTABLE_KEY.fullmatch(key) else "a key"), "is not known")


def _password(line: Mapping[str, Any]) -> tuple[str | None, str | None]:
    password, stored = line.get("password"), line.get("passwordHash")
    if password is not None and stored is not None:
        raise Unacceptable("passwordHash", "stands beside password; one of them is enough")
    if password is not None and (not isinstance(password, str) or not password or too_long(password)):
        raise Unacceptable("password", f"is not a text of 1 to {LONGEST_PASSWORD} bytes")
    if stored is not None and not (isinstance(stored, str) and len(stored) <= 512 and acceptable_hash(stored)):
        raise Unacceptable("passwordHash", "is not argon2id within m=262144, t=10, p=16")
    return password, stored


def _address(value: object) -> str | None:
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) and "%" not in value else _no_address()
    except ValueError:
        return _no_address()


def _no_address() -> str:
    raise Unacceptable("ipAddress", "is not an IP address")


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Unacceptable(name, "is not true or false")
    return value


def _hidden(value: object) -> int:
    if not isinstance(value, list) or not all(isinstance(name, str) and name in FIELD_NAMES for name in value):
        raise Unacceptable("hidden", "is not a list of personal fields")
    return mask_of({PersonalField(name) for name in value})


def _object(name: str, line: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    value = line.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Unacceptable(name, "is not a JSON object")
    _known(value, keys, f"{name}.")
    return {keys[key]: each for key, each in value.items()}


def _consents(value: object, now: datetime) -> list[Consent]:
    if not isinstance(value, list) or len(value) > MOST_CONSENTS:
        raise Unacceptable("consents", f"is not a list of at most {MOST_CONSENTS} entries")
    found = [_consent(f"consents.{place}", entry, now) for place, entry in enumerate(value)]
    return sorted(found, key=lambda consent: consent.at)


def _consent(name: str, entry: object, now: datetime) -> Consent:
    if not isinstance(entry, Mapping):
        raise Unacceptable(name, "is not a JSON object")
    _known(entry, CONSENT_KEYS, f"{name}.")
    if entry.get("purpose") not in (Purpose.SOCIAL, Purpose.EXPANSION):
        raise Unacceptable(f"{name}.purpose", "is not a purpose that can be granted")
    granted = _truth(f"{name}.granted", entry.get("granted"))
    named = entry.get("policyVersion")
    if not isinstance(named, str) or numbers.number(named) is None:
        raise Unacceptable(f"{name}.policyVersion", "is not a version of the policy")
    return Consent(Purpose(entry["purpose"]), granted, named, _instant(f"{name}.at", entry.get("at"), now))


def _instant(name: str, value: object, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        written = isinstance(value, str) and RFC_3339.fullmatch(value)
        at = datetime.fromisoformat(str(value)).astimezone(UTC) if written else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise Unacceptable(name, "is not an instant with an offset, as RFC 3339 says")
    if at > now:
        raise Unacceptable(name, "lies in the future")
    return at

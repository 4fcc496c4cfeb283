"""The keys of an import line; the reasons for rejection come from the checks themselves."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from graphql import GraphQLInputObjectType

from docs.generated.markdown import code, table
from models.vocabulary import Purpose
from permissions import version_numbers
from permissions.policy import HIDDEN_BY_DEFAULT
from resolvers.hashing.password_hash import MAX_PASSWORD_BYTES
from resolvers.imports.parse_line import CONSENT_KEYS, FORM_KEYS, KEYS, MOST_CONSENTS, PROFILE_KEYS, parse_person
from schema.build import build

NOW: Final = datetime(2026, 11, 28, tzinfo=UTC)
LONG: Final = "x" * 100_000

WRONG: Final = {"country": "XX", "avatarUrl": "x", "wallpaperUrl": "x", "mobilePhone": "12345"}
"""Values that are wrong for another reason than their length."""

LINE: Final[Mapping[str, tuple[str, Any]]] = {
    "email": ("Required. The e-mail address, at most 254 characters.", "x"),
    "password": (f"The password in plain text, 1 to {MAX_PASSWORD_BYTES:,} bytes. It is hashed at once.", ""),
    "passwordHash": ("An argon2id hash, instead of `password`. See below.", "x"),
    "ipAddress": ("The IP address of the last sign-in elsewhere, IPv4 or IPv6.", "x"),
    "emailVerified": ("Whether the address was verified elsewhere: `true` or `false`. The default is `false`.", "x"),
    "hidden": (
        "A list of the personal fields that the person hides from members and visitors. The default is "
        f"{', '.join(code(field) for field in HIDDEN_BY_DEFAULT)}.",
        ["x"],
    ),
    "profile": ("An object with the profile, see below.", "x"),
    "preRegistration": ("An object with the pre-registration form, see below.", "x"),
    "consents": (f"The history of consent: a list of at most {MOST_CONSENTS:,} objects, see below.", "x"),
}
CONSENT: Final[Mapping[str, tuple[str, Any]]] = {
    "purpose": (f"Required. `{Purpose.SOCIAL}` or `{Purpose.EXPANSION}`.", "x"),
    "granted": ("Required. `true` for a grant, `false` for a withdrawal.", "x"),
    "policyVersion": ("Required. The policy version that the person saw. It must be a version of this policy.", "x"),
    "at": ("When, in RFC 3339 form with an offset. The default is the time of the import.", "x"),
}


def parts() -> dict[str, str]:
    """The generated parts of `import.md`."""
    both = {"email": "ada@example.org", "password": "x", "passwordHash": "x"}
    later = {"at": (NOW + timedelta(days=1)).isoformat()}
    return {
        "line": _described(LINE, KEYS, lambda key, wrong: {key: wrong}),
        "consents": _described(CONSENT, CONSENT_KEYS, lambda key, wrong: {"consents": [_consent() | {key: wrong}]}),
        "profile": _by_input("ProfileInput", "profile", PROFILE_KEYS),
        "form": _by_input("PreRegistrationInput", "preRegistration", FORM_KEYS),
        "others": table(
            ("line", "rejected as"),
            [
                ("a key that is not listed here", _reason({"shoe": 1})),
                ("`password` and `passwordHash` in one line", _reason(both)),
                ("a consent from the future", _reason({"consents": [_consent() | later]})),
            ],
        ),
    }


def _consent() -> dict[str, Any]:
    return {"purpose": Purpose.SOCIAL.value, "granted": True, "policyVersion": version_numbers.current_version().name}


def _reason(line: Mapping[str, Any]) -> str:
    """What the import says about a line with this fault."""
    try:
        parse_person({"email": "ada@example.org", **line}, NOW)
    except ValueError as problem:
        return code(problem)
    raise AssertionError(f"the import accepts {line}")


def _described(described: Mapping[str, tuple[str, Any]], keys: Iterable[str], fault: Any) -> str:
    if described.keys() != set(keys):
        raise AssertionError(f"described: {sorted(described)}, imported: {sorted(keys)}")
    rows = [(code(key), text, _reason(fault(key, wrong))) for key, (text, wrong) in described.items()]
    return table(("key", "value", "rejected as"), rows)


def _by_input(kind: str, part: str, keys: Mapping[str, str]) -> str:
    """Keys that are also fields of a GraphQL input, with its descriptions."""
    described = build().graphql.type_map[kind]
    if not isinstance(described, GraphQLInputObjectType) or described.fields.keys() != keys.keys():
        raise AssertionError(f"{kind} and an import line have different fields")
    faults = {key: {part: {key: WRONG.get(key, LONG)}} for key in described.fields}
    rows = [(code(key), each.description or "", _reason(faults[key])) for key, each in described.fields.items()]
    return table(("key", "value", "rejected as"), rows)

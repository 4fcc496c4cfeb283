"""A second implementation of the decision, written by hand from the policy, to test the first one against."""

from dataclasses import dataclass

AUDIENCES = (
    "SELF",
    "PUBLIC",
    "MEMBERS",
    "SUPPORT_CASE",
    "LEGAL_REQUEST",
    "INTERCOM",
    "MANDRILL",
    "MAILCHIMP",
    "GOOGLE_ANALYTICS",
)
TABLE = """
field            | collected for   | SELF   | PUBLIC | MEMBERS | S_CASE  | LEGAL  | INTERC. | MANDR.  | MAILCH. | GOOGLE
EMAIL            | SERVICE, SOCIAL | always | -      | SOCIAL  | SERVICE | always | SERVICE | SERVICE | SOCIAL  | -
IP_ADDRESS       | SERVICE, SOCIAL | always | -      | -       | SERVICE | always | -       | -       | -       | SOCIAL
LOCATION         | SOCIAL          | always | -      | SOCIAL  | -       | always | -       | -       | -       | -
FIRST_NAME       | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | SOCIAL  | SOCIAL  | -       | -
LAST_NAME        | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | SOCIAL  | -       | -
ORGANIZATION     | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | -       | -       | -
SPECIALIZATION   | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | -       | -       | -
AVATAR_URL       | SOCIAL          | always | SOCIAL | SOCIAL  | -       | always | -       | -       | -       | -
WALLPAPER_URL    | SOCIAL          | always | SOCIAL | SOCIAL  | -       | always | -       | -       | -       | -
MOBILE_PHONE     | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | -       | -       | -
COUNTRY          | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | -       | -       | -
CITY             | SOCIAL          | always | -      | SOCIAL  | SOCIAL  | always | -       | -       | -       | -
STREET_ADDRESS   | SOCIAL          | always | -      | SOCIAL  | -       | always | -       | -       | -       | -
ABOUT            | SOCIAL          | always | -      | SOCIAL  | -       | always | -       | -       | -       | -
PUBLIC_PAGES     | SOCIAL          | always | SOCIAL | SOCIAL  | -       | always | -       | -       | -       | -
PRE_REGISTRATION | EXPANSION       | always | -      | -       | -       | always | -       | -       | -       | -
"""
TABLE_ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()[1:]]
COLLECTED_FOR = {field: tuple(purposes.split(", ")) for field, purposes, *_ in TABLE_ROWS}
CELLS = {field: dict(zip(AUDIENCES, cells, strict=True)) for field, _, *cells in TABLE_ROWS}
FIELDS = tuple(CELLS)
ALL_FIELDS = frozenset(FIELDS)
NO_FIELDS: frozenset[str] = frozenset()

BITS = {
    "EMAIL": 1,
    "IP_ADDRESS": 2,
    "LOCATION": 4,
    "FIRST_NAME": 8,
    "LAST_NAME": 16,
    "ORGANIZATION": 32,
    "SPECIALIZATION": 64,
    "AVATAR_URL": 128,
    "WALLPAPER_URL": 256,
    "MOBILE_PHONE": 512,
    "COUNTRY": 1024,
    "CITY": 2048,
    "STREET_ADDRESS": 4096,
    "ABOUT": 8192,
    "PUBLIC_PAGES": 16384,
    "PRE_REGISTRATION": 32768,
}

PROCESSORS = ("INTERCOM", "MANDRILL", "MAILCHIMP", "GOOGLE_ANALYTICS")
AUDIENCES_OF_ROLE = {
    "ANONYMOUS": ("PUBLIC",),
    "MEMBER": ("SELF", "MEMBERS"),
    "SUPPORT": ("SUPPORT_CASE",),
    "ANALYTICS": (),
    "COMPLIANCE": ("LEGAL_REQUEST",),
    "OPERATIONS": (),
    "PROCESSOR": (),
}


@dataclass(frozen=True)
class Circumstances:
    """The state of a subject, and the extents of cases or requests about them.

    `own_cases` is the extent of cases that the subject opened, `extent` that of other cases and requests.
    """

    standing: frozenset[str] = NO_FIELDS
    hidden: frozenset[str] = NO_FIELDS
    unverified: bool = False
    leaving: bool = False
    objected: bool = False
    restricted: bool = False
    own_cases: frozenset[str] = NO_FIELDS
    extent: frozenset[str] = NO_FIELDS


@dataclass(frozen=True)
class Withholding:
    """A withheld field's reason, and the purpose that would help."""

    reason: str
    purpose: str | None = None


ExpectedDecision = dict[str, Withholding | None]


def readers(field: str) -> tuple[str, ...]:
    """Returns every audience that can ever read this field."""
    return tuple(audience for audience in AUDIENCES if CELLS[field][audience] != "-")


def possible_fields(*audiences: str) -> frozenset[str]:
    """Returns every field that one of these audiences can ever read."""
    return frozenset(field for field in FIELDS for audience in audiences if CELLS[field][audience] != "-")


def is_locked_out(audience: str, subject: Circumstances) -> bool:
    """Returns whether a lock makes the subject absent (step 4)."""
    if audience in ("SELF", "LEGAL_REQUEST"):
        return False
    if subject.unverified or subject.leaving:
        return True
    if subject.objected and audience in PROCESSORS:
        return True
    return subject.restricted and not (audience == "SUPPORT_CASE" and subject.own_cases)


def counted_extent(audience: str, subject: Circumstances) -> frozenset[str]:
    """Returns the extent that counts. Under a restriction, only the subject's own cases count."""
    if audience == "SUPPORT_CASE" and subject.restricted:
        return subject.own_cases
    return subject.own_cases | subject.extent


def withholding(audience: str, field: str, subject: Circumstances) -> Withholding | None:
    """Returns why a field is withheld, or None if it is readable (steps 2, 3 and 5 to 10)."""
    cell = CELLS[field][audience]
    if audience == "SELF":
        found = None
    elif audience == "LEGAL_REQUEST":
        found = None if field in counted_extent(audience, subject) else Withholding("OUTSIDE_CASE")
    elif cell == "-":
        found = Withholding("ROLE")
    elif audience == "SUPPORT_CASE" and field not in counted_extent(audience, subject):
        found = Withholding("OUTSIDE_CASE")
    elif cell == "SERVICE":
        found = None
    elif cell not in subject.standing:
        found = Withholding("CONSENT", cell)
    elif audience in ("MEMBERS", "PUBLIC") and field in subject.hidden:
        found = Withholding("HIDDEN")
    else:
        found = None
    return found


def decision(audience: str | None, subject: Circumstances) -> ExpectedDecision | None:
    """Returns each field with None (readable) or the reason; None if the subject is absent."""
    if audience is None or is_locked_out(audience, subject):
        return None
    verdicts = {field: withholding(audience, field, subject) for field in FIELDS}
    return verdicts if any(verdict is None for verdict in verdicts.values()) else None

"""What the policy's reading says, written out by hand a second time: the program's own table is never its judge."""

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
WRITTEN = """
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
LINES = [[cell.strip() for cell in line.split("|")] for line in WRITTEN.strip().splitlines()[1:]]
COLLECTED_FOR = {field: tuple(purposes.split(", ")) for field, purposes, *_ in LINES}
CELLS = {field: dict(zip(AUDIENCES, cells, strict=True)) for field, _, *cells in LINES}
FIELDS = tuple(CELLS)
EVERYTHING = frozenset(FIELDS)
NOTHING: frozenset[str] = frozenset()

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
MEETS_IN_THE_GRAPH = {
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
    """All that is to be known of a subject, and of the cases or requests that stand between.

    `own_cases` is what the cases list that the subject opened, `extent` what others or requests list.
    """

    standing: frozenset[str] = NOTHING
    hidden: frozenset[str] = NOTHING
    unverified: bool = False
    leaving: bool = False
    objected: bool = False
    restricted: bool = False
    own_cases: frozenset[str] = NOTHING
    extent: frozenset[str] = NOTHING


@dataclass(frozen=True)
class Refusal:
    """One field that is not read."""

    reason: str
    purpose: str | None = None


Seen = dict[str, Refusal | None]


def readers(field: str) -> tuple[str, ...]:
    """Every audience with a cell in this field's line."""
    return tuple(audience for audience in AUDIENCES if CELLS[field][audience] != "-")


def ever(*audiences: str) -> frozenset[str]:
    """Every field that one of these audiences has a cell for."""
    return frozenset(field for field in FIELDS for audience in audiences if CELLS[field][audience] != "-")


def kept_away(audience: str, subject: Circumstances) -> bool:
    """Step 4: what outranks every grant."""
    if audience in ("SELF", "LEGAL_REQUEST"):
        return False
    if subject.unverified or subject.leaving:
        return True
    if subject.objected and audience in PROCESSORS:
        return True
    return subject.restricted and not (audience == "SUPPORT_CASE" and subject.own_cases)


def listed(audience: str, subject: Circumstances) -> frozenset[str]:
    """What is listed by the cases or requests that count: under a restriction, of cases the subject's own."""
    if audience == "SUPPORT_CASE" and subject.restricted:
        return subject.own_cases
    return subject.own_cases | subject.extent


def refusal(audience: str, field: str, subject: Circumstances) -> Refusal | None:
    """Steps 2, 3 and 5 to 10 of the decision for one field; None is read."""
    cell = CELLS[field][audience]
    if audience == "SELF":
        found = None
    elif audience == "LEGAL_REQUEST":
        found = None if field in listed(audience, subject) else Refusal("OUTSIDE_CASE")
    elif cell == "-":
        found = Refusal("ROLE")
    elif audience == "SUPPORT_CASE" and field not in listed(audience, subject):
        found = Refusal("OUTSIDE_CASE")
    elif cell == "SERVICE":
        found = None
    elif cell not in subject.standing:
        found = Refusal("CONSENT", cell)
    elif audience in ("MEMBERS", "PUBLIC") and field in subject.hidden:
        found = Refusal("HIDDEN")
    else:
        found = None
    return found


def seen(audience: str | None, subject: Circumstances) -> Seen | None:
    """The whole decision: each field read (None) or refused; None where the subject is absent."""
    if audience is None or kept_away(audience, subject):
        return None
    verdicts = {field: refusal(audience, field, subject) for field in FIELDS}
    return verdicts if any(verdict is None for verdict in verdicts.values()) else None

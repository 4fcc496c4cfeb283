"""The policy as a table: who may read which field of a subject, under which purpose. Data only.

A line is one field. A cell is the purpose under which that audience reads it: SERVICE needs no consent, SOCIAL and
EXPANSION need the subject's standing grant, `always` ignores consent, `never` gives no access.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from models.vocabulary import Audience, PersonalField, Processor, Purpose


@dataclass(frozen=True, slots=True)
class Cell:
    """How one audience reads one field. `purpose` is None if consent does not matter."""

    purpose: Purpose | None


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its purposes, and a cell for each audience that can ever read it."""

    field: PersonalField
    purposes: tuple[Purpose, ...]
    cells: dict[Audience, Cell]


@dataclass(frozen=True, slots=True)
class PurposeText:
    """A purpose in the policy's words. Only consent can be withdrawn."""

    purpose: Purpose
    text: str
    lawful_basis: str
    withdrawable: bool


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the policy. Grants of a purpose in `changes` from older versions stop counting."""

    name: str
    published: datetime
    changes: tuple[Purpose, ...]


VERSIONS: Final = (
    Version("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC), (Purpose.SERVICE, Purpose.SOCIAL, Purpose.EXPANSION)),
)

PURPOSES: Final = (
    PurposeText(
        Purpose.SERVICE,
        "To guarantee the execution of all system services and maintain the security of users.",
        "Contract, and legitimate interest in security (GDPR 6(1)(b) and (f))",
        withdrawable=False,
    ),
    PurposeText(
        Purpose.SOCIAL,
        "To provide social services and user interaction.",
        "Consent (GDPR 6(1)(a))",
        withdrawable=True,
    ),
    PurposeText(
        Purpose.EXPANSION,
        "To expand our services and customer base, by the data of the pre-registration form.",
        "Consent (GDPR 6(1)(a))",
        withdrawable=True,
    ),
)

PROCESSORS: Final = {
    Processor.INTERCOM: "Your email and first name make talking with our support easier with Intercom.",
    Processor.MANDRILL: "Your email, first name, and last name are used to notify you about your activities with "
    "Mandrill Mailer.",
    Processor.MAILCHIMP: "Your email is used to notify you about our news with Mailchimp.",
    Processor.GOOGLE_ANALYTICS: "Your IP address is used with Google Analytics to analyze your activities and improve "
    "the services.",
}

never: Final = None
always: Final = Cell(None)
service: Final = Cell(Purpose.SERVICE)
social: Final = Cell(Purpose.SOCIAL)

SERVICE_AND_SOCIAL: Final = (Purpose.SERVICE, Purpose.SOCIAL)
SOCIAL: Final = (Purpose.SOCIAL,)
EXPANSION: Final = (Purpose.EXPANSION,)


def _row(field: PersonalField, purposes: tuple[Purpose, ...], *cells: Cell | None) -> Row:
    stated = zip(Audience, cells, strict=True)
    return Row(field, purposes, {audience: cell for audience, cell in stated if cell is not None})


F = PersonalField
# fmt: off
ROWS: Final = (
    #                                           SELF    PUBLIC  MEMBERS SUPPORT  LEGAL   INTERCOM MANDRILL MAILCH. ANALYTICS
    _row(F.EMAIL,            SERVICE_AND_SOCIAL, always, never,  social, service, always, service, service, social, never),
    _row(F.IP_ADDRESS,       SERVICE_AND_SOCIAL, always, never,  never,  service, always, never,   never,   never,  social),
    _row(F.LOCATION,         SOCIAL,             always, never,  social, never,   always, never,   never,   never,  never),
    _row(F.FIRST_NAME,       SOCIAL,             always, never,  social, social,  always, social,  social,  never,  never),
    _row(F.LAST_NAME,        SOCIAL,             always, never,  social, social,  always, never,   social,  never,  never),
    _row(F.ORGANIZATION,     SOCIAL,             always, never,  social, social,  always, never,   never,   never,  never),
    _row(F.SPECIALIZATION,   SOCIAL,             always, never,  social, social,  always, never,   never,   never,  never),
    _row(F.AVATAR_URL,       SOCIAL,             always, social, social, never,   always, never,   never,   never,  never),
    _row(F.WALLPAPER_URL,    SOCIAL,             always, social, social, never,   always, never,   never,   never,  never),
    _row(F.MOBILE_PHONE,     SOCIAL,             always, never,  social, social,  always, never,   never,   never,  never),
    _row(F.COUNTRY,          SOCIAL,             always, never,  social, social,  always, never,   never,   never,  never),
    _row(F.CITY,             SOCIAL,             always, never,  social, social,  always, never,   never,   never,  never),
    _row(F.STREET_ADDRESS,   SOCIAL,             always, never,  social, never,   always, never,   never,   never,  never),
    _row(F.ABOUT,            SOCIAL,             always, never,  social, never,   always, never,   never,   never,  never),
    _row(F.PUBLIC_PAGES,     SOCIAL,             always, social, social, never,   always, never,   never,   never,  never),
    _row(F.PRE_REGISTRATION, EXPANSION,          always, never,  never,  never,   always, never,   never,   never,  never),
)
# fmt: on
POLICY: Final = {row.field: row for row in ROWS}

HIDDEN_BY_DEFAULT: Final = (F.EMAIL, F.MOBILE_PHONE, F.STREET_ADDRESS)
"""The fields that a new or imported account hides from members by default (our reading: GDPR 25(2))."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A question that the policy's text leaves open, and how this service answers it."""

    sentence: str
    question: str
    reading: str


READINGS: Final = (
    Reading(
        "Email and IP address are obligatory; Mailchimp and Google Analytics are given them.",
        "Under which purpose?",
        "SOCIAL: the only revocable purpose that both were collected for.",
    ),
    Reading(
        "Mandrill is given first name and last name.",
        "They were collected for the second purpose alone.",
        "Without SOCIAL, Mandrill is given the e-mail address and nothing else.",
    ),
    Reading(
        "All the data from public pages.",
        "Who is the public?",
        "Visitors read avatar, wallpaper and public pages of consenting subjects, and nothing else.",
    ),
    Reading(
        "Customer support to the extent required to solve the case.",
        "How much is that?",
        "The fields that the case lists, for the agent it is assigned to, while it is open.",
    ),
    Reading(
        "Only accessed by a limited number of people.",
        "Who are they?",
        "People with a staff role, which is granted person by person, expires and is listed.",
    ),
    Reading(
        "Stored as demanded by law.",
        "How long?",
        "Data of a purpose that no longer stands is erased after a grace period, 30 days by default.",
    ),
    Reading(
        "To expand our services and customer base.",
        "Who may read the pre-registration form?",
        "The subject, an approved legal request, and statistics; no person in sales.",
    ),
    Reading(
        "Software that aggregates data to calculate statistics and analytics.",
        "Who is counted, and how exactly?",
        "Verified subjects who consent to the purpose of every value used. Counts have noise and are released once, never for "
        "a group of fewer than ten. No exact count and no free text leaves the service.",
    ),
    Reading(
        "We will not share your data for marketing purposes with companies outside.",
        "Is Mailchimp one of them?",
        "It is a processor that sends our own news, never a third party's.",
    ),
    Reading(
        "Strong cryptography (SHA-256 with RSA encryption).",
        "What is meant?",
        "The signature of a certificate: connections use TLS 1.2 or newer.",
    ),
    Reading(
        "The IP address is used to determine the location in our map of users.",
        "Pins or counts?",
        "Members see a place like other social data: the center of a city or country, never the exact position of the IP "
        "address. A subject who hides it is not on the map.",
    ),
    Reading(
        "Your IP address with Google Analytics.",
        "The whole address?",
        "The whole address, under SOCIAL and without an objection.",
    ),
    Reading(
        "Servers in the USA; schools among the customers.",
        "What about transfers and age?",
        "Data is held in the USA; the service does not verify ages.",
    ),
    Reading(
        "The user can revoke his consent to process it.",
        "What do members see of a new account?",
        "E-mail, mobile phone and street address are hidden from members until the subject shows them (GDPR 25(2)).",
    ),
    Reading(
        "Allowing only trusted operations personnel to manage our systems.",
        "Does managing systems include reading people's data?",
        "No: OPERATIONS manages tokens, roles and assignments, and reads no subject's field.",
    ),
)

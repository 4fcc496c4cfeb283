"""The data subject: every personal-data field carries its permission class."""

import strawberry

from models.vocabulary import PersonalField, Purpose, WithholdingReason
from permissions.classification import impersonal, open_field
from permissions.guard import personal
from permissions.subject import Subject
from schema.node import Node
from schema.type_resolution import shows

GUARDED_BY_PARENT = "guarded as a whole where User holds it"


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(
    description="A named place: coordinates are its centre's, never the address's own; null where only the country is "
    "known."
)
class Place:
    country: str
    city: str | None
    latitude: float | None
    longitude: float | None


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(description="A page that a subject publishes.")
class PublicPage:
    title: str
    url: str
    body: str | None


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(description="The pre-registration form; its country and organization are its own.")
class PreRegistration:
    country: str | None
    institution_name: str | None
    institution_type: str | None
    job_role: str | None
    company: str | None
    industry: str | None
    department: str | None
    organization: str | None
    main_printer: str | None


@impersonal("says that something is withheld and why, never whether it holds a value")
@strawberry.type(description="`purpose` is set for CONSENT alone: the purpose whose grant would help.")
class WithheldField:
    field: PersonalField
    reason: WithholdingReason
    purpose: Purpose | None


@strawberry.type(description="A data subject. Null fields that a rule withholds are named in `withheld`.")
@shows(Subject)
class User(Node):
    email: str | None = personal(PersonalField.EMAIL)
    ip_address: str | None = personal(PersonalField.IP_ADDRESS)
    location: Place | None = personal(PersonalField.LOCATION)
    first_name: str | None = personal(PersonalField.FIRST_NAME)
    last_name: str | None = personal(PersonalField.LAST_NAME)
    organization: str | None = personal(PersonalField.ORGANIZATION)
    specialization: str | None = personal(PersonalField.SPECIALIZATION)
    avatar_url: str | None = personal(PersonalField.AVATAR_URL)
    wallpaper_url: str | None = personal(PersonalField.WALLPAPER_URL)
    mobile_phone: str | None = personal(PersonalField.MOBILE_PHONE)
    country: str | None = personal(PersonalField.COUNTRY)
    city: str | None = personal(PersonalField.CITY)
    street_address: str | None = personal(PersonalField.STREET_ADDRESS)
    about: str | None = personal(PersonalField.ABOUT)
    public_pages: list[PublicPage] | None = personal(PersonalField.PUBLIC_PAGES)
    pre_registration: PreRegistration | None = personal(PersonalField.PRE_REGISTRATION)
    withheld: list[WithheldField] = open_field(
        "names rules, never values",
        description="The personal-data fields that this caller may not read of this subject now, and why. "
        "Says nothing of whether they hold a value.",
    )

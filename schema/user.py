"""The data subject. Every personal-data field has its permission class."""

import strawberry

from models.vocabulary import PersonalField, Purpose, WithholdingReason
from permissions.graphql.classified_schema import impersonal, open_field
from permissions.graphql.field_permission import personal_field
from permissions.subject import Subject
from resolvers.inputs import FORM
from schema.node import Node
from schema.type_resolution import is_type_of

GUARDED_BY_PARENT = "guarded as one field of User"


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(description="A named place. Coordinates are those of the city's center, never of the address.")
class Place:
    country: str = strawberry.field(description="The country, as an ISO 3166-1 alpha-2 code.")
    city: str | None = strawberry.field(description="The city. Null if only the country is known.")
    latitude: float | None = strawberry.field(
        description="Degrees north of the equator. Null if only the country is known."
    )
    longitude: float | None = strawberry.field(
        description="Degrees east of Greenwich. Null if only the country is known."
    )


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(description="A page that a subject publishes.")
class PublicPage:
    title: str = strawberry.field(description="The title.")
    url: str = strawberry.field(description="The http or https address.")
    body: str | None = strawberry.field(description="The text. Null if there is none.")


@impersonal(GUARDED_BY_PARENT)
@strawberry.type(description="The pre-registration form. A field is null if it is empty.")
class PreRegistration:
    country: str | None = strawberry.field(description=FORM["country"])
    institution_name: str | None = strawberry.field(description=FORM["institution_name"])
    institution_type: str | None = strawberry.field(description=FORM["institution_type"])
    job_role: str | None = strawberry.field(description=FORM["job_role"])
    company: str | None = strawberry.field(description=FORM["company"])
    industry: str | None = strawberry.field(description=FORM["industry"])
    department: str | None = strawberry.field(description=FORM["department"])
    organization: str | None = strawberry.field(description=FORM["organization"])
    main_printer: str | None = strawberry.field(description=FORM["main_printer"])


@impersonal("names withheld fields and reasons, not whether a value exists")
@strawberry.type(description="A field that this caller may not read, and why.")
class WithheldField:
    field: PersonalField = strawberry.field(description="The field.")
    reason: WithholdingReason = strawberry.field(description="The first reason that applies.")
    purpose: Purpose | None = strawberry.field(
        description="With the reason CONSENT: the purpose that the subject would have to grant. Null for every other "
        "reason."
    )


@strawberry.type(
    description="A data subject. A personal-data field is null if it is empty or if the caller may not read it."
)
@is_type_of(Subject)
class User(Node):
    email: str | None = personal_field(PersonalField.EMAIL)
    ip_address: str | None = personal_field(PersonalField.IP_ADDRESS)
    location: Place | None = personal_field(PersonalField.LOCATION)
    first_name: str | None = personal_field(PersonalField.FIRST_NAME)
    last_name: str | None = personal_field(PersonalField.LAST_NAME)
    organization: str | None = personal_field(PersonalField.ORGANIZATION)
    specialization: str | None = personal_field(PersonalField.SPECIALIZATION)
    avatar_url: str | None = personal_field(PersonalField.AVATAR_URL)
    wallpaper_url: str | None = personal_field(PersonalField.WALLPAPER_URL)
    mobile_phone: str | None = personal_field(PersonalField.MOBILE_PHONE)
    country: str | None = personal_field(PersonalField.COUNTRY)
    city: str | None = personal_field(PersonalField.CITY)
    street_address: str | None = personal_field(PersonalField.STREET_ADDRESS)
    about: str | None = personal_field(PersonalField.ABOUT)
    public_pages: list[PublicPage] | None = personal_field(PersonalField.PUBLIC_PAGES)
    pre_registration: PreRegistration | None = personal_field(PersonalField.PRE_REGISTRATION)
    withheld: list[WithheldField] = open_field(
        "names rules, never values",
        description="The personal-data fields that the caller may not read now, and why. It never shows whether they "
        "hold a value.",
    )

"""Inputs of mutations. In those that change a record, a field left out keeps its value and null clears it."""

from datetime import datetime
from typing import Any, Final

import strawberry

from models.vocabulary import PersonalField, Purpose, Role, TokenTransport
from permissions.graphql.enum_descriptions import PERSONAL_FIELDS

SHORT: Final = "At most 200 characters."
WITHOUT_CREDENTIALS: Final = "At most 2,048 characters, without credentials."
COUNTRY: Final = "An ISO 3166-1 alpha-2 code."

FORM: Final = {
    "country": "The country on the form. It is kept apart from the profile's country.",
    "institution_name": "The name of the institution.",
    "institution_type": "The type of the institution, for example `university`.",
    "job_role": "The job role, for example `teacher`.",
    "company": "The name of the company.",
    "industry": "The industry, for example `medical`.",
    "department": "The department.",
    "organization": "The organization on the form. It is kept apart from the profile's organization.",
    "main_printer": "The 3D printer used most, for example `Formlabs Form 4`.",
}


def sent_fields(values: Any) -> dict[str, Any]:
    """The fields of an input that the client sent, null or not."""
    return {name: value for name, value in vars(values).items() if value is not strawberry.UNSET}


def _profile(field: PersonalField, limits: str = SHORT) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=f"{PERSONAL_FIELDS[field]} {limits}".rstrip())


def _form(name: str, limits: str = SHORT) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=f"{FORM[name]} {limits}")


@strawberry.input(description="The input of `login`.")
class LoginInput:
    email: str = strawberry.field(description="The e-mail address of the account.")
    password: str = strawberry.field(description="The password, at most 1,024 bytes.")
    transport: TokenTransport | None = strawberry.field(
        default=TokenTransport.BEARER,
        description="How the tokens travel. COOKIE needs the header `X-ConsentQL-Client: browser`.",
    )
    client: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A name for this client, shown in `me.sessions`. At most 100 characters.",
    )
    device_token: str | None = strawberry.field(
        default=None,
        description="The `deviceToken` of an earlier sign-in in this app. Failed attempts elsewhere then do not lock "
        "it out.",
    )


@strawberry.input(description="The input of `completeLogin`.")
class CompleteLoginInput:
    challenge: str = strawberry.field(description="The `challenge` of the answer to `login`.")
    code: str = strawberry.field(description="The six digits of the authenticator, or a recovery code.")
    device_token: str | None = strawberry.field(
        default=None, description="The `deviceToken` of an earlier sign-in in this app."
    )


@strawberry.input(description="The input of `changePassword`.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The present password.")
    new_password: str = strawberry.field(description="The new password: 12 to 128 characters, for staff at least 15.")


@strawberry.input(description="The input of `issueRoleToken`.")
class IssueRoleTokenInput:
    role: Role = strawberry.field(description="A staff role that the caller holds.")
    name: str = strawberry.field(description="What the token is for, 1 to 100 characters.")
    expires_at: datetime = strawberry.field(description="When the token expires, within the next 8 hours.")


@strawberry.input(description="A page to publish.")
class PublicPageInput:
    title: str = strawberry.field(description="The title, 1 to 200 characters.")
    url: str = strawberry.field(description=f"The http or https address. {WITHOUT_CREDENTIALS}")
    body: str | None = strawberry.field(default=strawberry.UNSET, description="The text, at most 4,000 characters.")


@strawberry.input(description="Changes to the profile. Leave a field out to keep it, send null or blank to clear it.")
class ProfileInput:
    first_name: str | None = _profile(PersonalField.FIRST_NAME)
    last_name: str | None = _profile(PersonalField.LAST_NAME)
    organization: str | None = _profile(PersonalField.ORGANIZATION)
    specialization: str | None = _profile(PersonalField.SPECIALIZATION)
    avatar_url: str | None = _profile(PersonalField.AVATAR_URL, WITHOUT_CREDENTIALS)
    wallpaper_url: str | None = _profile(PersonalField.WALLPAPER_URL, WITHOUT_CREDENTIALS)
    mobile_phone: str | None = _profile(PersonalField.MOBILE_PHONE, "It must begin with + and the country code.")
    country: str | None = _profile(PersonalField.COUNTRY, "")
    city: str | None = _profile(PersonalField.CITY)
    street_address: str | None = _profile(PersonalField.STREET_ADDRESS)
    about: str | None = _profile(PersonalField.ABOUT, "At most 4,000 characters.")
    public_pages: list[PublicPageInput] | None = _profile(
        PersonalField.PUBLIC_PAGES, "At most 20. They replace the present ones."
    )


@strawberry.input(description="Changes to the form. Leave a field out to keep it, send null or blank to clear it.")
class PreRegistrationInput:
    country: str | None = _form("country", COUNTRY)
    institution_name: str | None = _form("institution_name")
    institution_type: str | None = _form("institution_type")
    job_role: str | None = _form("job_role")
    company: str | None = _form("company")
    industry: str | None = _form("industry")
    department: str | None = _form("department")
    organization: str | None = _form("organization")
    main_printer: str | None = _form("main_printer")


@strawberry.input(description="The input of `register`.")
class RegisterInput:
    email: str = strawberry.field(description="The e-mail address, at most 254 characters. A link is mailed to it.")
    password: str = strawberry.field(description="The password, 12 to 128 characters. It must be hard to guess.")
    first_name: str | None = strawberry.field(
        default=strawberry.UNSET, description=f"The first name. Needs SOCIAL in `consents`. {SHORT}"
    )
    last_name: str | None = strawberry.field(
        default=strawberry.UNSET, description=f"The last name. Needs SOCIAL in `consents`. {SHORT}"
    )
    pre_registration: PreRegistrationInput | None = strawberry.field(
        default=strawberry.UNSET, description="The pre-registration form. A value in it needs EXPANSION in `consents`."
    )
    consents: list[Purpose] = strawberry.field(
        description="The purposes that the subject grants now. SERVICE needs no consent and must not be named."
    )
    policy_version: str = strawberry.field(
        description="The policy version that the subject has seen. It must be the current one, `policy { version }`."
    )

"""What clients send: an absent field keeps what is there, null clears it."""

from datetime import datetime

import strawberry

from models.vocabulary import Purpose, Role, TokenTransport


@strawberry.input
class LoginInput:
    email: str
    password: str
    transport: TokenTransport | None = TokenTransport.BEARER
    client: str | None = strawberry.UNSET
    device_token: str | None = strawberry.field(
        default=None, description="What an earlier sign-in gave this app: a known device is not locked out by others."
    )


@strawberry.input
class CompleteLoginInput:
    challenge: str
    code: str
    device_token: str | None = None


@strawberry.input
class ChangePasswordInput:
    current_password: str
    new_password: str


@strawberry.input
class IssueRoleTokenInput:
    role: Role
    name: str
    expires_at: datetime


@strawberry.input
class PublicPageInput:
    title: str
    url: str
    body: str | None = strawberry.UNSET


@strawberry.input
class ProfileInput:
    first_name: str | None = strawberry.UNSET
    last_name: str | None = strawberry.UNSET
    organization: str | None = strawberry.UNSET
    specialization: str | None = strawberry.UNSET
    avatar_url: str | None = strawberry.UNSET
    wallpaper_url: str | None = strawberry.UNSET
    mobile_phone: str | None = strawberry.UNSET
    country: str | None = strawberry.UNSET
    city: str | None = strawberry.UNSET
    street_address: str | None = strawberry.UNSET
    about: str | None = strawberry.UNSET
    public_pages: list[PublicPageInput] | None = strawberry.UNSET


@strawberry.input
class PreRegistrationInput:
    country: str | None = strawberry.UNSET
    institution_name: str | None = strawberry.UNSET
    institution_type: str | None = strawberry.UNSET
    job_role: str | None = strawberry.UNSET
    company: str | None = strawberry.UNSET
    industry: str | None = strawberry.UNSET
    department: str | None = strawberry.UNSET
    organization: str | None = strawberry.UNSET
    main_printer: str | None = strawberry.UNSET


@strawberry.input
class RegisterInput:
    email: str
    password: str
    first_name: str | None = strawberry.UNSET
    last_name: str | None = strawberry.UNSET
    pre_registration: PreRegistrationInput | None = strawberry.UNSET
    consents: list[Purpose] = strawberry.field(
        description="Purposes that the subject grants now, having seen this policy version."
    )
    policy_version: str

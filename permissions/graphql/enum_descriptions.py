"""Registers the enums with GraphQL and describes each value: when it occurs and, for a refusal, what to do next."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from models.vocabulary import (
    Audience,
    ConsentStatus,
    ConsentWait,
    Dimension,
    LegalRequestStatus,
    PersonalField,
    Processor,
    Purpose,
    RefusalCode,
    Role,
    SupportCaseStatus,
    TokenTransport,
    WithholdingReason,
)

PURPOSES: Final = {
    Purpose.SERVICE: "To run the service and keep its users secure. Needs no consent and cannot be withdrawn.",
    Purpose.SOCIAL: "For social services and user interaction, including news and analytics. Off until the subject "
    "grants it.",
    Purpose.EXPANSION: "To expand the services and customer base, from the pre-registration form. Off until granted.",
}

ROLES: Final = {
    Role.ANONYMOUS: "The request has no token.",
    Role.MEMBER: "The token is a session of a member, who acts on their own account.",
    Role.SUPPORT: "Staff who work on support cases. They read the fields of cases assigned to them, while these are "
    "open.",
    Role.ANALYTICS: "Staff who read statistics. They read no field of any subject.",
    Role.COMPLIANCE: "Staff who handle legal requests and approve processor tokens.",
    Role.OPERATIONS: "Staff who manage roles, tokens and case assignments. They read no field of any subject.",
    Role.PROCESSOR: "The token belongs to a processor, which opens only its own view.",
}

AUDIENCES: Final = {
    Audience.SELF: "The caller is the subject.",
    Audience.PUBLIC: "The caller is a visitor without a token.",
    Audience.MEMBERS: "The caller is another member. Their own address is verified, and they are neither restricted "
    "nor leaving.",
    Audience.SUPPORT_CASE: "The caller is the support agent of an open case about the subject. Only the extent of the "
    "case is readable.",
    Audience.LEGAL_REQUEST: "The caller has the role COMPLIANCE, and an approved legal request about the subject is "
    "open. Only its extent is readable.",
    Audience.INTERCOM: "The caller is Intercom, through its own view.",
    Audience.MANDRILL: "The caller is Mandrill, through its own view.",
    Audience.MAILCHIMP: "The caller is Mailchimp, through its own view.",
    Audience.GOOGLE_ANALYTICS: "The caller is Google Analytics, through its own view.",
}

PROCESSORS: Final = {
    Processor.INTERCOM: "Intercom, for conversations with support.",
    Processor.MANDRILL: "Mandrill, which delivers e-mails about the subject's activities.",
    Processor.MAILCHIMP: "Mailchimp, which delivers news by e-mail.",
    Processor.GOOGLE_ANALYTICS: "Google Analytics, which analyzes how the service is used.",
}

PERSONAL_FIELDS: Final = {
    PersonalField.EMAIL: "The e-mail address of the subject, as they wrote it.",
    PersonalField.IP_ADDRESS: "The IP address of the last sign-in with `login`, or the imported one until then.",
    PersonalField.LOCATION: "The place derived from the IP address at the last sign-in, for the map of users.",
    PersonalField.FIRST_NAME: "The first name.",
    PersonalField.LAST_NAME: "The last name.",
    PersonalField.ORGANIZATION: "The organization that the subject belongs to.",
    PersonalField.SPECIALIZATION: "What the subject specializes in.",
    PersonalField.AVATAR_URL: "The http or https address of the subject's picture.",
    PersonalField.WALLPAPER_URL: "The http or https address of the picture behind the profile.",
    PersonalField.MOBILE_PHONE: "The mobile phone number, in E.164 form (`+12025550123`).",
    PersonalField.COUNTRY: "The country of the profile, as an ISO 3166-1 alpha-2 code (`AT`).",
    PersonalField.CITY: "The city of the profile.",
    PersonalField.STREET_ADDRESS: "The street and house number.",
    PersonalField.ABOUT: "The subject's own description.",
    PersonalField.PUBLIC_PAGES: "The pages that the subject publishes.",
    PersonalField.PRE_REGISTRATION: "The pre-registration form.",
}

WITHHOLDING_REASONS: Final = {
    WithholdingReason.ROLE: "The policy gives this caller's role no access to this field, even with consent. This is "
    "the first reason checked.",
    WithholdingReason.OUTSIDE_CASE: "The field is not in the extent of the support case or legal request. Checked "
    "after ROLE.",
    WithholdingReason.CONSENT: "The subject has not consented to the purpose that this caller needs, or it no longer "
    "stands. Checked after OUTSIDE_CASE.",
    WithholdingReason.HIDDEN: "The subject hides this field from members and visitors. Checked last.",
}

CONSENT_STATUSES: Final = {
    ConsentStatus.NEVER_ASKED: "No grant or withdrawal of this purpose is recorded.",
    ConsentStatus.GRANTED: "The last record grants the purpose, under a policy version that still counts.",
    ConsentStatus.WITHDRAWN: "The last record withdraws the purpose.",
    ConsentStatus.OUTDATED: "A later policy version changed this purpose. Ask the subject to grant it again.",
}

CONSENT_WAITS: Final = {
    ConsentWait.EMAIL_VERIFICATION: "The grant counts once the subject verifies their e-mail address.",
    ConsentWait.RENEWAL: "A later policy version changed this purpose. It counts once the subject grants it again.",
}

REFUSAL_CODES: Final = {
    RefusalCode.INVALID_CREDENTIALS: "The e-mail address or the password is wrong, or the account is disabled. Ask "
    "for them again.",
    RefusalCode.INVALID_CODE: "The authenticator or recovery code is wrong or was already used. Ask for another code.",
    RefusalCode.CHALLENGE_EXPIRED: "The challenge was used, is older than 5 minutes, or had 5 tries. Call `login` "
    "again.",
    RefusalCode.TOO_MANY_ATTEMPTS: "A rate limit is reached. Wait `retryAfterSeconds`, then try again.",
    RefusalCode.TRY_LATER: "The server is checking too many passwords, or other requests are changing the same "
    "records. Nothing was changed or counted. Repeat it after `retryAfterSeconds`.",
    RefusalCode.WEAK_PASSWORD: "The new password is too short, too long, guessable, leaked, or contains a known name. "
    "Show `message`, which lists every reason.",
    RefusalCode.INVALID_INPUT: "An input has the wrong form or exceeds a limit. Correct the input that `field` names.",
    RefusalCode.EMAIL_NOT_VERIFIED: "The caller's e-mail address is not verified. Use the link in the letter, then "
    "try again.",
    RefusalCode.TOKEN_EXPIRED: "A link or a session has expired, was used or was ended. Ask for a new link, or sign "
    "in again.",
    RefusalCode.CONSENT_MANDATORY: "SERVICE was named in a grant or a withdrawal. It always stands, so leave it out.",
    RefusalCode.CONSENT_REQUIRED: "A value needs a purpose that does not stand: SOCIAL for the profile, EXPANSION for "
    "the form. Grant it first.",
    RefusalCode.POLICY_VERSION_OUTDATED: "`policyVersion` is not the current version. Show the subject the current "
    "policy and send its version.",
    RefusalCode.TOTP_REQUIRED: "The operation needs an authenticator code, or a session that began with one. Send "
    "`code`, or sign in with a code.",
    RefusalCode.TOTP_ALREADY_ENABLED: "An authenticator is already set up. Call `disableTotp` before you enroll "
    "another.",
    RefusalCode.TOTP_NOT_ENABLED: "No authenticator is set up, or the enrollment is older than 10 minutes. Call "
    "`beginTotpEnrolment`.",
    RefusalCode.NOT_FOUND: "The caller can reach no open object with this id, or there is nothing to cancel. Do not "
    "retry.",
    RefusalCode.NOT_PERMITTED: "The caller's role, or the rule that two persons must act, forbids it. Do not retry "
    "with the same token.",
}

SUPPORT_CASE_STATUSES: Final = {
    SupportCaseStatus.OPEN: "The case is neither closed nor expired. Its agent, once assigned, can read its extent.",
    SupportCaseStatus.CLOSED: "The case was closed. It gives no access.",
    SupportCaseStatus.EXPIRED: "`expiresAt` has passed. The case gives no access.",
}

LEGAL_REQUEST_STATUSES: Final = {
    LegalRequestStatus.AWAITING_APPROVAL: "One person recorded the request, and a second has not approved it yet. It "
    "gives no access.",
    LegalRequestStatus.OPEN: "The request is approved, and COMPLIANCE can read its extent.",
    LegalRequestStatus.CLOSED: "The request was closed. It gives no access.",
    LegalRequestStatus.EXPIRED: "`expiresAt` has passed. The request gives no access.",
}

DIMENSIONS: Final = {
    Dimension.COUNTRY: "By the country on the pre-registration form.",
    Dimension.INSTITUTION_TYPE: "By the type of institution on the pre-registration form.",
    Dimension.INDUSTRY: "By the industry on the pre-registration form.",
    Dimension.JOB_ROLE: "By the job role on the pre-registration form.",
    Dimension.MAIN_PRINTER: "By the main printer on the pre-registration form.",
    Dimension.SPECIALIZATION: "By the specialization on the profile.",
}

TOKEN_TRANSPORTS: Final = {
    TokenTransport.BEARER: "The tokens are in the answer. Send the access token as `Authorization: Bearer …`.",
    TokenTransport.COOKIE: "The tokens are set as cookies that no script can read. The app sends "
    "`X-ConsentQL-Client: browser` with each request, from a page of the API's own site.",
}

DESCRIPTIONS: Final[Mapping[type[StrEnum], Mapping[Any, str]]] = {
    Purpose: PURPOSES,
    Role: ROLES,
    Audience: AUDIENCES,
    Processor: PROCESSORS,
    PersonalField: PERSONAL_FIELDS,
    WithholdingReason: WITHHOLDING_REASONS,
    ConsentStatus: CONSENT_STATUSES,
    ConsentWait: CONSENT_WAITS,
    RefusalCode: REFUSAL_CODES,
    SupportCaseStatus: SUPPORT_CASE_STATUSES,
    LegalRequestStatus: LEGAL_REQUEST_STATUSES,
    Dimension: DIMENSIONS,
    TokenTransport: TOKEN_TRANSPORTS,
}


class DescriptionMismatch(Exception):
    """An enum and its table of descriptions name different values."""


def register(kind: type[StrEnum], descriptions: Mapping[Any, str]) -> None:
    """Makes the enum a GraphQL type; raises if a value has no description, or a description no value."""
    unmatched = [f"{kind.__name__}.{name}" for name in sorted(set(kind) ^ set(descriptions))]
    if unmatched:
        raise DescriptionMismatch(f"Describe exactly the values of each enum. Unmatched: {', '.join(unmatched)}.")
    strawberry.enum(kind, description=(kind.__doc__ or "").split("\n")[0])
    definition: StrawberryEnumDefinition = kind.__strawberry_definition__  # type: ignore[attr-defined]  # set by Strawberry
    for value in definition.values:
        value.description = descriptions[kind(value.value)]


for kind, descriptions in DESCRIPTIONS.items():
    register(kind, descriptions)

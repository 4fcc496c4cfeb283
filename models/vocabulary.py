"""The enums of the policy. Rows store their values and bits, so the order of members must not change."""

from enum import IntFlag, StrEnum


class Purpose(StrEnum):
    """Why a personal-data field is collected. Subjects consent to purposes."""

    SERVICE = "SERVICE"
    SOCIAL = "SOCIAL"
    EXPANSION = "EXPANSION"


class Role(StrEnum):
    """The role of a caller, as their token says. Each token has exactly one."""

    ANONYMOUS = "ANONYMOUS"
    MEMBER = "MEMBER"
    SUPPORT = "SUPPORT"
    ANALYTICS = "ANALYTICS"
    COMPLIANCE = "COMPLIANCE"
    OPERATIONS = "OPERATIONS"
    PROCESSOR = "PROCESSOR"


STAFF = (Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.OPERATIONS)


class Audience(StrEnum):
    """A caller's role in relation to one subject."""

    SELF = "SELF"
    PUBLIC = "PUBLIC"
    MEMBERS = "MEMBERS"
    SUPPORT_CASE = "SUPPORT_CASE"
    LEGAL_REQUEST = "LEGAL_REQUEST"
    INTERCOM = "INTERCOM"
    MANDRILL = "MANDRILL"
    MAILCHIMP = "MAILCHIMP"
    GOOGLE_ANALYTICS = "GOOGLE_ANALYTICS"


class Processor(StrEnum):
    """A company that processes personal data for this service."""

    INTERCOM = "INTERCOM"
    MANDRILL = "MANDRILL"
    MAILCHIMP = "MAILCHIMP"
    GOOGLE_ANALYTICS = "GOOGLE_ANALYTICS"

    @property
    def bit(self) -> int:
        """This processor's bit in a mask of processors."""
        return 1 << list(Processor).index(self)


class PersonalField(StrEnum):
    """A personal-data field of `User`.

    Add new members at the end: their bits are stored.
    """

    EMAIL = "EMAIL"
    IP_ADDRESS = "IP_ADDRESS"
    LOCATION = "LOCATION"
    FIRST_NAME = "FIRST_NAME"
    LAST_NAME = "LAST_NAME"
    ORGANIZATION = "ORGANIZATION"
    SPECIALIZATION = "SPECIALIZATION"
    AVATAR_URL = "AVATAR_URL"
    WALLPAPER_URL = "WALLPAPER_URL"
    MOBILE_PHONE = "MOBILE_PHONE"
    COUNTRY = "COUNTRY"
    CITY = "CITY"
    STREET_ADDRESS = "STREET_ADDRESS"
    ABOUT = "ABOUT"
    PUBLIC_PAGES = "PUBLIC_PAGES"
    PRE_REGISTRATION = "PRE_REGISTRATION"

    @property
    def bit(self) -> int:
        """This field's bit in a mask of fields."""
        return _BITS[self]


_BITS = {field: 1 << position for position, field in enumerate(PersonalField)}
EVERY_FIELD = (1 << len(PersonalField)) - 1


def mask_of(fields: "frozenset[PersonalField] | set[PersonalField] | tuple[PersonalField, ...]") -> int:
    """Returns the bits of these fields."""
    return sum(field.bit for field in set(fields))


def fields_of(mask: int) -> tuple[PersonalField, ...]:
    """Returns the fields whose bits are set, in the policy's order."""
    return tuple(field for field in PersonalField if mask & field.bit)


class Dimension(StrEnum):
    """A value that statistics count by."""

    COUNTRY = "COUNTRY"
    INSTITUTION_TYPE = "INSTITUTION_TYPE"
    INDUSTRY = "INDUSTRY"
    JOB_ROLE = "JOB_ROLE"
    MAIN_PRINTER = "MAIN_PRINTER"
    SPECIALIZATION = "SPECIALIZATION"


class Standing(IntFlag):
    """The withdrawable purposes that stand for a subject now, as bits. SERVICE always stands."""

    NONE = 0
    SOCIAL = 1
    EXPANSION = 2


class Lock(IntFlag):
    """A state that outranks every grant, earlier or later."""

    NONE = 0
    UNVERIFIED = 1
    LEAVING = 2
    OBJECTED = 4
    RESTRICTED = 8


class WithholdingReason(StrEnum):
    """Why a field is withheld. The first reason that applies is given."""

    ROLE = "ROLE"
    OUTSIDE_CASE = "OUTSIDE_CASE"
    CONSENT = "CONSENT"
    HIDDEN = "HIDDEN"


class ConsentStatus(StrEnum):
    """The state of a purpose, according to the consent history."""

    NEVER_ASKED = "NEVER_ASKED"
    GRANTED = "GRANTED"
    WITHDRAWN = "WITHDRAWN"
    OUTDATED = "OUTDATED"


class ConsentWait(StrEnum):
    """The event that a recorded grant waits for."""

    EMAIL_VERIFICATION = "EMAIL_VERIFICATION"
    RENEWAL = "RENEWAL"


class ConsentSource(StrEnum):
    """The origin of a consent record."""

    REGISTRATION = "registration"
    SETTINGS = "settings"
    IMPORT = "import"
    DEMONSTRATION = "demonstration"
    ERASURE = "erasure"


class ObjectionSource(StrEnum):
    """The origin of an objection."""

    SETTINGS = "settings"
    GPC = "gpc"


class SupportCaseStatus(StrEnum):
    """The state of a support case."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class LegalRequestStatus(StrEnum):
    """The state of a legal request."""

    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class RefusalCode(StrEnum):
    """Why a mutation was refused."""

    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    INVALID_CODE = "INVALID_CODE"
    CHALLENGE_EXPIRED = "CHALLENGE_EXPIRED"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    TRY_LATER = "TRY_LATER"
    WEAK_PASSWORD = "WEAK_PASSWORD"  # noqa: S105  # a kind of refusal
    INVALID_INPUT = "INVALID_INPUT"
    EMAIL_NOT_VERIFIED = "EMAIL_NOT_VERIFIED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105  # a kind of refusal
    CONSENT_MANDATORY = "CONSENT_MANDATORY"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    POLICY_VERSION_OUTDATED = "POLICY_VERSION_OUTDATED"
    TOTP_REQUIRED = "TOTP_REQUIRED"
    TOTP_ALREADY_ENABLED = "TOTP_ALREADY_ENABLED"
    TOTP_NOT_ENABLED = "TOTP_NOT_ENABLED"
    NOT_FOUND = "NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"


class ForbiddenReason(StrEnum):
    """Why a root field is refused. The first reason that applies is given."""

    ROLE = "ROLE"
    EMAIL_NOT_VERIFIED = "EMAIL_NOT_VERIFIED"
    RESTRICTED = "RESTRICTED"
    LEAVING = "LEAVING"


class Factors(StrEnum):
    """The factors that a sign-in used."""

    PASSWORD = "password"  # noqa: S105  # a kind of proof
    TOTP = "password totp"
    RECOVERY = "password recovery"


class TokenTransport(StrEnum):
    """How a session's tokens are sent."""

    BEARER = "BEARER"
    COOKIE = "COOKIE"

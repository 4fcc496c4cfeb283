"""The closed lists of values that a security event can have."""

from enum import StrEnum


class Source(StrEnum):
    """Where an event comes from."""

    REQUEST = "request"
    COMMAND_LINE = "command line"
    SERVICE = "service"


class Outcome(StrEnum):
    """How the act ended."""

    DONE = "done"
    REFUSED = "refused"


class LockCause(StrEnum):
    """Why a sign-in was not even tried."""

    NETWORK_ATTEMPTS = "too many attempts of the network"
    ACCOUNT_ATTEMPTS = "too many attempts at the address"
    WRONG_PASSWORDS = "too many wrong passwords in a row"


class EndCause(StrEnum):
    """What ended a session or token."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    PASSWORD_CHANGED = "password changed"  # noqa: S105
    EMAIL_CHANGED = "e-mail changed"
    SECOND_FACTOR_CHANGED = "second factor changed"
    SPENT_TOKEN = "spent refresh token"  # noqa: S105
    TOO_MANY_SESSIONS = "too many sessions"
    ERASURE_REQUESTED = "erasure requested"
    ACCOUNT_DISABLED = "account disabled"


class CodeKind(StrEnum):
    """What kind of code was entered."""

    TOTP = "totp"
    RECOVERY = "recovery code"


class FactorChange(StrEnum):
    """What changed about two-factor sign-in."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    RECOVERY_CODES_REPLACED = "recovery codes replaced"
    RECOVERY_CODE_USED = "recovery code used"


class PasswordChange(StrEnum):
    """How a password was changed."""

    OWN = "with the old password"
    RESET = "with a mailed link"


class RoleRefusal(StrEnum):
    """Why a role was not granted."""

    OWN_ROLE = "own role"
    NOT_STAFF = "not a staff role"
    WRONG_PERIOD = "wrong period"
    NO_ACCOUNT = "no account, or one that is leaving"
    NOT_HELD = "not held"


class ApprovalRefusal(StrEnum):
    """Why an approval was refused."""

    SAME_PERSON = "same person"


class Erased(StrEnum):
    """What retention erases, in addition to the kinds of records that have a period."""

    AGAIN = "erased_again"
    HELD_VALUES = "held_back"


class Exported(StrEnum):
    """Which data was exported."""

    OWN = "own data"
    WRITTEN_REQUEST = "data of one person, on a written request"
    PROCESSOR_FIELDS = "fields of a processor"

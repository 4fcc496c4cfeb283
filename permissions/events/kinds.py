"""The closed list of security events: what each one means, and the fields that its line may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from permissions.events.fields import COMMON, EventField
from permissions.events.values import Outcome


class EventKind(StrEnum):
    """The kind of a security event."""

    SIGN_IN_SUCCEEDED = "sign_in_succeeded"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_LOCKED = "sign_in_locked"
    SIGN_IN_UNLOCKED = "sign_in_unlocked"
    PASSWORD_NOT_CONFIRMED = "password_not_confirmed"  # noqa: S105  # a kind of event
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # a kind of event
    EMAIL_CHANGED = "email_changed"
    SECOND_FACTOR_ASKED = "second_factor_asked"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    SECOND_FACTOR_REUSED = "second_factor_reused"
    SECOND_FACTOR_LOCKED = "second_factor_locked"
    SECOND_FACTOR_CHANGED = "second_factor_changed"
    SESSION_ENDED = "session_ended"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    ROLE_REFUSED = "role_refused"
    FIELD_REFUSED = "field_refused"
    APPROVAL_REFUSED = "approval_refused"
    TOKEN_ISSUED = "token_issued"  # noqa: S105  # a kind of event
    TOKEN_APPROVED = "token_approved"  # noqa: S105  # a kind of event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # a kind of event
    CASE_OPENED = "case_opened"
    CASE_ASSIGNED = "case_assigned"
    CASE_NARROWED = "case_narrowed"
    CASE_CLOSED = "case_closed"
    LEGAL_REQUEST_OPENED = "legal_request_opened"
    LEGAL_REQUEST_APPROVED = "legal_request_approved"
    LEGAL_REQUEST_CLOSED = "legal_request_closed"
    DATA_EXPORTED = "data_exported"
    ERASURE_REQUESTED = "erasure_requested"
    ERASURE_CANCELLED = "erasure_cancelled"
    DATA_ERASED = "data_erased"
    KEYS_ROTATED = "keys_rotated"
    LIMITS_SHARED = "limits_shared"
    LIMITS_LOCAL = "limits_local"
    SERVICE_STARTED = "service_started"
    SERVICE_STOPPED = "service_stopped"


@dataclass(frozen=True, slots=True)
class EventRule:
    """The meaning of a kind, how the act ended, and the fields that it may have, in addition to the common ones."""

    meaning: str
    fields: tuple[EventField, ...] = ()
    outcome: Outcome = Outcome.DONE


_F = EventField
_RELEASE: Final = (_F.VERSION, _F.POLICY_VERSION, _F.SCHEMA_REVISION)
EVENT_RULES: Final[Mapping[EventKind, EventRule]] = {
    EventKind.SIGN_IN_SUCCEEDED: EventRule("A session began.", (_F.SUBJECT, _F.ADDRESS, _F.RECORD, _F.FACTORS)),
    EventKind.SIGN_IN_FAILED: EventRule(
        "An e-mail address and a password did not sign in. The line does not tell whether the address has an account.",
        (_F.ADDRESS,),
        Outcome.REFUSED,
    ),
    EventKind.SIGN_IN_LOCKED: EventRule(
        "A sign-in was refused because of earlier attempts. The line does not tell whether the address has an account.",
        (_F.ADDRESS, _F.CAUSE),
        Outcome.REFUSED,
    ),
    EventKind.SIGN_IN_UNLOCKED: EventRule(
        "An operator set the counts of wrong passwords of an account to zero.", (_F.SUBJECT,)
    ),
    EventKind.PASSWORD_NOT_CONFIRMED: EventRule(
        "A person who is signed in entered a wrong password, or too many.", (_F.SUBJECT, _F.CAUSE), Outcome.REFUSED
    ),
    EventKind.PASSWORD_CHANGED: EventRule("A password was changed.", (_F.SUBJECT, _F.CHANGE)),
    EventKind.EMAIL_CHANGED: EventRule("A new e-mail address of an account counts.", (_F.SUBJECT,)),
    EventKind.SECOND_FACTOR_ASKED: EventRule(
        "The password was right, and a sign-in waits for a code.", (_F.SUBJECT, _F.ADDRESS)
    ),
    EventKind.SECOND_FACTOR_WRONG: EventRule(
        "A code of the second factor was wrong.", (_F.SUBJECT, _F.CODE), Outcome.REFUSED
    ),
    EventKind.SECOND_FACTOR_REUSED: EventRule(
        "A code that was used before was entered again: someone may have observed it.",
        (_F.SUBJECT, _F.CODE),
        Outcome.REFUSED,
    ),
    EventKind.SECOND_FACTOR_LOCKED: EventRule(
        "A code was refused because of earlier attempts.", (_F.SUBJECT, _F.CODE), Outcome.REFUSED
    ),
    EventKind.SECOND_FACTOR_CHANGED: EventRule("The second factor of a person changed.", (_F.SUBJECT, _F.CHANGE)),
    EventKind.SESSION_ENDED: EventRule(
        "Sessions of a person ended before their time, with their tokens.",
        (_F.SUBJECT, _F.RECORD, _F.CAUSE, _F.COUNT),
    ),
    EventKind.ACCOUNT_DISABLED: EventRule("An operator disabled an account.", (_F.SUBJECT,)),
    EventKind.ACCOUNT_ENABLED: EventRule("An operator enabled an account.", (_F.SUBJECT,)),
    EventKind.ROLE_GRANTED: EventRule("A person was granted a staff role.", (_F.SUBJECT, _F.ROLE)),
    EventKind.ROLE_REVOKED: EventRule(
        "A staff role of a person ended before its time, with its tokens.", (_F.SUBJECT, _F.ROLE)
    ),
    EventKind.ROLE_REFUSED: EventRule(
        "A staff role was not granted.", (_F.SUBJECT, _F.ROLE, _F.REASON), Outcome.REFUSED
    ),
    EventKind.FIELD_REFUSED: EventRule(
        "A caller asked for a root field that they may not use. One line for each field and request.",
        (_F.ROOT_FIELD, _F.PROCESSOR, _F.REASON),
        Outcome.REFUSED,
    ),
    EventKind.APPROVAL_REFUSED: EventRule(
        "A person tried to approve what they began themselves.", (_F.RECORD, _F.REASON), Outcome.REFUSED
    ),
    EventKind.TOKEN_ISSUED: EventRule(
        "A token of a role or processor was issued.", (_F.SUBJECT, _F.RECORD, _F.ROLE, _F.PROCESSOR)
    ),
    EventKind.TOKEN_APPROVED: EventRule("A processor token was approved.", (_F.RECORD, _F.PROCESSOR)),
    EventKind.TOKEN_REVOKED: EventRule(
        "A token of a role or processor was ended.", (_F.SUBJECT, _F.RECORD, _F.ROLE, _F.PROCESSOR, _F.CAUSE)
    ),
    EventKind.CASE_OPENED: EventRule(
        "A support case was opened. The line does not tell whether its subject has an account.", (_F.RECORD,)
    ),
    EventKind.CASE_ASSIGNED: EventRule("A support case was assigned to an agent.", (_F.RECORD, _F.SUBJECT)),
    EventKind.CASE_NARROWED: EventRule("The subject of a support case removed fields from it.", (_F.RECORD,)),
    EventKind.CASE_CLOSED: EventRule("A support case was closed.", (_F.RECORD,)),
    EventKind.LEGAL_REQUEST_OPENED: EventRule(
        "A legal request was recorded. Its subject is never named.", (_F.RECORD,)
    ),
    EventKind.LEGAL_REQUEST_APPROVED: EventRule("A legal request was approved.", (_F.RECORD,)),
    EventKind.LEGAL_REQUEST_CLOSED: EventRule("A legal request was closed.", (_F.RECORD,)),
    EventKind.DATA_EXPORTED: EventRule("Personal data was exported.", (_F.SUBJECT, _F.PROCESSOR, _F.DATA, _F.COUNT)),
    EventKind.ERASURE_REQUESTED: EventRule("A person requested the erasure of their account.", (_F.SUBJECT,)),
    EventKind.ERASURE_CANCELLED: EventRule("A person cancelled the erasure of their account.", (_F.SUBJECT,)),
    EventKind.DATA_ERASED: EventRule("Retention erased data: one line for each kind of record.", (_F.DATA, _F.COUNT)),
    EventKind.KEYS_ROTATED: EventRule(
        "Secrets were re-encrypted with the newest key.", (_F.COUNT, _F.UNREADABLE, _F.OLDER_PASSWORDS)
    ),
    EventKind.LIMITS_SHARED: EventRule("Rate limits are counted for all workers again."),
    EventKind.LIMITS_LOCAL: EventRule(
        "The shared counters cannot be reached, so each process counts on its own.", (), Outcome.REFUSED
    ),
    EventKind.SERVICE_STARTED: EventRule("A server process started.", _RELEASE),
    EventKind.SERVICE_STOPPED: EventRule("A server process stopped in order.", _RELEASE),
}


def fields_of(kind: EventKind) -> tuple[EventField, ...]:
    """Every field that a line of this kind may have."""
    return (*COMMON, *EVENT_RULES[kind].fields)

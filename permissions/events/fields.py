"""The fields of security events: what each one means, and the closed list of its values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from models.vocabulary import Factors, ForbiddenReason, Processor, Role
from permissions.events import values
from permissions.retention_periods import RecordKind


class EventField(StrEnum):
    """The name of a field."""

    SOURCE = "source"
    ACTOR = "actor"
    ACTOR_ROLE = "actor_role"
    NETWORK = "network"
    SUBJECT = "subject"
    ADDRESS = "address"
    RECORD = "record"
    ROLE = "role"
    PROCESSOR = "processor"
    FACTORS = "factors"
    CODE = "code"
    CHANGE = "change"
    CAUSE = "cause"
    REASON = "reason"
    ROOT_FIELD = "root_field"
    DATA = "data"
    COUNT = "count"
    UNREADABLE = "unreadable"
    OLDER_PASSWORDS = "older_passwords"
    VERSION = "version"
    POLICY_VERSION = "policy_version"
    SCHEMA_REVISION = "schema_revision"


class Pseudonym:
    """A keyed tag of a person, an address, a network or a record. Nobody without the keys can turn it back."""


class Name:
    """A name of a root field, or of a version or revision."""


FIELD_VALUES: Final[Mapping[EventField, tuple[type, ...]]] = {
    EventField.SOURCE: (values.Source,),
    EventField.ACTOR: (Pseudonym,),
    EventField.ACTOR_ROLE: (Role,),
    EventField.NETWORK: (Pseudonym,),
    EventField.SUBJECT: (Pseudonym,),
    EventField.ADDRESS: (Pseudonym,),
    EventField.RECORD: (Pseudonym,),
    EventField.ROLE: (Role,),
    EventField.PROCESSOR: (Processor,),
    EventField.FACTORS: (Factors,),
    EventField.CODE: (values.CodeKind,),
    EventField.CHANGE: (values.FactorChange, values.PasswordChange),
    EventField.CAUSE: (values.EndCause, values.LockCause),
    EventField.REASON: (values.RoleRefusal, values.ApprovalRefusal, ForbiddenReason),
    EventField.ROOT_FIELD: (Name,),
    EventField.DATA: (values.Exported, values.Erased, RecordKind),
    EventField.COUNT: (int,),
    EventField.UNREADABLE: (int,),
    EventField.OLDER_PASSWORDS: (int,),
    EventField.VERSION: (Name,),
    EventField.POLICY_VERSION: (Name,),
    EventField.SCHEMA_REVISION: (Name,),
}
"""What a field may contain. A value of any other type is not recorded."""

FIELD_MEANINGS: Final[Mapping[EventField, str]] = {
    EventField.SOURCE: "Where the event comes from.",
    EventField.ACTOR: "The person who acts. Missing for visitors, processors and the command line.",
    EventField.ACTOR_ROLE: "The role of the caller.",
    EventField.NETWORK: "The network of the caller: an IPv4 address or an IPv6 /64.",
    EventField.SUBJECT: "The person that the event concerns. The same person has the same value as `actor`.",
    EventField.ADDRESS: "The e-mail address as it was entered, in its canonical form, with or without an account.",
    EventField.RECORD: "The session, token, case or request.",
    EventField.ROLE: "The role that is granted, revoked or refused, or that a token has.",
    EventField.PROCESSOR: "The processor that a token or an export is for.",
    EventField.FACTORS: "The factors that the sign-in used.",
    EventField.CODE: "The kind of code that was entered.",
    EventField.CHANGE: "What changed, or how.",
    EventField.CAUSE: "What ended or locked it.",
    EventField.REASON: "Why it was refused.",
    EventField.ROOT_FIELD: "The root field of the schema.",
    EventField.DATA: "Which data it was.",
    EventField.COUNT: "How many sessions, tokens, people, records or secrets it concerns.",
    EventField.UNREADABLE: "How many secrets no key can open.",
    EventField.OLDER_PASSWORDS: "How many passwords still need an older key.",
    EventField.VERSION: "The version of the program.",
    EventField.POLICY_VERSION: "The current version of the policy.",
    EventField.SCHEMA_REVISION: "The revision of the database's schema.",
}

COMMON: Final = (EventField.SOURCE, EventField.ACTOR, EventField.ACTOR_ROLE, EventField.NETWORK)
"""Fields of every kind. A field without a value is left out."""

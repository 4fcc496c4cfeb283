"""What is kept of how a person signs in and acts: that there is a secret and since when, never the secret."""

from datetime import UTC, datetime
from typing import Final

from models import tables
from models.columns import in_utc
from models.tables import ACCESS_TOKENS
from models.vocabulary import Role
from permissions.retention_periods import RecordKind as K
from resolvers.export.record_kind import OWNER, SECRET, STAFF, SUBJECT, Kind, as_they_are, owned

STEP_SECONDS: Final = 30

TOKEN: Final = {
    "digest": SECRET,
    "previous_digest": SECRET,
    "holder_id": SUBJECT,
    "issuer_id": STAFF,
    "approved_by": STAFF,
    "processor": "empty: a processor's token has no holder",
}
OF_TOKENS: Final = ("id", "role", "name", "issued_by", "approved_at", "created_at", "expires_at", "last_used_at")
OF_SESSIONS: Final = ("revoked_at", "secret_expires_at", "generation", "rotated_at", "transport", "factors")
OF_SESSIONS_ALONE: Final = dict.fromkeys(OF_SESSIONS[1:], "empty: only a session's secret changes")


def _is_there(value: object) -> bool:
    return value is not None


def _instant_of(step: int) -> str | None:
    return in_utc(datetime.fromtimestamp(step * STEP_SECONDS, UTC)) if step else None


OF_ACCESS: Final = (
    Kind(
        "signIn",
        (tables.CREDENTIALS,),
        (K.ACCOUNTS,),
        owned(tables.CREDENTIALS.c.subject_id),
        {"email_canonical": None, "password_hash": _is_there},
        OWNER,
    ),
    Kind(
        "sessions",
        (ACCESS_TOKENS,),
        (K.SESSIONS,),
        owned(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role == Role.MEMBER.value),
        as_they_are(*OF_TOKENS, *OF_SESSIONS),
        TOKEN,
    ),
    Kind(
        "roleTokens",
        (ACCESS_TOKENS,),
        (K.SESSIONS,),
        owned(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role != Role.MEMBER.value),
        as_they_are(*OF_TOKENS, "revoked_at"),
        TOKEN | OF_SESSIONS_ALONE,
    ),
    Kind(
        "staffRoles",
        (tables.ROLE_GRANTS,),
        (K.ACCOUNTS,),
        owned(tables.ROLE_GRANTS.c.subject_id),
        as_they_are("id", "role", "granted_at", "expires_at", "revoked_at"),
        OWNER | {"granted_by": STAFF},
    ),
    Kind(
        "authenticators",
        (tables.AUTHENTICATORS,),
        (K.ACCOUNTS,),
        owned(tables.AUTHENTICATORS.c.subject_id),
        as_they_are("id", "begun_at", "confirmed_at", "failures", last_step=_instant_of),
        OWNER | {"secret": SECRET},
    ),
    Kind(
        "recoveryCodes",
        (tables.RECOVERY_CODES,),
        (K.ACCOUNTS,),
        owned(tables.RECOVERY_CODES.c.subject_id),
        as_they_are("used_at"),
        OWNER | {"digest": SECRET},
    ),
    Kind(
        "signInsUnderWay",
        (tables.CHALLENGES,),
        (K.SESSIONS,),
        owned(tables.CHALLENGES.c.subject_id),
        as_they_are("id", "client", "transport", "begun_at", "expires_at", "tries", "ended_at"),
        OWNER | {"digest": SECRET},
    ),
    Kind(
        "letters",
        (tables.OUTBOX,),
        (K.LETTERS,),
        owned(tables.OUTBOX.c.subject_id),
        as_they_are("id", "notice", "about", "written_at", "sent_at", "address", "due_at", "attempts"),
        OWNER,
    ),
    Kind(
        "links",
        (tables.MAILED_TOKENS,),
        (K.LETTERS,),
        owned(tables.MAILED_TOKENS.c.subject_id),
        as_they_are("id", "use", "email", "made_at", "expires_at", "used_at"),
        OWNER | {"digest": SECRET, "asked_from": "a keyed hash of the network that the link was asked for in"},
    ),
)

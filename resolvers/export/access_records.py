"""Export sections about signing in and access. They show that a secret exists and since when, never the secret."""

from datetime import UTC, datetime
from typing import Final

from models import tables
from models.columns import rfc3339
from models.tables import ACCESS_TOKENS
from models.vocabulary import Role
from permissions.retention_periods import RecordKind as K
from resolvers.export.section import (
    OWNER_COLUMN,
    SECRET,
    STAFF_ID,
    SUBJECT_ID,
    ExportSection,
    columns_of,
    rows_owned_by,
)

STEP_SECONDS: Final = 30

TOKEN_OMITTED: Final = {
    "digest": SECRET,
    "previous_digest": SECRET,
    "holder_id": SUBJECT_ID,
    "issuer_id": STAFF_ID,
    "approved_by": STAFF_ID,
    "processor": "empty: a processor token has no holder",
}
TOKEN_COLUMNS: Final = ("id", "role", "name", "issued_by", "approved_at", "created_at", "expires_at", "last_used_at")
SESSION_COLUMNS: Final = (
    "revoked_at",
    "secret_expires_at",
    "previous_expires_at",
    "generation",
    "rotated_at",
    "transport",
    "factors",
)
SESSION_OMITTED: Final = dict.fromkeys(SESSION_COLUMNS[1:], "empty: only the secret of a session changes")


def _is_set(value: object) -> bool:
    return value is not None


def _time_of_step(step: int) -> str | None:
    return rfc3339(datetime.fromtimestamp(step * STEP_SECONDS, UTC)) if step else None


ACCESS_SECTIONS: Final = (
    ExportSection(
        "signIn",
        (tables.CREDENTIALS,),
        (K.ACCOUNTS, K.FAILED_SIGN_INS),
        rows_owned_by(tables.CREDENTIALS.c.subject_id),
        {"email_canonical": None, "password_hash": _is_set},
        OWNER_COLUMN,
    ),
    ExportSection(
        "sessions",
        (ACCESS_TOKENS,),
        (K.SESSIONS,),
        rows_owned_by(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role == Role.MEMBER.value),
        columns_of(*TOKEN_COLUMNS, *SESSION_COLUMNS),
        TOKEN_OMITTED,
    ),
    ExportSection(
        "roleTokens",
        (ACCESS_TOKENS,),
        (K.SESSIONS,),
        rows_owned_by(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role != Role.MEMBER.value),
        columns_of(*TOKEN_COLUMNS, "revoked_at"),
        TOKEN_OMITTED | SESSION_OMITTED,
    ),
    ExportSection(
        "staffRoles",
        (tables.ROLE_GRANTS,),
        (K.ACCOUNTS,),
        rows_owned_by(tables.ROLE_GRANTS.c.subject_id),
        columns_of("id", "role", "granted_at", "expires_at", "revoked_at"),
        OWNER_COLUMN | {"granted_by": STAFF_ID, "seal": SECRET},
    ),
    ExportSection(
        "authenticators",
        (tables.AUTHENTICATORS,),
        (K.ACCOUNTS,),
        rows_owned_by(tables.AUTHENTICATORS.c.subject_id),
        columns_of("id", "begun_at", "confirmed_at", "failures", last_step=_time_of_step),
        OWNER_COLUMN | {"secret": SECRET},
    ),
    ExportSection(
        "recoveryCodes",
        (tables.RECOVERY_CODES,),
        (K.ACCOUNTS,),
        rows_owned_by(tables.RECOVERY_CODES.c.subject_id),
        columns_of("used_at"),
        OWNER_COLUMN | {"digest": SECRET},
    ),
    ExportSection(
        "signInsUnderWay",
        (tables.CHALLENGES,),
        (K.SESSIONS,),
        rows_owned_by(tables.CHALLENGES.c.subject_id),
        columns_of("id", "client", "transport", "begun_at", "expires_at", "tries", "ended_at"),
        OWNER_COLUMN | {"digest": SECRET, "browser_digest": SECRET},
    ),
    ExportSection(
        "knownDevices",
        (tables.KNOWN_DEVICES,),
        (K.SESSIONS,),
        rows_owned_by(tables.KNOWN_DEVICES.c.subject_id),
        columns_of("id", "created_at", "used_at", "expires_at"),
        OWNER_COLUMN | {"digest": SECRET},
    ),
    ExportSection(
        "letters",
        (tables.OUTBOX,),
        (K.LETTERS,),
        rows_owned_by(tables.OUTBOX.c.subject_id),
        columns_of("id", "notice", "about", "written_at", "sent_at", "address", "due_at", "attempts"),
        OWNER_COLUMN,
    ),
    ExportSection(
        "links",
        (tables.MAILED_TOKENS,),
        (K.LETTERS,),
        rows_owned_by(tables.MAILED_TOKENS.c.subject_id),
        columns_of("id", "use", "email", "made_at", "expires_at", "used_at"),
        OWNER_COLUMN | {"digest": SECRET, "asked_from": "a keyed hash of the network that requested the link"},
    ),
)

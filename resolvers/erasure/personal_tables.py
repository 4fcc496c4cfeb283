"""Lists every column that can name a person, and what erasure does with it. A test checks that none is missing."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Column, Table

from models.tables import (
    ACCESS_TOKENS,
    ACCOUNTS,
    AUTHENTICATORS,
    CHALLENGES,
    CONSENT_RECORDS,
    CREDENTIALS,
    DISCLOSURES,
    HELD_FORMS,
    HELD_PROFILES,
    KNOWN_DEVICES,
    LEGAL_REQUESTS,
    MAILED_TOKENS,
    OBJECTIONS,
    OUTBOX,
    PRE_REGISTRATIONS,
    PROCESSOR_VIEWS,
    PROFILES,
    READINGS,
    RECOVERY_CODES,
    RESTRICTIONS,
    ROLE_GRANTS,
    SUPPORT_CASES,
    WITHDRAWALS,
)

OWNER_COLUMNS: Final[dict[Table, Column[str]]] = {
    OUTBOX: OUTBOX.c.subject_id,
    MAILED_TOKENS: MAILED_TOKENS.c.subject_id,
    CHALLENGES: CHALLENGES.c.subject_id,
    KNOWN_DEVICES: KNOWN_DEVICES.c.subject_id,
    RECOVERY_CODES: RECOVERY_CODES.c.subject_id,
    AUTHENTICATORS: AUTHENTICATORS.c.subject_id,
    ROLE_GRANTS: ROLE_GRANTS.c.subject_id,
    ACCESS_TOKENS: ACCESS_TOKENS.c.holder_id,
    OBJECTIONS: OBJECTIONS.c.subject_id,
    RESTRICTIONS: RESTRICTIONS.c.subject_id,
    CREDENTIALS: CREDENTIALS.c.subject_id,
}
"""The tables whose rows are deleted with the person in this column, in this order."""


class ErasureRule(StrEnum):
    """What erasure does with a column whose row is not deleted with the person."""

    HELD = "deleted, except values under legal hold"
    OPAQUE = "remains, as an id without an account"
    STAFF = "remains, as the id of staff who acted for the service"
    CLEARED = "cleared"
    LAST = "cleared when the last person that it concerns is erased"
    OTHER = "does not name a person"


ERASURE_RULES: Final[dict[Table, dict[str, ErasureRule]]] = {
    ACCOUNTS: dict.fromkeys(("id", "account_id", "email", "ip_address"), ErasureRule.HELD),
    PROFILES: dict.fromkeys(PROFILES.columns.keys(), ErasureRule.HELD),
    PRE_REGISTRATIONS: dict.fromkeys(PRE_REGISTRATIONS.columns.keys(), ErasureRule.HELD),
    HELD_PROFILES: dict.fromkeys(HELD_PROFILES.columns.keys(), ErasureRule.HELD),
    HELD_FORMS: dict.fromkeys(HELD_FORMS.columns.keys(), ErasureRule.HELD),
    ACCESS_TOKENS: {"id": ErasureRule.OTHER, "issuer_id": ErasureRule.STAFF, "approved_by": ErasureRule.STAFF},
    ROLE_GRANTS: {"id": ErasureRule.OTHER, "granted_by": ErasureRule.STAFF},
    OUTBOX: {"id": ErasureRule.OTHER, "about": ErasureRule.OTHER},
    CONSENT_RECORDS: {"id": ErasureRule.OTHER, "subject_id": ErasureRule.OPAQUE},
    DISCLOSURES: {"id": ErasureRule.OTHER, "subject_id": ErasureRule.OPAQUE},
    READINGS: {
        "recipient": ErasureRule.STAFF,
        "recipient_id": ErasureRule.STAFF,
        "token_id": ErasureRule.OTHER,
        "ground": ErasureRule.OTHER,
        "reason": ErasureRule.LAST,
        "salt": ErasureRule.LAST,
    },
    PROCESSOR_VIEWS: {"id": ErasureRule.OTHER, "token_id": ErasureRule.OTHER, "reason": ErasureRule.LAST},
    WITHDRAWALS: {"id": ErasureRule.OTHER, "subject_id": ErasureRule.OPAQUE},
    SUPPORT_CASES: {
        "id": ErasureRule.OTHER,
        "subject_id": ErasureRule.OPAQUE,
        "reference": ErasureRule.CLEARED,
        "reason": ErasureRule.CLEARED,
        "opened_by": ErasureRule.OPAQUE,
        "agent_id": ErasureRule.STAFF,
    },
    LEGAL_REQUESTS: {
        "id": ErasureRule.OTHER,
        "subject_id": ErasureRule.OPAQUE,
        "authority": ErasureRule.OTHER,
        "reference": ErasureRule.OTHER,
        "basis": ErasureRule.OTHER,
        "opened_by": ErasureRule.STAFF,
        "approved_by": ErasureRule.STAFF,
    },
}
"""What erasure does with each other column that can name a person."""

"""Where a person is named, and what becomes of it with the person: a table for erasure, and a law that walks it."""

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
    RECOVERY_CODES: RECOVERY_CODES.c.subject_id,
    AUTHENTICATORS: AUTHENTICATORS.c.subject_id,
    ROLE_GRANTS: ROLE_GRANTS.c.subject_id,
    ACCESS_TOKENS: ACCESS_TOKENS.c.holder_id,
    OBJECTIONS: OBJECTIONS.c.subject_id,
    RESTRICTIONS: RESTRICTIONS.c.subject_id,
    CREDENTIALS: CREDENTIALS.c.subject_id,
}
"""Tables whose rows go with the person whom this column names, in this order."""


class ErasureRule(StrEnum):
    """What becomes of a column that goes with no row of its own person."""

    HELD = "goes, but for what a legal request holds"
    OPAQUE = "stays, as an id behind which nobody is any more"
    STAFF = "stays, as the id of who acted for the service"
    CLEARED = "is cleared"
    LAST = "is cleared with the last of those whom it concerns"
    OTHER = "names no person"


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
"""What becomes of each other column that could name a person."""

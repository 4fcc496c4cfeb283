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

GOES: Final[dict[Table, Column[str]]] = {
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


class Fate(StrEnum):
    """What becomes of a column that goes with no row of its own person."""

    HELD = "goes, but for what a legal request holds"
    OPAQUE = "stays, as an id behind which nobody is any more"
    STAFF = "stays, as the id of who acted for the service"
    CLEARED = "is cleared"
    LAST = "is cleared with the last of those whom it concerns"
    OTHER = "names no person"


FATES: Final[dict[Table, dict[str, Fate]]] = {
    ACCOUNTS: dict.fromkeys(("id", "account_id", "email", "ip_address"), Fate.HELD),
    PROFILES: dict.fromkeys(PROFILES.columns.keys(), Fate.HELD),
    PRE_REGISTRATIONS: dict.fromkeys(PRE_REGISTRATIONS.columns.keys(), Fate.HELD),
    HELD_PROFILES: dict.fromkeys(HELD_PROFILES.columns.keys(), Fate.HELD),
    HELD_FORMS: dict.fromkeys(HELD_FORMS.columns.keys(), Fate.HELD),
    ACCESS_TOKENS: {"id": Fate.OTHER, "issuer_id": Fate.STAFF, "approved_by": Fate.STAFF},
    ROLE_GRANTS: {"id": Fate.OTHER, "granted_by": Fate.STAFF},
    OUTBOX: {"id": Fate.OTHER, "about": Fate.OTHER},
    CONSENT_RECORDS: {"id": Fate.OTHER, "subject_id": Fate.OPAQUE},
    DISCLOSURES: {"id": Fate.OTHER, "subject_id": Fate.OPAQUE},
    READINGS: {
        "recipient": Fate.STAFF,
        "recipient_id": Fate.STAFF,
        "token_id": Fate.OTHER,
        "ground": Fate.OTHER,
        "reason": Fate.LAST,
        "salt": Fate.LAST,
    },
    PROCESSOR_VIEWS: {"id": Fate.OTHER, "token_id": Fate.OTHER, "reason": Fate.LAST},
    WITHDRAWALS: {"id": Fate.OTHER, "subject_id": Fate.OPAQUE},
    SUPPORT_CASES: {
        "id": Fate.OTHER,
        "subject_id": Fate.OPAQUE,
        "reference": Fate.CLEARED,
        "reason": Fate.CLEARED,
        "opened_by": Fate.OPAQUE,
        "agent_id": Fate.STAFF,
    },
    LEGAL_REQUESTS: {
        "id": Fate.OTHER,
        "subject_id": Fate.OPAQUE,
        "authority": Fate.OTHER,
        "reference": Fate.OTHER,
        "basis": Fate.OTHER,
        "opened_by": Fate.STAFF,
        "approved_by": Fate.STAFF,
    },
}
"""What becomes of each other column that could name a person."""

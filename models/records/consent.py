"""The append-only consent history. The last record of a purpose is its state."""

from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from models.columns import (
    BigInt,
    Bool,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
)
from models.vocabulary import ConsentSource, Purpose


def record_of(
    subject_id: str, purpose: Purpose, *, granted: bool, policy_version: str, at: datetime, source: ConsentSource
) -> dict[str, Any]:
    """Returns a consent record to append to the chain."""
    return {
        "subject_id": subject_id,
        "purpose": purpose.value,
        "granted": granted,
        "policy_version": policy_version,
        "recorded_at": at,
        "source": source.value,
    }


class ConsentRecord(SQLModel, table=True):
    """One grant or withdrawal. It stays after the subject is erased, so it has no foreign key."""

    __tablename__ = "consent_records"

    sequence: int = impersonal("a position in the chain", BigInt, primary_key=True, numbered_by_us=True)
    id: str = identifier(unique=True)
    subject_id: str = identifier(index=True)
    purpose: str = impersonal("a policy term", Text(16))
    granted: bool = impersonal("a state of consent, the subject's own", Bool)
    policy_version: str = impersonal("a policy term", Text(32))
    recorded_at: datetime = impersonal("when it was recorded", UtcDateTime)
    source: str = impersonal("a policy term", Text(16))
    hash: str = impersonal("tamper evidence", Text(64))

"""Support cases: one subject, an extent of fields, one agent, an expiry."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import (
    Bool,
    Int,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
)


class SupportCase(SQLModel, table=True):
    """A case that the subject or support opened. Only its agent can read its extent, until it closes or expires."""

    __tablename__ = "support_cases"

    id: str = identifier(primary_key=True)
    subject_id: str | None = identifier("a random id; null if no account has the address", default=None, index=True)
    reference: str = impersonal("a number in another system", Text(100))
    reason: str | None = impersonal("free text, shown only to subject and agent", Text(1000), default=None)
    extent: int = impersonal("bits of the fields in the extent", Int)
    opened_at: datetime = impersonal("the state of the case", UtcDateTime)
    expires_at: datetime = impersonal("the state of the case", UtcDateTime)
    opened_by: str = identifier()
    opened_by_subject: bool = impersonal("the state of the case", Bool, default=False)
    agent_id: str | None = identifier(default=None, index=True)
    closed_at: datetime | None = impersonal("the state of the case", UtcDateTime, default=None)
    ordinal: str = impersonal("when it was opened, with the id, for sorting", Text(64), unique=True)

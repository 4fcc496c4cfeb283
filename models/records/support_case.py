"""A support case: one subject, an extent of fields, one agent, an end."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, Truth, Whole, impersonal


class SupportCase(SQLModel, table=True):
    """Opened by the subject or by support; it opens fields to its agent alone, while it is neither closed nor over."""

    __tablename__ = "support_cases"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str | None = impersonal(
        "an opaque random name, null where nobody has the address", Text(ID_LENGTH), default=None, index=True
    )
    reference: str = impersonal("a number in another system", Text(100))
    reason: str | None = impersonal("free text of the case, to its subject and agent alone", Text(1000), default=None)
    extent: int = impersonal("bits of the fields that the case opens", Whole)
    opened_at: datetime = impersonal("a state of the case", Instant)
    expires_at: datetime = impersonal("a state of the case", Instant)
    opened_by: str = impersonal("an opaque random name", Text(ID_LENGTH))
    opened_by_subject: bool = impersonal("a state of the case", Truth, default=False)
    agent_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None, index=True)
    closed_at: datetime | None = impersonal("a state of the case", Instant, default=None)
    ordinal: str = impersonal("when it was opened, made unique", Text(64), unique=True)

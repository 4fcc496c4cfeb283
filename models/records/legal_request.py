"""A legal request: recorded by one person, approved by another, read within its extent while it is open."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, Whole, impersonal


class LegalRequest(SQLModel, table=True):
    """Who asks, on what basis, for which fields of whom, and from when the subject may know."""

    __tablename__ = "legal_requests"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque name, perhaps of nobody", Text(48), index=True)
    authority: str = impersonal("an authority, no data subject", Text(200))
    reference: str = impersonal("a number in another system", Text(100))
    basis: str = impersonal("a law", Text(1000))
    extent: int = impersonal("bits of the fields that the request opens", Whole)
    opened_at: datetime = impersonal("a state of the request", Instant)
    expires_at: datetime = impersonal("a state of the request", Instant)
    notice_after: datetime | None = impersonal("a state of the request", Instant, default=None)
    opened_by: str = impersonal("an opaque random name", Text(ID_LENGTH))
    approved_by: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    approved_at: datetime | None = impersonal("a state of the request", Instant, default=None)
    closed_at: datetime | None = impersonal("a state of the request", Instant, default=None)
    ordinal: str = impersonal("when it was opened, made unique", Text(64), unique=True)

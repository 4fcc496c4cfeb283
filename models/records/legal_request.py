"""Legal requests: recorded by one person, approved by another, limited to an extent and a time."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, identifier, impersonal


class LegalRequest(SQLModel, table=True):
    """One request: the authority, its legal basis, the subject, the fields, and when the subject can see it."""

    __tablename__ = "legal_requests"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier("an id that may belong to no account", length=48, index=True)
    authority: str = impersonal("a public authority", Text(200))
    reference: str = impersonal("a number in another system", Text(100))
    basis: str = impersonal("a law", Text(1000))
    extent: int = impersonal("bits of the fields that the request opens", Int)
    opened_at: datetime = impersonal("the state of the request", UtcDateTime)
    expires_at: datetime = impersonal("the state of the request", UtcDateTime)
    notice_after: datetime | None = impersonal("the state of the request", UtcDateTime, default=None)
    opened_by: str = identifier()
    approved_by: str | None = identifier(default=None)
    approved_at: datetime | None = impersonal("the state of the request", UtcDateTime, default=None)
    closed_at: datetime | None = impersonal("the state of the request", UtcDateTime, default=None)
    ordinal: str = impersonal("when it was opened, with the id, for sorting", Text(64), unique=True)

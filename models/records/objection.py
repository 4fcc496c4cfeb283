"""Objections to processors: records of their own, lifted by the subject alone."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, impersonal


class Objection(SQLModel, table=True):
    """One objection to one processor, from when until when."""

    __tablename__ = "objections"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    processor: str = impersonal("a word of the policy", Text(32))
    objected_at: datetime = impersonal("a state of the objection", Instant)
    source: str = impersonal("a word of the policy", Text(16))
    withdrawn_at: datetime | None = impersonal("a state of the objection", Instant, default=None)

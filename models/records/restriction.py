"""Restrictions of processing (GDPR Art. 18): records of their own, lifted by the subject alone."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, impersonal


class Restriction(SQLModel, table=True):
    """One restriction, from when until when."""

    __tablename__ = "restrictions"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    restricted_at: datetime = impersonal("a state of the restriction", Instant)
    lifted_at: datetime | None = impersonal("a state of the restriction", Instant, default=None)

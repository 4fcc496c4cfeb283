"""Restrictions of processing (GDPR Art. 18). Only the subject can lift one."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import UtcDateTime, identifier, impersonal


class Restriction(SQLModel, table=True):
    """One restriction, with its start and end."""

    __tablename__ = "restrictions"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(index=True)
    restricted_at: datetime = impersonal("the state of the restriction", UtcDateTime)
    lifted_at: datetime | None = impersonal("the state of the restriction", UtcDateTime, default=None)

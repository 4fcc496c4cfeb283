"""Objections to processors. Only the subject can withdraw one."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Text, UtcDateTime, identifier, impersonal


class Objection(SQLModel, table=True):
    """One objection to one processor, with its start and end."""

    __tablename__ = "objections"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(index=True)
    processor: str = impersonal("a policy term", Text(32))
    objected_at: datetime = impersonal("the state of the objection", UtcDateTime)
    source: str = impersonal("a policy term", Text(16))
    withdrawn_at: datetime | None = impersonal("the state of the objection", UtcDateTime, default=None)

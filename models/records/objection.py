"""Objections to processors. Only the subject can withdraw one."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Text, UtcDateTime, impersonal


class Objection(SQLModel, table=True):
    """One objection to one processor, with its start and end."""

    __tablename__ = "objections"

    id: str = impersonal("a random id", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("a random id", Text(ID_LENGTH), index=True)
    processor: str = impersonal("a policy term", Text(32))
    objected_at: datetime = impersonal("the state of the objection", UtcDateTime)
    source: str = impersonal("a policy term", Text(16))
    withdrawn_at: datetime | None = impersonal("the state of the objection", UtcDateTime, default=None)

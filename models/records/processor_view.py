"""Processor views: each time a processor read its columns."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Int, Text, UtcDateTime, impersonal


class ProcessorView(SQLModel, table=True):
    """One view that a processor opened."""

    __tablename__ = "processor_views"

    id: str = impersonal("a random id", Text(ID_LENGTH), primary_key=True)
    processor: str = impersonal("a policy term", Text(32))
    token_id: str | None = impersonal("a random id", Text(ID_LENGTH), default=None)
    opened_at: datetime = impersonal("the state of the view", UtcDateTime)
    reason: str = impersonal("the reason, in the processor's words", Text(300))
    withheld: int = impersonal("a number of subjects", Int)

"""Processor views: each time a processor read its columns."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, identifier, impersonal


class ProcessorView(SQLModel, table=True):
    """One view that a processor opened."""

    __tablename__ = "processor_views"

    id: str = identifier(primary_key=True)
    processor: str = impersonal("a policy term", Text(32))
    token_id: str | None = identifier(default=None)
    opened_at: datetime = impersonal("the state of the view", UtcDateTime)
    reason: str = impersonal("the reason, in the processor's words", Text(300))
    withheld: int = impersonal("a number of subjects", Int)

"""When the service was last seen at work, by the clock of the database."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, impersonal


class Heartbeat(SQLModel, table=True):
    """One mark. There is at most one row for each name."""

    __tablename__ = "heartbeats"

    name: str = impersonal("an enum value", Text(16), primary_key=True)
    at: datetime = impersonal("the time of the mark", UtcDateTime)
    doubt: str | None = impersonal("an enum value", Text(32), default=None)
    waiting: int | None = impersonal("number of people whose data is due", Int, default=None)

"""Withdrawals: the data that a processor must delete, and its acknowledgement."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, identifier, impersonal


class Withdrawal(SQLModel, table=True):
    """Fields of one subject that one processor must delete, open until it acknowledges."""

    __tablename__ = "withdrawals"

    id: str = identifier(primary_key=True)
    processor: str = impersonal("a policy term", Text(32), index=True)
    subject_id: str = identifier(index=True)
    fields: int = impersonal("bits of the fields to delete", Int)
    withdrawn_at: datetime = impersonal("the state of the withdrawal", UtcDateTime)
    due_at: datetime = impersonal("the state of the withdrawal", UtcDateTime)
    acknowledged_at: datetime | None = impersonal("the state of the withdrawal", UtcDateTime, default=None)
    ordinal: str = impersonal("when it was withdrawn, with the id, for sorting", Text(64), unique=True)

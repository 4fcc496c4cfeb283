"""The outbox: letters to send, written in the transaction that causes them."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import (
    SmallInt,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
    personal,
)
from models.vocabulary import PersonalField


class Letter(SQLModel, table=True):
    """A letter to one subject. Its text is made when it is sent.

    It goes to the subject's current address, or to `address`, which is deleted after sending. It waits while `due_at`
    is set. Without `due_at` and `sent_at`, delivery was abandoned.
    """

    __tablename__ = "outbox"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(index=True)
    notice: str = impersonal("an enum value", Text(32))
    about: str = identifier()
    written_at: datetime = impersonal("the state of the letter", UtcDateTime)
    sent_at: datetime | None = impersonal("the state of the letter", UtcDateTime, default=None)
    address: str | None = personal(PersonalField.EMAIL, Text(320))
    due_at: datetime | None = impersonal("the earliest time of the next attempt", UtcDateTime, default=None, index=True)
    attempts: int = impersonal("number of attempts", SmallInt, default=0)

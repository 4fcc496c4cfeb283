"""Letters to be written: each a row of the transaction that is their reason."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Small, Text, impersonal, personal
from models.vocabulary import PersonalField


class Letter(SQLModel, table=True):
    """A notice to one subject about one thing; its text is made when it is sent.

    It goes to the subject's address of that time, or to `address`, which is forgotten once it is sent. It waits while
    `due_at` is set; without that and `sent_at` it was given up.
    """

    __tablename__ = "outbox"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    notice: str = impersonal("a word of the vocabulary", Text(32))
    about: str = impersonal("an opaque random name", Text(ID_LENGTH))
    written_at: datetime = impersonal("a state of the letter", Instant)
    sent_at: datetime | None = impersonal("a state of the letter", Instant, default=None)
    address: str | None = personal(PersonalField.EMAIL, Text(320))
    due_at: datetime | None = impersonal("not before this", Instant, default=None, index=True)
    attempts: int = impersonal("how often it was tried", Small, default=0)

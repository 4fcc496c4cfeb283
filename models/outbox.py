"""Letters to be written: each a row of the transaction that is their reason."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, impersonal


class Letter(SQLModel, table=True):
    """A notice to one subject about one thing; its text is made when it is sent."""

    __tablename__ = "outbox"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    notice: str = impersonal("a word of the vocabulary", Text(32))
    about: str = impersonal("an opaque random name", Text(ID_LENGTH))
    written_at: datetime = impersonal("a state of the letter", Instant)
    sent_at: datetime | None = impersonal("a state of the letter", Instant, default=None)

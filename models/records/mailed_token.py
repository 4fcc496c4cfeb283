"""Tokens in the links of e-mails, each stored as a digest."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Text, UtcDateTime, identifier, impersonal, personal
from models.vocabulary import PersonalField


class MailedToken(SQLModel, table=True):
    """The token of one link. It works once, and proves that its user can read the mailbox. `id` is the letter's id.

    A letter to an unknown address has a row, too, so `subject_id` has no foreign key.
    """

    __tablename__ = "mailed_tokens"

    id: str = identifier(primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    subject_id: str = identifier(index=True)
    use: str = impersonal("an enum value", Text(16))
    email: str | None = personal(PersonalField.EMAIL, Text(320))
    made_at: datetime = impersonal("the state of the token", UtcDateTime)
    expires_at: datetime = impersonal("the state of the token", UtcDateTime)
    used_at: datetime | None = impersonal("the state of the token", UtcDateTime, default=None)
    asked_from: str | None = impersonal("a keyed hash of a network", Text(64), default=None)

"""The disclosure ledger: each read of personal fields by staff or a processor."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from models.columns import (
    BigInt,
    Int,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
)


class Reading(SQLModel, table=True):
    """The part that all entries of one answer to one recipient on one ground share.

    The hash covers a salted commitment to the reason. When the last of the subjects is erased, reason and salt are
    deleted.
    """

    __tablename__ = "readings"

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("the position of its first entry", BigInt, primary_key=True, numbered_by_us=True)
    at: datetime = impersonal("when it was disclosed", UtcDateTime)
    audience: str = impersonal("a policy term", Text(32))
    recipient: str = impersonal("a pseudonym or a company", Text(100))
    recipient_id: str | None = identifier(default=None)
    token_id: str | None = identifier(default=None)
    ground: str = identifier("the random id of the case, request or view")
    commitment: str = impersonal("tamper evidence", Text(64))
    visible_at: datetime | None = impersonal("when its subjects can first see it", UtcDateTime, default=None)
    reason: str | None = impersonal("the reason, shown only to its subjects", Text(3000), default=None)
    salt: str | None = impersonal("tamper evidence", Text(64), default=None)
    ordinal: str = impersonal("the time of the disclosure, as sortable text", Text(64))


class Disclosure(SQLModel, table=True):
    """One subject in one answer: the fields that were read, never their values.

    The table has few columns, because one processor view writes 1,000 rows.
    """

    __tablename__ = "disclosures"
    __table_args__ = (Index("ix_disclosures_subject", text("substr(subject_id, 1, 8)")),)

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("a position in the chain", BigInt, primary_key=True, numbered_by_us=True)
    reading: int = impersonal("the position of its reading's first entry", BigInt)
    id: str | None = identifier("a random id, of older entries only", default=None)
    subject_id: str = identifier()
    fields: int = impersonal("bits of the fields that were read", Int)
    hash: str = impersonal("tamper evidence", Text(64))

"""The ledger of who was shown what of whom, and what processors must forget."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Big, Instant, Text, Whole, impersonal


class Reading(SQLModel, table=True):
    """What the entries of one answer to one recipient on one ground share; bound by a salted commitment, the reason.

    It concerns them all, so it goes with its salt when the last of their subjects is erased.
    """

    __tablename__ = "readings"

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("the place of its first entry", Big, primary_key=True, numbered_by_us=True)
    at: datetime = impersonal("when it was disclosed", Instant)
    audience: str = impersonal("a word of the policy", Text(32))
    recipient: str = impersonal("a pseudonym or a company", Text(100))
    recipient_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    token_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    ground: str = impersonal("the case, request or view, as an opaque name", Text(ID_LENGTH))
    commitment: str = impersonal("tamper evidence", Text(64))
    visible_at: datetime | None = impersonal("from when its subjects see it", Instant, default=None)
    reason: str | None = impersonal("why, to its subjects alone", Text(3000), default=None)
    salt: str | None = impersonal("tamper evidence", Text(64), default=None)
    ordinal: str = impersonal("when it was disclosed, as text that sorts", Text(64))


class Disclosure(SQLModel, table=True):
    """One subject in one answer: fields, never values. Narrow, since a processor's view writes a thousand."""

    __tablename__ = "disclosures"
    __table_args__ = (Index("ix_disclosures_subject", text("substr(subject_id, 1, 8)")),)

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("a place in the chain", Big, primary_key=True, numbered_by_us=True)
    reading: int = impersonal("the place of its reading's first entry", Big)
    id: str | None = impersonal("an opaque random name, where there is no other", Text(ID_LENGTH), default=None)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH))
    fields: int = impersonal("bits of the fields that were shown", Whole)
    hash: str = impersonal("tamper evidence", Text(64))


class ProcessorView(SQLModel, table=True):
    """One opening of a processor's own columns."""

    __tablename__ = "processor_views"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    processor: str = impersonal("a word of the policy", Text(32))
    token_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    opened_at: datetime = impersonal("a state of the view", Instant)
    reason: str = impersonal("why, in the processor's words", Text(300))
    withheld: int = impersonal("a number of subjects", Whole)


class Withdrawal(SQLModel, table=True):
    """What one processor must forget of one subject, until it says that it has ordered so."""

    __tablename__ = "withdrawals"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    processor: str = impersonal("a word of the policy", Text(32), index=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    fields: int = impersonal("bits of the fields to be forgotten", Whole)
    withdrawn_at: datetime = impersonal("a state of the withdrawal", Instant)
    due_at: datetime = impersonal("a state of the withdrawal", Instant)
    acknowledged_at: datetime | None = impersonal("a state of the withdrawal", Instant, default=None)
    ordinal: str = impersonal("when it was withdrawn, made unique", Text(64), unique=True)

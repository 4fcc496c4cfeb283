"""The ledger of who was shown what of whom, and what processors must forget."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Big, Instant, Text, Whole, impersonal


class Disclosure(SQLModel, table=True):
    """One subject in one answer: fields, never values. The reason stands beside it, bound by a salted commitment."""

    __tablename__ = "disclosures"

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("a place in the chain", Big, primary_key=True, numbered_by_us=True)
    id: str = impersonal("an opaque random name", Text(ID_LENGTH), unique=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    at: datetime = impersonal("when it was disclosed", Instant)
    audience: str = impersonal("a word of the policy", Text(32))
    recipient: str = impersonal("a pseudonym or a company", Text(100))
    recipient_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    token_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    fields: int = impersonal("bits of the fields that were shown", Whole)
    ground: str = impersonal("the case, request or view, as an opaque name", Text(ID_LENGTH))
    commitment: str = impersonal("tamper evidence", Text(64))
    visible_at: datetime | None = impersonal("from when its subject sees it", Instant, default=None)
    hash: str = impersonal("tamper evidence", Text(64))
    reason: str | None = impersonal("why, to its subject alone", Text(3000), default=None)
    salt: str | None = impersonal("tamper evidence", Text(64), default=None)
    ordinal: str = impersonal("when it was disclosed, made unique", Text(64), unique=True)


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

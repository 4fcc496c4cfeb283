"""What a person proves beside a password: an authenticator's codes, recovery codes, and the step in between."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Big, Instant, Small, Text, impersonal, personal
from models.vocabulary import PersonalField


class Authenticator(SQLModel, table=True):
    """One TOTP secret (RFC 6238), sealed; it counts from its confirmation on."""

    __tablename__ = "authenticators"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), foreign_key="accounts.id", index=True)
    secret: str = impersonal("a secret, sealed", Text(512))
    begun_at: datetime = impersonal("a state of the authenticator", Instant)
    confirmed_at: datetime | None = impersonal("a state of the authenticator", Instant, default=None)
    last_step: int = impersonal("the newest accepted 30 seconds; only grows", Big, default=0)
    failures: int = impersonal("wrong codes in a row", Small, default=0)


class RecoveryCode(SQLModel, table=True):
    """One code that stands in for the authenticator once, as a keyed hash."""

    __tablename__ = "recovery_codes"

    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True, foreign_key="accounts.id")
    digest: str = impersonal("a keyed hash of a secret", Text(64), primary_key=True)
    used_at: datetime | None = impersonal("a state of the code", Instant, default=None)


class Challenge(SQLModel, table=True):
    """A right password that waits for its second factor; it opens nothing by itself."""

    __tablename__ = "challenges"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), foreign_key="accounts.id", index=True)
    client: str | None = impersonal("what its holder calls the client", Text(100), default=None)
    transport: str = impersonal("how the session's secret will travel", Text(8))
    begun_at: datetime = impersonal("a state of the challenge", Instant)
    expires_at: datetime = impersonal("a state of the challenge", Instant)
    tries: int = impersonal("how many codes were tried", Small, default=0)
    ended_at: datetime | None = impersonal("a state of the challenge", Instant, default=None)


class MailedToken(SQLModel, table=True):
    """What a letter's link proves once: that its reader has the mailbox. `id` is the letter's.

    A letter to an address that nobody has is a row like any other, so no foreign key holds its subject.
    """

    __tablename__ = "mailed_tokens"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), index=True)
    use: str = impersonal("a word of the vocabulary", Text(16))
    email: str | None = personal(PersonalField.EMAIL, Text(320))
    made_at: datetime = impersonal("a state of the token", Instant)
    expires_at: datetime = impersonal("a state of the token", Instant)
    used_at: datetime | None = impersonal("a state of the token", Instant, default=None)
    asked_from: str | None = impersonal("a keyed hash of a network", Text(64), default=None)

"""Second factor: TOTP authenticators, recovery codes, and sign-ins that wait for a code."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import (
    BigInt,
    SmallInt,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
)


class Authenticator(SQLModel, table=True):
    """One encrypted TOTP secret (RFC 6238). It counts after its confirmation."""

    __tablename__ = "authenticators"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(foreign_key="accounts.id", index=True)
    secret: str = impersonal("an encrypted secret", Text(512))
    begun_at: datetime = impersonal("the state of the authenticator", UtcDateTime)
    confirmed_at: datetime | None = impersonal("the state of the authenticator", UtcDateTime, default=None)
    last_step: int = impersonal("the newest accepted time step; never decreases", BigInt, default=0)
    failures: int = impersonal("consecutive wrong codes", SmallInt, default=0)


class RecoveryCode(SQLModel, table=True):
    """One code that replaces the authenticator once, stored as a keyed hash."""

    __tablename__ = "recovery_codes"

    subject_id: str = identifier(primary_key=True, foreign_key="accounts.id")
    digest: str = impersonal("a keyed hash of a secret", Text(64), primary_key=True)
    used_at: datetime | None = impersonal("the state of the code", UtcDateTime, default=None)


class Challenge(SQLModel, table=True):
    """A sign-in with the right password that waits for its second factor. It gives no access."""

    __tablename__ = "challenges"

    id: str = identifier(primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    subject_id: str = identifier(foreign_key="accounts.id", index=True)
    client: str | None = impersonal("the client's name, given by the caller", Text(100), default=None)
    transport: str = impersonal("how the session's secret will be sent", Text(8))
    browser_digest: str | None = impersonal("SHA-256 of a secret of the browser that began it", Text(64), default=None)
    begun_at: datetime = impersonal("the state of the challenge", UtcDateTime)
    expires_at: datetime = impersonal("the state of the challenge", UtcDateTime)
    tries: int = impersonal("number of codes tried", SmallInt, default=0)
    ended_at: datetime | None = impersonal("the state of the challenge", UtcDateTime, default=None)

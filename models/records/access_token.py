"""Access tokens: sessions, staff tokens and processor tokens, each stored as a digest."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, identifier, impersonal


class AccessToken(SQLModel, table=True):
    """One bearer token with exactly one role. A MEMBER token is a session.

    Only the digest of the secret is stored. Each refresh of a session replaces its secret until the session expires.
    """

    __tablename__ = "access_tokens"

    id: str = identifier(primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    role: str = impersonal("a policy term", Text(16))
    holder_id: str | None = identifier(default=None, foreign_key="accounts.id", index=True)
    processor: str | None = impersonal("a policy term", Text(32), default=None)
    name: str | None = impersonal("the client's name, given by the token holder", Text(100), default=None)
    issued_by: str = impersonal("the entry point that issued it", Text(32))
    issuer_id: str | None = identifier(default=None)
    approved_at: datetime | None = impersonal("when a second person approved it", UtcDateTime, default=None)
    approved_by: str | None = identifier(default=None)
    created_at: datetime = impersonal("the state of the token", UtcDateTime)
    expires_at: datetime = impersonal("the state of the token", UtcDateTime)
    last_used_at: datetime | None = impersonal("the state of the token", UtcDateTime, default=None)
    revoked_at: datetime | None = impersonal("the state of the token", UtcDateTime, default=None)
    secret_expires_at: datetime | None = impersonal("when this secret expires", UtcDateTime, default=None)
    generation: int = impersonal("number of refreshes", Int, default=0)
    rotated_at: datetime | None = impersonal("time of the last refresh", UtcDateTime, default=None)
    previous_digest: str | None = impersonal("SHA-256 of a secret", Text(64), default=None, index=True)
    previous_expires_at: datetime | None = impersonal("when the previous secret expires", UtcDateTime, default=None)
    transport: str | None = impersonal("how the secret is sent", Text(8), default=None)
    factors: str | None = impersonal("the factors that the sign-in used", Text(32), default=None)

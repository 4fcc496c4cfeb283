"""Who may act as what: tokens (sessions among them) as digests, and staff roles granted one by one."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Text, Whole, impersonal


class AccessToken(SQLModel, table=True):
    """One bearer token with exactly one role; a MEMBER token is a session. The secret itself is not kept.

    A session's secret changes with every refresh, until the session expires.
    """

    __tablename__ = "access_tokens"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    role: str = impersonal("a word of the policy", Text(16))
    holder_id: str | None = impersonal(
        "an opaque random name", Text(ID_LENGTH), default=None, foreign_key="accounts.id", index=True
    )
    processor: str | None = impersonal("a word of the policy", Text(32), default=None)
    name: str | None = impersonal("what its holder calls the client", Text(100), default=None)
    issued_by: str = impersonal("which door it came from", Text(32))
    issuer_id: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    approved_at: datetime | None = impersonal("when a second person let it work", Instant, default=None)
    approved_by: str | None = impersonal("an opaque random name", Text(ID_LENGTH), default=None)
    created_at: datetime = impersonal("a state of the token", Instant)
    expires_at: datetime = impersonal("a state of the token", Instant)
    last_used_at: datetime | None = impersonal("a state of the token", Instant, default=None)
    revoked_at: datetime | None = impersonal("a state of the token", Instant, default=None)
    secret_expires_at: datetime | None = impersonal("until when this secret works", Instant, default=None)
    generation: int = impersonal("how often the secret was changed", Whole, default=0)
    rotated_at: datetime | None = impersonal("when the secret was changed", Instant, default=None)
    previous_digest: str | None = impersonal("SHA-256 of a secret", Text(64), default=None, index=True)
    transport: str | None = impersonal("how the secret travels", Text(8), default=None)
    factors: str | None = impersonal("what its holder proved to begin it", Text(32), default=None)


class RoleGrant(SQLModel, table=True):
    """One staff role of one person, from a time until a time."""

    __tablename__ = "role_grants"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), foreign_key="accounts.id", index=True)
    role: str = impersonal("a word of the policy", Text(16))
    granted_at: datetime = impersonal("a state of the grant", Instant)
    expires_at: datetime = impersonal("a state of the grant", Instant)
    granted_by: str | None = impersonal(
        "an opaque random name, null from the command line", Text(ID_LENGTH), default=None
    )
    revoked_at: datetime | None = impersonal("a state of the grant", Instant, default=None)

"""Staff roles, granted person by person for a limited time."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Text, UtcDateTime, identifier, impersonal


class RoleGrant(SQLModel, table=True):
    """One staff role of one person, with start and expiry."""

    __tablename__ = "role_grants"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(foreign_key="accounts.id", index=True)
    role: str = impersonal("a policy term", Text(16))
    granted_at: datetime = impersonal("the state of the grant", UtcDateTime)
    expires_at: datetime = impersonal("the state of the grant", UtcDateTime)
    granted_by: str | None = identifier("a random id; null if the command line granted it", default=None)
    revoked_at: datetime | None = impersonal("the state of the grant", UtcDateTime, default=None)
    seal: str = impersonal("a keyed hash of the other columns", Text(80))

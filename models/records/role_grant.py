"""Staff roles, granted person by person for a limited time."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Text, UtcDateTime, impersonal


class RoleGrant(SQLModel, table=True):
    """One staff role of one person, with start and expiry."""

    __tablename__ = "role_grants"

    id: str = impersonal("a random id", Text(ID_LENGTH), primary_key=True)
    subject_id: str = impersonal("a random id", Text(ID_LENGTH), foreign_key="accounts.id", index=True)
    role: str = impersonal("a policy term", Text(16))
    granted_at: datetime = impersonal("the state of the grant", UtcDateTime)
    expires_at: datetime = impersonal("the state of the grant", UtcDateTime)
    granted_by: str | None = impersonal(
        "a random id; null if the command line granted it", Text(ID_LENGTH), default=None
    )
    revoked_at: datetime | None = impersonal("the state of the grant", UtcDateTime, default=None)

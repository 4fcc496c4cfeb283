"""Devices that have signed in to an account."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Text, UtcDateTime, identifier, impersonal


class KnownDevice(SQLModel, table=True):
    """One device of one person. It has its own counters until it expires or the credentials change."""

    __tablename__ = "known_devices"

    id: str = identifier(primary_key=True)
    subject_id: str = identifier(foreign_key="accounts.id", index=True)
    digest: str = impersonal("SHA-256 of a secret", Text(64), unique=True)
    created_at: datetime = impersonal("the state of the device", UtcDateTime)
    used_at: datetime = impersonal("time of the last sign-in", UtcDateTime)
    expires_at: datetime = impersonal("the state of the device", UtcDateTime)

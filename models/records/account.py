"""Accounts and credentials, stored under SERVICE, with consent state, hidden fields and locks."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from models.columns import (
    Bool,
    Int,
    SmallInt,
    Text,
    UtcDateTime,
    identifier,
    impersonal,
    personal,
)
from models.vocabulary import PersonalField

LEAVING = text("leaving_since IS NOT NULL")


class Account(SQLModel, table=True):
    """One data subject's account. `id` is the id of the GraphQL type User, `account_id` of Account."""

    __tablename__ = "accounts"
    # SQLite would use an index of all accounts for `leaving_since IS NULL`, and then read and sort the whole directory
    __table_args__ = (
        Index("ix_accounts_leaving_since", "leaving_since", sqlite_where=LEAVING, postgresql_where=LEAVING),
    )

    id: str = identifier(primary_key=True)
    account_id: str = identifier(unique=True)
    email: str = personal(PersonalField.EMAIL, Text(320), nullable=False)
    ip_address: str | None = personal(PersonalField.IP_ADDRESS, Text(45))
    email_verified: bool = impersonal("the state of the account", Bool, default=False)
    created_at: datetime = impersonal("the state of the account", UtcDateTime)
    social_version: int | None = impersonal("the granted policy version, if any", SmallInt, default=None)
    social_lapsed_at: datetime | None = impersonal("since when the data has no grant", UtcDateTime, default=None)
    expansion_version: int | None = impersonal("the granted policy version, if any", SmallInt, default=None)
    expansion_lapsed_at: datetime | None = impersonal("since when the data has no grant", UtcDateTime, default=None)
    hidden: int = impersonal("bits of the fields hidden from members", Int, default=0)
    objected: int = impersonal("bits of the processors that the subject objects to", Int, default=0)
    restricted_at: datetime | None = impersonal("since when processing is restricted", UtcDateTime, default=None)
    leaving_since: datetime | None = impersonal("when erasure was requested", UtcDateTime, default=None)
    disabled_at: datetime | None = impersonal("when the account was disabled", UtcDateTime, default=None)
    unreachable_since: datetime | None = impersonal("since when mail is refused", UtcDateTime, default=None)


class Credential(SQLModel, table=True):
    """How one person signs in: the canonical e-mail address and, if set, the password hash."""

    __tablename__ = "credentials"

    subject_id: str = identifier(primary_key=True, foreign_key="accounts.id")
    email_canonical: str = personal(PersonalField.EMAIL, Text(320), nullable=False, unique=True)
    password_hash: str | None = impersonal("a secret, never in an answer", Text(512), default=None)

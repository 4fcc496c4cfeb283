"""What the service cannot run without, kept under SERVICE; standing and hidden fields lie beside it."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Instant, Small, Text, Truth, Whole, impersonal, personal
from models.vocabulary import PersonalField


class Account(SQLModel, table=True):
    """One data subject's account. `id` is the User's id, `account_id` the Account's."""

    __tablename__ = "accounts"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    account_id: str = impersonal("an opaque random name", Text(ID_LENGTH), unique=True)
    email: str = personal(PersonalField.EMAIL, Text(320), nullable=False)
    ip_address: str | None = personal(PersonalField.IP_ADDRESS, Text(45))
    email_verified: bool = impersonal("a state of the account", Truth, default=False)
    created_at: datetime = impersonal("a state of the account", Instant)
    social_version: int | None = impersonal("the policy version granted, null when none stands", Small, default=None)
    social_lapsed_at: datetime | None = impersonal("since when data is held without a grant", Instant, default=None)
    expansion_version: int | None = impersonal("the policy version granted, null when none stands", Small, default=None)
    expansion_lapsed_at: datetime | None = impersonal("since when data is held without a grant", Instant, default=None)
    hidden: int = impersonal("bits of the fields hidden from members", Whole, default=0)
    objected: int = impersonal("bits of the processors objected to", Whole, default=0)
    restricted_at: datetime | None = impersonal("since when processing is restricted", Instant, default=None)
    leaving_since: datetime | None = impersonal("since when erasure is asked for", Instant, default=None, index=True)
    disabled_at: datetime | None = impersonal("since when its owner may not act", Instant, default=None)


class Credential(SQLModel, table=True):
    """How one person signs in: the canonical address and the hash of a password, if there is one."""

    __tablename__ = "credentials"

    subject_id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True, foreign_key="accounts.id")
    email_canonical: str = personal(PersonalField.EMAIL, Text(320), nullable=False, unique=True)
    password_hash: str | None = impersonal("a secret of the service, in no answer", Text(512), default=None)

"""The tables by name, for statements in SQLAlchemy Core; importing this module registers all of them."""

from typing import Final

from sqlalchemy import Table
from sqlmodel import SQLModel

from models import access, account, consent, pre_registration, profile

METADATA: Final = SQLModel.metadata


def _table(model: type[SQLModel]) -> Table:
    return METADATA.tables[str(model.__tablename__)]


ACCOUNTS: Final = _table(account.Account)
CREDENTIALS: Final = _table(account.Credential)
PROFILES: Final = _table(profile.Profile)
PRE_REGISTRATIONS: Final = _table(pre_registration.PreRegistration)
CONSENT_RECORDS: Final = _table(consent.ConsentRecord)
CHAIN_HEADS: Final = _table(consent.ChainHead)
ACCESS_TOKENS: Final = _table(access.AccessToken)
ROLE_GRANTS: Final = _table(access.RoleGrant)

"""Computes when the data of a lapsed purpose is erased: the same rule in Python and in SQL."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, false, func, literal, not_, select

from models.columns import UtcDateTime
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Purpose
from permissions import policy
from permissions.masked_columns import GRANTED_VERSION, purpose_stands

PURPOSE_TABLES: Final = {Purpose.SOCIAL: PROFILES, Purpose.EXPANSION: PRE_REGISTRATIONS}


def _changing_versions(purpose: Purpose) -> list[tuple[int, datetime]]:
    """Lists the versions that changed the purpose. The first one after a grant's own version outdates the grant."""
    known = enumerate(policy.VERSIONS, start=1)
    return [(number, version.published) for number, version in known if purpose in version.changes]


def erasure_date_of(account: Any, purpose: Purpose, grace: timedelta) -> datetime | None:
    """Returns when the data of a purpose that does not stand is erased: the grace period after the purpose lapsed.

    The purpose lapsed at the time stored in the account, or when a version outdated the grant. Returns None if
    neither applies, for example while a grant waits for the address to be verified.
    """
    name = purpose.lower()
    lapsed: datetime | None = getattr(account, f"{name}_lapsed_at")
    granted: int | None = getattr(account, f"{name}_version")
    if lapsed is None and granted is not None:
        lapsed = next((published for number, published in _changing_versions(purpose) if granted < number), None)
    return lapsed + grace if lapsed else None


def is_due(purpose: Purpose, before: datetime) -> ColumnElement[bool]:
    """Whether a row of accounts has data of a purpose that lapsed by `before`. Execute it with `floor_parameters`."""
    lapsed = ACCOUNTS.c[f"{purpose.lower()}_lapsed_at"]
    granted, versions = GRANTED_VERSION[purpose], _changing_versions(purpose)
    outdated = [(granted < number, literal(at, UtcDateTime)) for number, at in versions]
    since = case((lapsed.is_not(None), lapsed), *outdated)
    table = PURPOSE_TABLES[purpose]
    held = select(table.c.subject_id).where(table.c.subject_id == ACCOUNTS.c.id).exists()
    # SQL returns NULL for a purpose that was never granted, so treat NULL as false
    return and_(held, not_(func.coalesce(purpose_stands(purpose), false())), since <= before)

"""Computes the consent state of each purpose for one subject, from the versions that the account granted."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.derived_ids import derived_id
from models.logs.hash_chain import receipt
from models.mutation_outcomes import ConsentEntry, ConsentState
from models.tables import ACCOUNTS, CONSENT_RECORDS
from models.vocabulary import ConsentStatus, ConsentWait, Purpose
from permissions import version_numbers
from permissions.errors import unknown_token
from permissions.policy import PURPOSES
from permissions.retention_periods import RecordKind, RetentionTable, account_erasure_date
from resolvers.consent import erasure_date
from resolvers.consent.erasure_date import PURPOSE_TABLES
from resolvers.context import Context


def granted_version(account: Any, purpose: Purpose) -> int | None:
    """Returns the number of the version that was granted and not withdrawn, even if it is outdated."""
    value: int | None = getattr(account, f"{purpose.lower()}_version")
    return value


def grant_is_current(account: Any, purpose: Purpose) -> bool:
    """Whether the grant is valid under the present policy, even if the address is not verified."""
    held = granted_version(account, purpose)
    return held is not None and held >= version_numbers.version_floor(purpose)


def stands(account: Any, purpose: Purpose) -> bool:
    """Whether the purpose stands: the grant is current and the address is verified."""
    return bool(account.email_verified) and grant_is_current(account, purpose)


def waits_for(account: Any, purpose: Purpose) -> ConsentWait | None:
    """Returns what must happen before the grant counts, or None if it counts already or there is none."""
    if granted_version(account, purpose) is None:
        return None
    if not grant_is_current(account, purpose):
        return ConsentWait.RENEWAL
    return None if account.email_verified else ConsentWait.EMAIL_VERIFICATION


def _select_account(subject_id: str) -> Select[Any]:
    """Selects the account, with a column per purpose that says whether data is stored for it."""
    held = [
        select(1).where(table.c.subject_id == ACCOUNTS.c.id).exists().label(f"{purpose.lower()}_held")
        for purpose, table in PURPOSE_TABLES.items()
    ]
    return select(ACCOUNTS, *held).where(ACCOUNTS.c.id == subject_id)


def select_latest_records(subject_id: str) -> Select[Any]:
    """Selects the latest record of each purpose."""
    newest = (
        select(func.max(CONSENT_RECORDS.c.sequence))
        .where(CONSENT_RECORDS.c.subject_id == subject_id)
        .group_by(CONSENT_RECORDS.c.purpose)
    )
    return select(CONSENT_RECORDS).where(CONSENT_RECORDS.c.sequence.in_(newest))


async def consent_states(
    connection: AsyncConnection, subject_id: str, periods: RetentionTable
) -> tuple[Any, tuple[ConsentState, ...]]:
    """Returns the account and the state of every purpose, in the policy's order."""
    if (account := (await connection.execute(_select_account(subject_id))).one_or_none()) is None:
        raise unknown_token()
    latest = {row.purpose: row for row in (await connection.execute(select_latest_records(subject_id))).all()}
    grace = periods[RecordKind.LAPSED_PURPOSES].period
    states = [_state(text.purpose, account, latest, grace) for text in PURPOSES]
    if account.leaving_since is None:
        return account, tuple(states)
    ends = account_erasure_date(account.leaving_since, periods)
    return account, tuple(_with_account_erasure(state, account, ends) for state in states)


def _with_account_erasure(state: ConsentState, account: Any, ends: datetime) -> ConsentState:
    """Returns the state with the earlier date: the purpose's erasure or the account's."""
    if state.purpose not in PURPOSE_TABLES or not getattr(account, f"{state.purpose.lower()}_held"):
        return state
    return replace(state, erases_at=min(state.erases_at or ends, ends))


def _state(purpose: Purpose, account: Any, latest: dict[str, Row[Any]], grace: timedelta) -> ConsentState:
    if purpose not in PURPOSE_TABLES:
        return ConsentState(purpose, granted=True, status=ConsentStatus.GRANTED, withdrawable=False)
    record = latest.get(purpose)
    status = _status(purpose, account, record)
    return ConsentState(
        purpose=purpose,
        granted=status is ConsentStatus.GRANTED and account.email_verified,
        status=status,
        withdrawable=True,
        policy_version=record.policy_version if record else None,
        since=record.recorded_at if record else None,
        erases_at=_erasure_date(purpose, account, grace),
        waits_for=waits_for(account, purpose),
    )


def _status(purpose: Purpose, account: Any, record: Row[Any] | None) -> ConsentStatus:
    if record is None:
        return ConsentStatus.NEVER_ASKED
    if not record.granted:
        return ConsentStatus.WITHDRAWN
    return ConsentStatus.GRANTED if grant_is_current(account, purpose) else ConsentStatus.OUTDATED


def _erasure_date(purpose: Purpose, account: Any, grace: timedelta) -> datetime | None:
    if stands(account, purpose) or not getattr(account, f"{purpose.lower()}_held"):
        return None
    return erasure_date.erasure_date_of(account, purpose, grace)


def consent_state_id(root: ConsentState, info: Info[Context, None]) -> str:
    """Returns the id of one purpose of the caller."""
    context = info.context
    return derived_id(context.services.keys, "consent state", str(context.caller.subject_id), root.purpose)


def consent_record(row: Any) -> ConsentEntry:
    """Returns a stored consent record as its subject sees it."""
    return ConsentEntry(
        id=row.id,
        purpose=Purpose(row.purpose),
        granted=row.granted,
        policy_version=row.policy_version,
        recorded_at=row.recorded_at,
        source=row.source,
        receipt=receipt(row.sequence, row.hash),
    )

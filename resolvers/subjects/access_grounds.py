"""Finds the cases or requests that let a caller read subjects, in one statement for any number of subjects."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import LEGAL_REQUESTS, SUPPORT_CASES
from models.tokens.token_rows import holds_role
from models.vocabulary import Audience, Role
from permissions.access_ground import Ground, Grounds
from permissions.caller import Caller


def case_is_open(now: datetime) -> ColumnElement[bool]:
    """Whether a case is neither closed nor expired at the time of the read."""
    return and_(SUPPORT_CASES.c.closed_at.is_(None), SUPPORT_CASES.c.expires_at > now)


def agent_serves(now: datetime) -> ColumnElement[bool]:
    """Whether the case's agent holds SUPPORT now. Otherwise the case counts as unassigned."""
    return holds_role(SUPPORT_CASES.c.agent_id, Role.SUPPORT.value, now)


def request_is_open(now: datetime) -> ColumnElement[bool]:
    """Whether a request is approved and neither closed nor expired."""
    return and_(
        LEGAL_REQUESTS.c.approved_at.is_not(None),
        LEGAL_REQUESTS.c.closed_at.is_(None),
        LEGAL_REQUESTS.c.expires_at > now,
    )


def notice_is_allowed(now: datetime) -> ColumnElement[bool]:
    """Whether the subject may know of the request by now."""
    return or_(LEGAL_REQUESTS.c.notice_after.is_(None), LEGAL_REQUESTS.c.notice_after <= now)


def disclosable_requests(subject_id: str, now: datetime) -> Select[Any]:
    """Selects the requests about a subject that the subject may know of by now, oldest first."""
    mine = select(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.subject_id == subject_id, notice_is_allowed(now))
    return mine.order_by(LEGAL_REQUESTS.c.ordinal)


async def grounds_of(
    connection: AsyncConnection, caller: Caller, subject_ids: Sequence[str], now: datetime
) -> dict[str, Grounds]:
    """Returns the caller's grounds to read each of these subjects. Subjects without an entry are absent."""
    audience = caller.case_audience
    if audience is None:
        return {}
    open_ones = _cases if caller.role is Role.SUPPORT else _requests
    rows = (await connection.execute(open_ones(caller, list(subject_ids), now))).all()
    found: dict[str, list[Ground]] = defaultdict(list)
    for row in rows:
        found[row.subject_id].append(_from_case(row) if audience is Audience.SUPPORT_CASE else _from_request(row, now))
    return {subject_id: Grounds(audience, tuple(each)) for subject_id, each in found.items()}


def _cases(caller: Caller, subject_ids: list[str], now: datetime) -> Any:
    mine = and_(SUPPORT_CASES.c.agent_id == caller.subject_id, agent_serves(now), case_is_open(now))
    others = SUPPORT_CASES.c.subject_id != caller.subject_id
    return (
        select(SUPPORT_CASES)
        .where(SUPPORT_CASES.c.subject_id.in_(subject_ids), mine, others)
        .order_by(SUPPORT_CASES.c.id)
    )


def _requests(caller: Caller, subject_ids: list[str], now: datetime) -> Any:
    others = LEGAL_REQUESTS.c.subject_id != caller.subject_id
    return (
        select(LEGAL_REQUESTS)
        .where(LEGAL_REQUESTS.c.subject_id.in_(subject_ids), request_is_open(now), others)
        .order_by(LEGAL_REQUESTS.c.id)
    )


def _from_case(row: Any) -> Ground:
    return Ground(row.id, row.extent, f"case {row.reference}: {row.reason}", row.opened_by_subject)


def _from_request(row: Any, now: datetime) -> Ground:
    reason = f"legal request {row.reference} of {row.authority}: {row.basis}"
    sealed = row.notice_after is not None and row.notice_after > now
    return Ground(row.id, row.extent, reason, visible_at=row.notice_after if sealed else None)

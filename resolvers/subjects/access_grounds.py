"""The cases or requests that let a caller read subjects, as conditions and as grounds."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from models.tables import LEGAL_REQUESTS, SUPPORT_CASES
from models.tokens.token_rows import holds_role
from models.vocabulary import Audience, Role
from permissions.access_ground import Ground


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


def is_pending_or_open(now: datetime, reader: Any) -> ColumnElement[bool]:
    """Whether a request is open or awaits approval, and is not about its reader."""
    return and_(
        LEGAL_REQUESTS.c.closed_at.is_(None),
        LEGAL_REQUESTS.c.expires_at > now,
        LEGAL_REQUESTS.c.subject_id != reader,
    )


def notice_is_allowed(now: datetime) -> ColumnElement[bool]:
    """Whether the subject may know of the request by now."""
    return or_(LEGAL_REQUESTS.c.notice_after.is_(None), LEGAL_REQUESTS.c.notice_after <= now)


def disclosable_requests(subject_id: str, now: datetime) -> Select[Any]:
    """Selects the requests about a subject that the subject may know of by now, oldest first."""
    mine = select(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.subject_id == subject_id, notice_is_allowed(now))
    return mine.order_by(LEGAL_REQUESTS.c.ordinal)


def ground_of(audience: Audience, row: Any, now: datetime) -> Ground:
    """Returns a case or a request, from its row, as the ground of a reading."""
    return _from_case(row) if audience is Audience.SUPPORT_CASE else _from_request(row, now)


def _from_case(row: Any) -> Ground:
    return Ground(row.id, row.extent, f"case {row.reference}: {row.reason}", row.opened_by_subject)


def _from_request(row: Any, now: datetime) -> Ground:
    reason = f"legal request {row.reference} of {row.authority}: {row.basis}"
    sealed = row.notice_after is not None and row.notice_after > now
    return Ground(row.id, row.extent, reason, visible_at=row.notice_after if sealed else None)

"""Legal requests: recorded by one person, approved by another, closed by either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import lookup_id, new_id, sort_key
from models.mutation_outcomes import Refused
from models.tables import LEGAL_REQUESTS
from models.vocabulary import Audience, LegalRequestStatus, PersonalField, RefusalCode, fields_of
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import ApprovalRefusal
from permissions.subject import Subject
from resolvers.arguments import RequestId
from resolvers.context import Context
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged
from resolvers.staff import case_scope
from resolvers.staff.case_scope import ExpiryLimit
from resolvers.subjects.access_grounds import is_pending_or_open
from resolvers.subjects.read_by_ground import Wanted, read_by_ground

EXPIRY: Final = ExpiryLimit(longest=timedelta(days=90))
LONGEST_NOTICE: Final = timedelta(days=366)
LONGEST_ID: Final = 48
NEWEST_FIRST: Final = Keyset(LEGAL_REQUESTS.c.ordinal, descending=True)
SUBJECT: Final = "LegalRequest.subject"

NOT_FOUND: Final = Refused(RefusalCode.NOT_FOUND, "No such legal request.", "id")
ABOUT_CALLER: Final = Refused(
    RefusalCode.NOT_PERMITTED, "You cannot record a request about yourself.", "input.subjectId"
)
SAME_PERSON: Final = Refused(RefusalCode.NOT_PERMITTED, "You cannot approve a request that you recorded.", "id")


@strawberry.input(description="The input of `openLegalRequest`.")
class OpenLegalRequestInput:
    subject_id: strawberry.ID = strawberry.field(description="The `User` id of the subject. It must not be your own.")
    authority: str = strawberry.field(description="The authority that makes the request, 1 to 200 characters.")
    reference: str = strawberry.field(description="The authority's reference number, 1 to 100 characters.")
    basis: str = strawberry.field(description="The legal basis of the request, 1 to 1,000 characters.")
    extent: list[PersonalField] = strawberry.field(description="The fields to give access to, 1 to 100 names.")
    expires_at: datetime = strawberry.field(description="When the request expires, within the next 90 days.")
    notice_after: datetime | None = strawberry.field(
        default=None,
        description="If the law forbids notice: when the subject may learn of the request, within a year. Null "
        "otherwise.",
    )


@dataclass(frozen=True, slots=True)
class RequestState:
    """A legal request as COMPLIANCE sees it."""

    id: str
    status: LegalRequestStatus
    authority: str
    reference: str
    basis: str
    extent: tuple[PersonalField, ...]
    opened_at: datetime
    expires_at: datetime
    notice_after: datetime | None
    subject: Subject | None


async def open_legal_request(
    info: Info[Context, None],
    input: Annotated[
        OpenLegalRequestInput,
        argument(description="The subject, the authority and the extent of the request."),
    ],
) -> RequestState | Refused:
    """Records a request. It gives no access until it is approved. An unknown subject id gives the same answer."""
    context, now = info.context, info.context.now()
    row = _row(input, str(context.caller.subject_id), now)
    if isinstance(row, Refused):
        return row
    if row["subject_id"] == context.caller.subject_id:
        return ABOUT_CALLER
    async with context.database.writing() as connection:
        await connection.execute(insert(LEGAL_REQUESTS), row)
        record(EventKind.LEGAL_REQUEST_OPENED, record=row["id"])
        return await _read_state(info, connection, row["id"])


def _row(input: OpenLegalRequestInput, opener: str, now: datetime) -> dict[str, Any] | Refused:
    id = new_id()
    row = {
        "id": id,
        "subject_id": case_scope.required_text("subjectId", str(input.subject_id), LONGEST_ID),
        "authority": case_scope.required_text("authority", input.authority, 200),
        "reference": case_scope.required_text("reference", input.reference, 100),
        "basis": case_scope.required_text("basis", input.basis, 1000),
        "extent": case_scope.checked_extent(input.extent, Audience.LEGAL_REQUEST),
        "opened_at": now,
        "expires_at": EXPIRY.check(input.expires_at, now),
        "notice_after": input.notice_after,
        "opened_by": opener,
        "approved_by": None,
        "approved_at": None,
        "closed_at": None,
        "ordinal": sort_key(now, id),
    }
    for value in row.values():
        if isinstance(value, Refused):
            return value
    if input.notice_after is not None and not now < input.notice_after <= now + LONGEST_NOTICE:
        return case_scope.invalid_input("noticeAfter", f"must be within the next {LONGEST_NOTICE.days} days")
    return row


async def approve_legal_request(info: Info[Context, None], id: RequestId) -> RequestState | Refused:
    """Approves a request. Its subject and the person who recorded it cannot approve it."""
    context = info.context
    async with context.database.writing() as connection:
        row = await _lock_request(connection, context, id)
        if row is None:
            return NOT_FOUND
        if row.opened_by == context.caller.subject_id:
            record(EventKind.APPROVAL_REFUSED, record=row.id, reason=ApprovalRefusal.SAME_PERSON)
            return SAME_PERSON
        if row.approved_at is None:
            approval = {"approved_by": context.caller.subject_id, "approved_at": context.now()}
            await connection.execute(update(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.id == row.id).values(**approval))
            record(EventKind.LEGAL_REQUEST_APPROVED, record=row.id)
        return await _read_state(info, connection, row.id)


async def close_legal_request(info: Info[Context, None], id: RequestId) -> RequestState | Refused:
    """Closes a request, approved or not. The next read no longer has access through it."""
    context = info.context
    async with context.database.writing() as connection:
        row = await _lock_request(connection, context, id)
        if row is None:
            return NOT_FOUND
        await connection.execute(
            update(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.id == row.id).values(closed_at=context.now())
        )
        record(EventKind.LEGAL_REQUEST_CLOSED, record=row.id)
        return await _read_state(info, connection, row.id)


def _reachable(context: Context) -> ColumnElement[bool]:
    """The condition for requests that are open or await approval, except those about the caller."""
    return is_pending_or_open(context.now(), context.caller.subject_id)


async def _lock_request(connection: AsyncConnection, context: Context, id: strawberry.ID) -> Any:
    one = LEGAL_REQUESTS.c.id == lookup_id(str(id))
    return (
        await connection.execute(select(LEGAL_REQUESTS).where(one, _reachable(context)).with_for_update())
    ).one_or_none()


async def _read_state(info: Info[Context, None], connection: AsyncConnection, id: str) -> RequestState:
    row = (await connection.execute(select(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.id == id))).one()
    (state,) = await request_states(info, connection, [row])
    return state


async def request_states(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> list[RequestState]:
    """Turns rows into states. Reads their subjects in bulk if the query selects them."""
    context, asked = info.context, info.context.requested_fields(info)
    if SUBJECT not in asked.coordinates:
        return [request_state(context, row, {}) for row in rows]
    wanted = Wanted(list({row.subject_id for row in rows}), asked.bits_below.get(SUBJECT, 0))
    subjects = (await read_by_ground(context, connection, wanted)).subjects
    return [request_state(context, row, subjects) for row in rows]


async def listed_states(
    info: Info[Context, None], connection: AsyncConnection, rows: Sequence[Any]
) -> list[RequestState | None]:
    """Turns rows that are not locked into states, from the statement that reads the subjects, too.

    None for a request that was closed meanwhile.
    """
    context, asked = info.context, info.context.requested_fields(info)
    if SUBJECT not in asked.coordinates:
        return [request_state(context, row, {}) for row in rows]
    wanted = Wanted(ground_ids=[row.id for row in rows], bits_below=asked.bits_below.get(SUBJECT, 0))
    reading = await read_by_ground(context, connection, wanted)
    found = [reading.grounds.get(row.id) for row in rows]
    return [request_state(context, row, reading.subjects) if row else None for row in found]


def status(row: Any, now: datetime) -> LegalRequestStatus:
    """The status of a request at this time."""
    if row.closed_at is not None:
        return LegalRequestStatus.CLOSED
    if row.expires_at <= now:
        return LegalRequestStatus.EXPIRED
    return LegalRequestStatus.OPEN if row.approved_at is not None else LegalRequestStatus.AWAITING_APPROVAL


def request_state(context: Context, row: Any, subjects: Mapping[str, Subject]) -> RequestState:
    """A request as COMPLIANCE sees it, with its subject if the request gives access."""
    return RequestState(
        id=row.id,
        status=status(row, context.now()),
        authority=row.authority,
        reference=row.reference,
        basis=row.basis,
        extent=fields_of(row.extent),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        notice_after=row.notice_after,
        subject=subjects.get(row.subject_id),
    )


@paged
def legal_requests(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Requests that are open or await approval, newest first."""
    rows = select(LEGAL_REQUESTS).where(_reachable(info.context))
    requests = Listing("Query.legalRequests", rows, NEWEST_FIRST)
    return requests, partial(listed_states, info)

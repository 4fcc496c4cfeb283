"""Opens support cases. The answer is the same whether or not an account exists."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import insert, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import lookup_id, new_id, sort_key
from models.email_address import lookup_address
from models.letters import Notice
from models.mutation_outcomes import Refused
from models.tables import ACCOUNTS, CREDENTIALS, SUPPORT_CASES
from models.tokens.mailed_tokens import write_letter
from models.vocabulary import Audience, PersonalField, RefusalCode
from permissions.caller import Caller
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Context
from resolvers.staff import case_scope
from resolvers.staff.case_scope import ExpiryLimit
from resolvers.staff.support_case_lists import CaseState, case_states

EXPIRY: Final = ExpiryLimit(longest=timedelta(days=30), default=timedelta(days=7))
LONGEST_REFERENCE: Final = 100
LONGEST_REASON: Final = 1000

NOT_OWN_CASE = Refused(RefusalCode.NOT_PERMITTED, "You can open a case only about yourself.", "input.subjectId")


@strawberry.input(description="The input of `openSupportCase`. Send exactly one of `subjectId` and `email`.")
class OpenSupportCaseInput:
    reference: str = strawberry.field(description="The ticket number or other reference, 1 to 100 characters.")
    reason: str = strawberry.field(description="Why the case is opened, 1 to 1,000 characters. Its subject sees it.")
    extent: list[PersonalField] = strawberry.field(
        description="The fields that the agent may read: 1 to 100 of those that SUPPORT_CASE can ever read."
    )
    subject_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `User` id of the subject. A member must send their own."
    )
    email: str | None = strawberry.field(
        default=None, description="The verified e-mail address of the subject. A member must send their own."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the case expires, within the next 30 days. In 7 days if left out."
    )


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """A valid input of `openSupportCase`."""

    reference: str
    reason: str
    extent: int
    expires_at: datetime


async def open_support_case(
    info: Info[Context, None],
    input: Annotated[OpenSupportCaseInput, argument(description="The subject, the reason and the extent of the case.")],
) -> CaseState | Refused:
    """Opens a case for OPERATIONS to assign. Mails its subject if an agent opened it."""
    context = info.context
    checked = _check_input(input, context.now())
    if isinstance(checked, Refused):
        return checked
    if (input.subject_id is None) == (input.email is None):
        return case_scope.invalid_input("subjectId", "or `email` is required. Send exactly one of them")
    async with context.database.writing() as connection:
        caller = context.caller
        subject_id = await _subject(connection, caller, input)
        if caller.is_member and subject_id != caller.subject_id:
            return NOT_OWN_CASE
        row = _row(caller, subject_id, checked, context.now())
        await connection.execute(insert(SUPPORT_CASES), row)
        record(EventKind.CASE_OPENED, record=row["id"])
        if not caller.is_member:
            await write_letter(
                connection,
                subject_id=subject_id or new_id(),
                notice=Notice.CASE_OPENED,
                about=row["id"],
                now=context.now(),
            )
        return (await case_states(info, connection, [SimpleNamespace(**row, agent_serves=False)]))[0]


def _check_input(input: OpenSupportCaseInput, now: datetime) -> CheckedInput | Refused:
    reference = case_scope.required_text("reference", input.reference, LONGEST_REFERENCE)
    reason = case_scope.required_text("reason", input.reason, LONGEST_REASON)
    bits = case_scope.checked_extent(input.extent, Audience.SUPPORT_CASE)
    expires_at = EXPIRY.check(input.expires_at, now)
    for part in (reference, reason, bits, expires_at):
        if isinstance(part, Refused):
            return part
    return CheckedInput(reference, reason, bits, expires_at)  # type: ignore[arg-type]  # the loop above left no refusal


async def _subject(connection: AsyncConnection, caller: Caller, input: OpenSupportCaseInput) -> str | None:
    """Returns the id of the subject, or None if there is none. The answer does not reveal which.

    An unverified address matches only its own account: someone else may have registered it.
    """
    if input.email is not None:
        may_match = or_(ACCOUNTS.c.email_verified.is_(true()), ACCOUNTS.c.id == (caller.subject_id or ""))
        known = (
            select(ACCOUNTS.c.id)
            .join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
            .where(CREDENTIALS.c.email_canonical == lookup_address(input.email), may_match)
        )
    else:
        known = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == lookup_id(str(input.subject_id)))
    # waits for an erasure in progress, so that no case is opened about an erased account
    locked = known.with_for_update(read=True, key_share=True, of=ACCOUNTS)
    found = (await connection.execute(locked)).scalar_one_or_none()
    return str(found) if found else None


def _row(caller: Caller, subject_id: str | None, checked: CheckedInput, now: datetime) -> dict[str, Any]:
    id = new_id()
    return {
        "id": id,
        "subject_id": subject_id,
        "reference": checked.reference,
        "reason": checked.reason,
        "extent": checked.extent,
        "opened_at": now,
        "expires_at": checked.expires_at,
        "opened_by": caller.subject_id,
        "opened_by_subject": caller.is_member,
        "agent_id": None,
        "closed_at": None,
        "ordinal": sort_key(now, id),
    }

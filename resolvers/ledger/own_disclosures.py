"""What a data subject sees of the ledger: who read their data, which fields, when and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from strawberry.types.info import Info

from models.logs import ledger
from models.logs.hash_chain import receipt
from models.logs.ledger import LEDGER
from models.vocabulary import Audience, PersonalField, fields_of
from resolvers.arguments import After, Before, First, Last
from resolvers.context import Context
from resolvers.pagination.keyset import Connection, Keyset
from resolvers.pagination.listing import Listing, row_by_row

NEWEST_FIRST = Keyset(LEDGER.c.position, descending=True)


@dataclass(frozen=True, slots=True)
class DisclosureState:
    """One entry as its subject sees it."""

    id: str
    at: datetime
    audience: Audience
    recipient: str
    fields: tuple[PersonalField, ...]
    reason: str
    receipt: str


def is_visible(now: datetime) -> ColumnElement[bool]:
    """Whether the subject may know of an entry yet."""
    return or_(LEDGER.c.visible_at.is_(None), LEDGER.c.visible_at <= now)


def select_own(context: Context) -> Any:
    """The caller's entries that they may know of."""
    return select(LEDGER).where(ledger.is_about(context.caller.subject_id or ""), is_visible(context.now()))


def disclosure_state(row: Any) -> DisclosureState:
    """A stored entry as its subject sees it; the reason is gone once it was erased."""
    return DisclosureState(
        id=row.name,
        at=row.at,
        audience=Audience(row.audience),
        recipient=row.recipient,
        fields=fields_of(row.fields),
        reason=row.reason or "",
        receipt=receipt(row.sequence, row.hash),
    )


async def disclosures(
    info: Info[Context, None],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection:
    """The caller's entries, newest first."""
    ledger = Listing("Account.disclosures", select_own(info.context), NEWEST_FIRST)
    return await ledger.page(info.context, (first, after, last, before), row_by_row(disclosure_state))

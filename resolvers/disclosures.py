"""What a data subject sees of the ledger: who read their data, which fields, when and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from strawberry.types.info import Info

from models.chain import receipt
from models.tables import DISCLOSURES
from models.vocabulary import Audience, PersonalField, fields_of
from resolvers.context import Context
from resolvers.listing import Listing, one_by_one
from resolvers.paging import Connection, Keyset

NEWEST_FIRST = Keyset(DISCLOSURES.c.ordinal, descending=True)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One entry as its subject sees it."""

    id: str
    at: datetime
    audience: Audience
    recipient: str
    fields: tuple[PersonalField, ...]
    reason: str
    receipt: str


def visible(now: datetime) -> ColumnElement[bool]:
    """Whether the subject may know of an entry yet."""
    return or_(DISCLOSURES.c.visible_at.is_(None), DISCLOSURES.c.visible_at <= now)


def own(context: Context) -> Any:
    """The caller's entries that they may know of."""
    return select(DISCLOSURES).where(DISCLOSURES.c.subject_id == context.caller.subject_id, visible(context.now()))


def disclosed(row: Any) -> Disclosed:
    """A stored entry as its subject sees it; the reason is gone once it was erased."""
    return Disclosed(
        id=row.id,
        at=row.at,
        audience=Audience(row.audience),
        recipient=row.recipient,
        fields=fields_of(row.fields),
        reason=row.reason or "",
        receipt=receipt(row.sequence, row.hash),
    )


async def disclosures(
    info: Info[Context, None],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection:
    """The caller's entries, newest first."""
    ledger = Listing("Account.disclosures", own(info.context), NEWEST_FIRST)
    return await ledger.page(info.context, (first, after, last, before), one_by_one(disclosed))

"""Lists a subject's own disclosures: who read their data, which fields, when and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from strawberry.types.info import Info

from models.logs import ledger
from models.logs.hash_chain import receipt
from models.logs.ledger import LEDGER
from models.vocabulary import Audience, PersonalField, fields_of
from resolvers.context import Context
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged, row_by_row

NEWEST_FIRST = Keyset(LEDGER.c.position, descending=True)


@dataclass(frozen=True, slots=True)
class DisclosureState:
    """A disclosure as its subject sees it."""

    id: str
    at: datetime
    audience: Audience
    recipient: str
    fields: tuple[PersonalField, ...]
    reason: str
    receipt: str


def is_visible(now: datetime) -> ColumnElement[bool]:
    """The condition for entries that the subject may see at this time."""
    return or_(LEDGER.c.visible_at.is_(None), LEDGER.c.visible_at <= now)


def select_own(context: Context) -> Any:
    """Selects the entries about the caller that the caller may see."""
    return select(LEDGER).where(ledger.is_about(context.caller.subject_id or ""), is_visible(context.now()))


def disclosure_state(row: Any) -> DisclosureState:
    """Turns a ledger row into a state. The reason is empty if it was erased."""
    return DisclosureState(
        id=row.name,
        at=row.at,
        audience=Audience(row.audience),
        recipient=row.recipient,
        fields=fields_of(row.fields),
        reason=row.reason or "",
        receipt=receipt(row.sequence, row.hash),
    )


@paged
def disclosures(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Disclosures about the caller, newest first."""
    ledger = Listing("Account.disclosures", select_own(info.context), NEWEST_FIRST)
    return ledger, row_by_row(disclosure_state)

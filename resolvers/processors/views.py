"""Processor views: a processor reads its own fields of given subjects. Each reading is a disclosure in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import is_storable, new_id
from models.mutation_outcomes import Refused
from models.tables import ACCOUNTS, PROCESSOR_VIEWS
from models.vocabulary import Audience, PersonalField, Processor, RefusalCode
from permissions.access_ground import Ground
from permissions.caller import Caller
from permissions.decision import possible_bits
from permissions.masked_columns import query_parameters
from permissions.subject import Subject
from resolvers.context import Context, Services
from resolvers.ledger import write_disclosures
from resolvers.processors import withdrawals
from resolvers.subjects import read_subjects
from resolvers.validation.free_text import InvalidValue, camel_case, clean_line

MOST_IDS: Final = 1000
SHORTEST_REASON: Final = 3
LONGEST_REASON: Final = 300

KEY_FIELD: Final = {
    Processor.INTERCOM: PersonalField.EMAIL,
    Processor.MANDRILL: PersonalField.EMAIL,
    Processor.MAILCHIMP: PersonalField.EMAIL,
    Processor.GOOGLE_ANALYTICS: PersonalField.IP_ADDRESS,
}
"""The field that identifies a subject to the processor. A view leaves out a subject without it."""

RECIPIENT_NAMES: Final = {
    Processor.INTERCOM: "Intercom",
    Processor.MANDRILL: "Mandrill",
    Processor.MAILCHIMP: "Mailchimp",
    Processor.GOOGLE_ANALYTICS: "Google Analytics",
}
ROW_TYPES: Final = {
    Processor.INTERCOM: "IntercomContact",
    Processor.MANDRILL: "MandrillRecipient",
    Processor.MAILCHIMP: "MailchimpSubscriber",
    Processor.GOOGLE_ANALYTICS: "GoogleAnalyticsVisitor",
}


@strawberry.input(description="The input of `openProcessorView`.")
class ProcessorViewInput:
    user_ids: list[strawberry.ID] = strawberry.field(
        description=f"The `User` ids of the subjects to read, 1 to {MOST_IDS:,}. Duplicates count once."
    )
    reason: str = strawberry.field(
        description=f"Why the processor reads, {SHORTEST_REASON} to {LONGEST_REASON} characters. Each subject sees it."
    )


@dataclass(frozen=True, slots=True)
class View:
    """A processor view: the subjects that it shows, and how many it withholds."""

    id: str
    processor: Processor
    opened_at: datetime
    reason: str
    withheld: int
    rows: list[Subject]


def rows(root: strawberry.Parent[View]) -> list[Subject]:
    """The subjects of a view, in the order of the request."""
    return root.rows


async def open_processor_view(
    info: Info[Context, None],
    input: Annotated[ProcessorViewInput, argument(description="The subjects to read, and the reason.")],
) -> View | Refused:
    """Opens a view. Reading and ledger entries are one transaction, committed before the answer is sent."""
    context = info.context
    processor = context.caller.processor
    if processor is None:
        raise TypeError("a processor token must name its processor")
    wanted = list(dict.fromkeys(str(id) for id in input.user_ids))
    if not 1 <= len(wanted) <= MOST_IDS:
        return Refused(RefusalCode.INVALID_INPUT, f"`userIds` must contain 1 to {MOST_IDS:,} ids.", "input.userIds")
    try:
        reason = clean_line("reason", input.reason, LONGEST_REASON) or ""
    except InvalidValue as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`reason` {problem.reason}.", "input.reason")
    if len(reason) < SHORTEST_REASON:
        sentence = f"`reason` must have {SHORTEST_REASON} to {LONGEST_REASON} characters."
        return Refused(RefusalCode.INVALID_INPUT, sentence, "input.reason")
    requested = _requested_fields(info, processor)
    async with context.database.writing() as connection:
        request = ViewRequest(context.services, processor, reason, context.caller.token_id)
        return await request.open(connection, wanted, requested)


def _requested_fields(info: Info[Context, None], processor: Processor) -> int:
    row = ROW_TYPES[processor]
    coordinates = info.context.requested_fields(info).coordinates
    return sum(
        field.bit
        for field in PersonalField
        if f"{row}.{camel_case(field.value.lower())}" in coordinates
        and field.bit & possible_bits([Audience(processor)])
    )


async def _lock_accounts(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Locks the accounts until the ledger records the reading. A withdrawal then comes before or after it."""
    # exclusive: under shared locks, a steady stream of views would starve writers; in order: no deadlock
    locked = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id.in_(ids)).order_by(ACCOUNTS.c.id)
    await connection.execute(locked.with_for_update(key_share=True))


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """A request for a view, by a processor with its token or by an operator without one."""

    services: Services
    processor: Processor
    reason: str
    token_id: str | None = None

    async def open(self, connection: AsyncConnection, wanted: Sequence[str], requested: int) -> View:
        """Reads the subjects in the given order and records the disclosures.

        A subject is withheld without a reason, so the view does not reveal which rule applied.
        """
        audience, ids = Audience(self.processor), [id for id in wanted if is_storable(id)]
        await _lock_accounts(connection, ids)
        withdrawn = await withdrawals.withdrawal_summary(connection, self.processor, ids)
        now = withdrawals.later_than(withdrawn.last_at, self.services.now())
        subjects = await self._read(connection, ids, requested | KEY_FIELD[self.processor].bit)
        rows = [subjects[id] for id in wanted if id in subjects and id not in withdrawn.outstanding]
        view = View(new_id(), self.processor, now, self.reason, len(wanted) - len(rows), rows)
        await connection.execute(insert(PROCESSOR_VIEWS), self._stored(view))
        ground = Ground(view.id, requested, self.reason)
        entries = [
            write_disclosures.Entry(
                row.id, audience, RECIPIENT_NAMES[self.processor], row.mask & requested, ground, token_id=self.token_id
            )
            for row in rows
        ]
        await write_disclosures.record_entries(connection, self.services.keys, entries, now)
        return view

    async def _read(self, connection: AsyncConnection, ids: Sequence[str], bits: int) -> dict[str, Subject]:
        audience = Audience(self.processor)
        anonymous = {**query_parameters(Caller()), "ids": ids}
        found = (await connection.execute(read_subjects.select_by_ids(audience, bits), anonymous)).all()
        found_subjects = (read_subjects.to_subject(audience, row, bits) for row in read_subjects.rows_by_name(found))
        key = KEY_FIELD[self.processor]
        return {subject.id: subject for subject in found_subjects if subject and self._has(subject, key)}

    @staticmethod
    def _has(subject: Subject, key: PersonalField) -> bool:
        return bool(subject.mask & key.bit) and subject.values.get(key.value.lower()) is not None

    def _stored(self, view: View) -> dict[str, Any]:
        return {
            "id": view.id,
            "processor": view.processor.value,
            "token_id": self.token_id,
            "opened_at": view.opened_at,
            "reason": view.reason,
            "withheld": view.withheld,
        }

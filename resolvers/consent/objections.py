"""Objections to processors (GDPR Art. 21). An objection outranks every grant until the subject withdraws it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import new_id
from models.derived_ids import derived_id
from models.tables import ACCOUNTS, OBJECTIONS, WITHDRAWALS
from models.vocabulary import Audience, ObjectionSource, PersonalField, Processor, fields_of
from permissions.decision import possible_bits
from resolvers.arguments import OfProcessor
from resolvers.context import Context
from resolvers.processors import withdrawals
from resolvers.subjects.account_lock import lock_account


@dataclass(frozen=True, slots=True)
class ProcessorState:
    """The fields that a processor has of the caller, and the caller's objection and erasure request to it."""

    processor: Processor
    fields: tuple[PersonalField, ...]
    objected_at: datetime | None
    last_disclosed_at: datetime | None
    erasure_asked_at: datetime | None
    erasure_acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class ObjectionChanged:
    """The state of the processor after an objection or its withdrawal."""

    processor: ProcessorState


async def object_to_processor(info: Info[Context, None], processor: OfProcessor) -> ObjectionChanged:
    """Stops this processor from reading the caller's data, regardless of present and future grants."""
    context = info.context
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        await record_objection(connection, account, processor, ObjectionSource.SETTINGS, context.now())
        return ObjectionChanged(await _state(connection, account.id, processor))


async def record_objection(
    connection: AsyncConnection, account: Any, processor: Processor, source: ObjectionSource, now: datetime
) -> None:
    """Records an objection of the locked account. Changes nothing if there already is one."""
    if account.objected & processor.bit:
        return
    objection = {
        "id": new_id(),
        "subject_id": account.id,
        "processor": processor.value,
        "objected_at": now,
        "source": source.value,
        "withdrawn_at": None,
    }
    await connection.execute(insert(OBJECTIONS), objection)
    mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
    await connection.execute(mine.values(objected=account.objected | processor.bit))
    await withdrawals.record_withdrawals(connection, account.id, {processor: possible_bits([Audience(processor)])}, now)


async def withdraw_objection(info: Info[Context, None], processor: OfProcessor) -> ObjectionChanged:
    """Withdraws the objection. Erasure requests to the processor remain."""
    context = info.context
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
        await connection.execute(mine.values(objected=account.objected & ~processor.bit))
        is_open = _open_objection(account.id, processor)
        await connection.execute(update(OBJECTIONS).where(is_open).values(withdrawn_at=context.now()))
        return ObjectionChanged(await _state(connection, account.id, processor))


def _open_objection(subject_id: str, processor: Processor) -> Any:
    return (
        (OBJECTIONS.c.subject_id == subject_id)
        & (OBJECTIONS.c.processor == processor.value)
        & OBJECTIONS.c.withdrawn_at.is_(None)
    )


async def _state(connection: AsyncConnection, subject_id: str, processor: Processor) -> ProcessorState:
    states = await processor_states(connection, subject_id)
    return next(state for state in states if state.processor is processor)


async def processor_states(connection: AsyncConnection, subject_id: str) -> list[ProcessorState]:
    """Lists every processor in the policy's order, with a constant number of statements."""
    copies = await withdrawals.copies_of(connection, subject_id)
    objections = select(OBJECTIONS).where(OBJECTIONS.c.subject_id == subject_id, OBJECTIONS.c.withdrawn_at.is_(None))
    objected = {row.processor: row.objected_at for row in (await connection.execute(objections)).all()}
    asked = select(WITHDRAWALS).where(WITHDRAWALS.c.subject_id == subject_id).order_by(WITHDRAWALS.c.ordinal)
    newest = {row.processor: row for row in (await connection.execute(asked)).all()}
    return [
        ProcessorState(
            processor=processor,
            fields=fields_of(copies[processor].fields),
            objected_at=objected.get(processor),
            last_disclosed_at=copies[processor].last_disclosed_at,
            erasure_asked_at=newest[processor].withdrawn_at if processor in newest else None,
            erasure_acknowledged_at=newest[processor].acknowledged_at if processor in newest else None,
        )
        for processor in Processor
    ]


def processor_state_id(root: ProcessorState, info: Info[Context, None]) -> str:
    """Returns the id of one processor of the caller."""
    context = info.context
    return derived_id(context.services.keys, "processor state", str(context.caller.subject_id), root.processor)


async def processors(info: Info[Context, None]) -> list[ProcessorState]:
    """Lists what each processor has of the caller."""
    context = info.context
    async with context.database.reading() as connection:
        return await processor_states(connection, str(context.caller.subject_id))

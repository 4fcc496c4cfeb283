"""Writes down every minute how far each chain is, so that a tail that is cut off later is missed."""

import asyncio
import logging
from typing import Final

from sqlalchemy import func, select

from app.mail import outbox
from app.operations.metrics import OLDEST_WITHDRAWAL, OUTSTANDING_WITHDRAWALS, OVERDUE_WITHDRAWALS
from models.tables import CHAIN_HEADS, WITHDRAWALS
from models.vocabulary import Processor
from resolvers.context import Services

log = logging.getLogger("consentql.checkpoint")

EVERY_SECONDS: Final = 60


async def keep(services: Services) -> None:
    """Runs until it is cancelled; a database that is away is tried again a minute later."""
    while True:
        try:
            await write(services)
            await watch(services)
            await outbox.watch(services)
        except Exception as problem:  # noqa: BLE001  # whatever is wrong with the database, the next minute may be better
            log.warning("no checkpoint could be written", extra={"kind": type(problem).__name__})
        await asyncio.sleep(EVERY_SECONDS)


async def write(services: Services) -> None:
    """One log line a chain: its name, length and last hash."""
    async with services.database.reading() as connection:
        heads = (await connection.execute(select(CHAIN_HEADS).order_by(CHAIN_HEADS.c.name))).all()
    for head in heads:
        log.info("checkpoint", extra={"chain": head.name, "sequence": head.sequence, "hash": head.hash})


async def watch(services: Services) -> None:
    """Sets the gauges of what processors have not acknowledged."""
    waiting = (
        select(
            WITHDRAWALS.c.processor,
            func.count().label("many"),
            func.count().filter(WITHDRAWALS.c.due_at <= services.now()).label("overdue"),
            func.min(WITHDRAWALS.c.withdrawn_at).label("since"),
        )
        .where(WITHDRAWALS.c.acknowledged_at.is_(None))
        .group_by(WITHDRAWALS.c.processor)
    )
    async with services.database.reading() as connection:
        rows = {row.processor: row for row in (await connection.execute(waiting)).all()}
    for processor in Processor:
        row = rows.get(processor.value)
        OUTSTANDING_WITHDRAWALS.labels(processor.value).set(row.many if row else 0)
        OVERDUE_WITHDRAWALS.labels(processor.value).set(row.overdue if row else 0)
        age = (services.now() - row.since).total_seconds() if row else 0
        OLDEST_WITHDRAWAL.labels(processor.value).set(age)

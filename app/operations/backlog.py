"""Measures the backlog: withdrawals that processors have not acknowledged, e-mails that were not sent."""

from sqlalchemy import func, select

from app.operations.metrics import (
    LETTERS_GIVEN_UP,
    LETTERS_WAITING,
    OLDEST_LETTER,
    OLDEST_WITHDRAWAL,
    OUTSTANDING_WITHDRAWALS,
    OVERDUE_WITHDRAWALS,
)
from models.tables import OUTBOX, WITHDRAWALS
from models.vocabulary import Processor
from resolvers.context import Services


async def measure_withdrawals(services: Services) -> None:
    """Sets the gauges of withdrawals that a processor has not acknowledged."""
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


async def measure_letters(services: Services) -> None:
    """Sets the gauges of e-mails that were not sent."""
    waits = OUTBOX.c.due_at.is_not(None)
    given_up = OUTBOX.c.due_at.is_(None) & OUTBOX.c.sent_at.is_(None)
    counted = select(
        func.count().filter(waits).label("waiting"),
        func.min(OUTBOX.c.written_at).filter(waits).label("since"),
        func.count().filter(given_up).label("given_up"),
    ).where(OUTBOX.c.sent_at.is_(None))
    async with services.database.reading() as connection:
        row = (await connection.execute(counted)).one()
    LETTERS_WAITING.set(row.waiting)
    OLDEST_LETTER.set((services.now() - row.since).total_seconds() if row.since else 0)
    LETTERS_GIVEN_UP.set(row.given_up)

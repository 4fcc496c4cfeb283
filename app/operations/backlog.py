"""Measures each minute what the database tells: withdrawals, e-mails, and when tasks last succeeded."""

import logging

from sqlalchemy import func, select

from app.operations.last_success import last_successes
from app.operations.metrics import (
    LAST_SUCCESS,
    LETTERS,
    LIMIT_STORES,
    OLDEST_LETTER,
    OLDEST_WITHDRAWAL,
    OUTSTANDING_WITHDRAWALS,
    OVERDUE_WITHDRAWALS,
    LetterState,
)
from models.records.last_success import Task
from models.tables import OUTBOX, WITHDRAWALS
from models.telemetry.failure import failure_fields
from models.vocabulary import Processor
from permissions.rate_limits import CountingState
from resolvers.context import Services

log = logging.getLogger(__name__)


async def measure(services: Services) -> None:
    """Sets all gauges below. One that fails keeps its value."""
    for act in (measure_withdrawals, measure_letters, measure_successes, measure_limits):
        try:
            await act(services)
        except Exception as problem:  # noqa: BLE001  # tries again after a minute
            log.warning("the backlog could not be measured", extra=failure_fields(problem))


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
        OUTSTANDING_WITHDRAWALS.of(processor).set(row.many if row else 0)
        OVERDUE_WITHDRAWALS.of(processor).set(row.overdue if row else 0)
        age = (services.now() - row.since).total_seconds() if row else 0
        OLDEST_WITHDRAWAL.of(processor).set(age)


async def measure_letters(services: Services) -> None:
    """Sets the gauges of e-mails that were not sent."""
    waits = OUTBOX.c.due_at.is_not(None)
    given_up = OUTBOX.c.due_at.is_(None) & OUTBOX.c.sent_at.is_(None)
    counted = select(
        func.count().filter(waits).label(LetterState.WAITING),
        func.count().filter(waits & (OUTBOX.c.attempts > 0)).label(LetterState.RETRIED),
        func.count().filter(given_up).label(LetterState.GIVEN_UP),
        func.min(OUTBOX.c.written_at).filter(waits).label("since"),
    ).where(OUTBOX.c.sent_at.is_(None))
    async with services.database.reading() as connection:
        row = (await connection.execute(counted)).one()
    for state in LetterState:
        LETTERS.of(state).set(getattr(row, state))
    OLDEST_LETTER.set((services.now() - row.since).total_seconds() if row.since else 0)


async def measure_successes(services: Services) -> None:
    """Sets the gauges of when tasks of other processes last succeeded."""
    async with services.database.reading() as connection:
        found = await last_successes(connection)
    for task in Task:
        LAST_SUCCESS.of(task).set(found[task].timestamp() if task in found else 0)


async def measure_limits(services: Services) -> None:
    """Sets the gauge of where this process counts attempts."""
    present = await services.limits.state()
    for store in CountingState:
        LIMIT_STORES.of(store).set(store is present)

"""Records in the database when a task succeeded, so that every server process can tell it."""

import logging
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.inserts import upsert
from models.records.last_success import Task
from models.tables import LAST_SUCCESSES, STATISTICS_RELEASES
from models.telemetry.failure import failure_fields
from resolvers.context import Services

log = logging.getLogger(__name__)


async def record_success(services: Services, task: Task) -> None:
    """Records that the task succeeded now. If that fails, the task has succeeded all the same."""
    row = {"task": task.value, "at": services.now()}
    try:
        async with services.database.writing() as connection:
            await upsert(connection, LAST_SUCCESSES, row)
    except (SQLAlchemyError, OSError) as problem:
        log.warning("the success of a task was not recorded", extra=failure_fields(problem))


async def last_successes(connection: AsyncConnection) -> dict[Task, datetime]:
    """When each task last succeeded. A task that never did is missing."""
    found = {Task(row.task): row.at for row in (await connection.execute(select(LAST_SUCCESSES))).all()}
    newest = (await connection.execute(select(func.max(STATISTICS_RELEASES.c.released_at)))).scalar_one()
    return found | ({Task.RELEASE_STATISTICS: newest} if newest else {})

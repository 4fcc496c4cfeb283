"""Marks in the database: when the service was last seen at work, and what an operator still has to confirm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.inserts import upsert
from models.tables import HEARTBEATS


class Mark(StrEnum):
    """The name of a mark."""

    SERVING = "serving"
    """A process served the API at this time."""
    RETENTION = "retention"
    """A retention run began at this time, and its clock was not in doubt."""
    UNCONFIRMED = "unconfirmed"
    """The newest time before a jump of the clock, or a long stop, that nobody has confirmed."""
    REFUSED = "refused"
    """Retention refused to run at this time."""


class Doubt(StrEnum):
    """Why retention refuses to run."""

    CLOCKS_DIFFER = "clocks_differ"
    CLOCK_JUMPED = "clock_jumped"
    LONG_STOP = "long_stop"
    LARGE_SHARE = "large_share"


@dataclass(frozen=True, slots=True)
class Marked:
    """The content of a mark."""

    at: datetime
    reason: Doubt | None = None
    waiting: int | None = None


Marks = Mapping[Mark, Marked]


async def read_marks(connection: AsyncConnection) -> Marks:
    """Reads every mark."""
    rows = (await connection.execute(select(HEARTBEATS))).all()
    return {Mark(row.name): Marked(row.at, Doubt(row.doubt) if row.doubt else None, row.waiting) for row in rows}


async def set_mark(connection: AsyncConnection, mark: Mark, marked: Marked) -> None:
    """Writes the mark, or replaces it."""
    row = {"name": mark.value, "at": marked.at, "doubt": marked.reason, "waiting": marked.waiting}
    await upsert(connection, HEARTBEATS, row)


async def remove_marks(connection: AsyncConnection, *marks: Mark) -> None:
    """Removes these marks."""
    await connection.execute(delete(HEARTBEATS).where(HEARTBEATS.c.name.in_(marks)))


def newest_heartbeat(marks: Marks) -> datetime | None:
    """The newest time at which the service was at work."""
    return max((marks[mark].at for mark in (Mark.SERVING, Mark.RETENTION) if mark in marks), default=None)


async def database_time(connection: AsyncConnection, host: datetime) -> datetime:
    """The time by the clock of the database. SQLite has none: its clock is the host's."""
    if connection.dialect.name == "sqlite":
        return host
    found: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return found

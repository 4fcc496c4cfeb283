"""Reads the clocks and the newest signs of the service, and finds doubts about the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.logs.hash_chain import DISCLOSURE, SEALED
from models.tables import CONSENT_RECORDS, READINGS
from resolvers.clock.marks import Doubt, Mark, Marks, database_time, newest_heartbeat, read_marks

MAX_DIFFERENCE: Final = timedelta(minutes=5)
"""How far the clocks of host and database may differ."""

MAX_GAP: Final = timedelta(days=2)
"""How long the service may show no sign before its clock is in doubt."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The clocks of host and database, the marks, and the time of the newest consent record or reading."""

    host: datetime
    database: datetime
    marks: Marks
    newest_entry: datetime | None

    @property
    def newest(self) -> datetime | None:
        """The newest sign of the service. Without a heartbeat it has never run, and imported entries can be old."""
        heartbeat = newest_heartbeat(self.marks)
        return max(heartbeat, self.newest_entry or heartbeat) if heartbeat else None

    @property
    def clocks_differ(self) -> bool:
        """Whether the clocks of host and database differ too much to tell which is right."""
        return abs(self.host - self.database) > MAX_DIFFERENCE

    @property
    def is_behind(self) -> bool:
        """Whether the service has run so far ahead of the clock that expiry would come days too early."""
        heartbeat = newest_heartbeat(self.marks)
        return heartbeat is not None and heartbeat - self.database > MAX_GAP

    def doubt(self) -> tuple[Doubt, datetime] | None:
        """The doubt about the clock, and the newest time without one."""
        if self.clocks_differ:
            return Doubt.CLOCKS_DIFFER, self.database
        if self.is_behind and self.newest:
            return Doubt.CLOCK_JUMPED, self.newest
        unconfirmed = self.marks.get(Mark.UNCONFIRMED)
        if unconfirmed and self.database - unconfirmed.at > MAX_GAP:
            return unconfirmed.reason or Doubt.LONG_STOP, unconfirmed.at
        if self.newest and self.database - self.newest > MAX_GAP:
            return Doubt.LONG_STOP, self.newest
        return None


async def read_signs(connection: AsyncConnection, host: datetime) -> Signs:
    """Reads the signs. `host` is the time of the host's clock."""
    return Signs(
        host=host,
        database=await database_time(connection, host),
        marks=await read_marks(connection),
        newest_entry=await _newest_entry(connection),
    )


async def _newest_entry(connection: AsyncConnection) -> datetime | None:
    """The time of the last entry of each log. It reads one row of each."""
    consent = select(CONSENT_RECORDS.c.recorded_at).order_by(CONSENT_RECORDS.c.sequence.desc()).limit(1)
    readings: list[Any] = [
        select(READINGS.c.at).where(READINGS.c.chain == log.name).order_by(READINGS.c.sequence.desc()).limit(1)
        for log in (DISCLOSURE, SEALED)
    ]
    found = [(await connection.execute(each)).scalar_one_or_none() for each in (consent, *readings)]
    return max((at for at in found if at), default=None)

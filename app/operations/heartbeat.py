"""Keeps the mark that the service is at work, and notices that the clock has jumped."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from resolvers.clock.marks import Doubt, Mark, Marked, newest_heartbeat, read_marks, remove_marks, set_mark
from resolvers.clock.signs import MAX_GAP, Signs, read_signs
from resolvers.clock.steady_clock import SteadyClock
from resolvers.context import Services

log = logging.getLogger("consentql.heartbeat")

CHECK_SECONDS: Final = 60
INTERVAL: Final = timedelta(hours=1)
START_SECONDS: Final = 3
CLOCK_IN_DOUBT: Final = "clock_in_doubt"
"""The message of the log line about a clock that may be wrong. Alerts look for it."""


def _elapsed_seconds() -> float:
    """Seconds since the machine started, including those in which it was suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def start_clock(services: Services) -> None:
    """Starts the clock of a process not before the newest heartbeat."""
    async with services.database.reading() as connection:
        newest = newest_heartbeat(await read_marks(connection))
    if newest and isinstance(services.now, SteadyClock):
        services.now.not_before(newest)


@dataclass(slots=True)
class Heartbeat:
    """Marks every hour that a process serves. It checks the clock every minute.

    The mark does not move while the clock is in doubt, so that retention still sees the gap.
    """

    services: Services
    elapsed_seconds: Callable[[], float] = _elapsed_seconds
    _last: tuple[datetime, float] | None = field(default=None, init=False)
    """The last time that was not in doubt, and when it was read."""
    _reported: Doubt | None = field(default=None, init=False)

    async def start(self) -> None:
        """Starts the clock and beats once, before the process serves. A failure does not stop the start."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await start_clock(self.services)
                await self.beat()
        except Exception as problem:  # noqa: BLE001  # readiness says what is wrong with the database
            log.warning("there was no heartbeat", extra={"kind": type(problem).__name__})

    async def run(self) -> None:
        """Runs until it is cancelled. If the database is unreachable, it tries again after a minute."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.beat()
            except Exception as problem:  # noqa: BLE001  # tries again after a minute
                log.warning("there was no heartbeat", extra={"kind": type(problem).__name__})

    async def beat(self) -> None:
        """Checks the clock, and marks that the process serves if the mark is an hour old."""
        self.services.now()  # the steady clock sees the host's clock at least every minute
        async with self.services.database.reading() as connection:
            signs = await read_signs(connection, self.services.host_time())
        doubt = await self._check(signs)
        if doubt is not self._reported and doubt is not None:
            log.error(CLOCK_IN_DOUBT, extra={"kind": doubt.value})
        self._reported = doubt
        if doubt is None:
            await self._mark(signs)

    async def _check(self, signs: Signs) -> Doubt | None:
        """Finds a doubt about the clock. A jump stays marked until an operator accepts it or corrects the clock."""
        if signs.clocks_differ:
            return Doubt.CLOCKS_DIFFER
        if signs.is_behind:
            return Doubt.CLOCK_JUMPED
        expected, now = self._expected(signs), signs.database
        unconfirmed = signs.marks.get(Mark.UNCONFIRMED)
        if expected is None or now - expected <= MAX_GAP:
            self._last = (now, self.elapsed_seconds())
            return unconfirmed.reason if unconfirmed and now - unconfirmed.at > MAX_GAP else None
        if unconfirmed is None:
            unconfirmed = Marked(expected, Doubt.CLOCK_JUMPED if self._last else Doubt.LONG_STOP)
            async with self.services.database.writing() as connection:
                await set_mark(connection, Mark.UNCONFIRMED, unconfirmed)
        return unconfirmed.reason

    def _expected(self, signs: Signs) -> datetime | None:
        """The time that it should be by what this process saw, or the newest sign before this process."""
        if self._last is None:
            return signs.newest
        at, elapsed = self._last
        counted = at + timedelta(seconds=self.elapsed_seconds() - elapsed)
        return max(counted, newest_heartbeat(signs.marks) or counted)

    async def _mark(self, signs: Signs) -> None:
        serving, now = signs.marks.get(Mark.SERVING), signs.database
        if Mark.UNCONFIRMED not in signs.marks and serving and now - serving.at < INTERVAL:
            return
        async with self.services.database.writing() as connection:
            await remove_marks(connection, Mark.UNCONFIRMED)  # the clock was corrected
            if serving is None or serving.at < now:
                await set_mark(connection, Mark.SERVING, Marked(now))

"""The clock of a process, which never goes back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

CATCH_UP: Final = 0.5
"""How fast the clock advances while the host's clock is behind it."""


def utc_now() -> datetime:
    """The time of the host's clock, in UTC."""
    return datetime.now(UTC)


class SteadyClock:
    """The time of the host, but never before an earlier result. So an expired token stays expired.

    If the host's clock is set back, this one advances at half speed until the host's clock has caught up.
    """

    def __init__(
        self, host: Callable[[], datetime] = utc_now, elapsed_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.host = host
        self._elapsed_seconds = elapsed_seconds
        self._last, self._read_at = host(), elapsed_seconds()

    def __call__(self) -> datetime:
        elapsed = self._elapsed_seconds()
        slow = self._last + timedelta(seconds=CATCH_UP * (elapsed - self._read_at))
        self._last, self._read_at = max(self.host(), slow), elapsed
        return self._last

    def not_before(self, at: datetime) -> None:
        """From now on tells no time before `at`."""
        self._last = max(self._last, at)

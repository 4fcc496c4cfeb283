"""Counters that count before they check, in the process or in Redis for all workers."""

import logging
import math
import time
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

log = logging.getLogger(__name__)

FLOOR: Final = "600/minute"
"""HTTP requests per address."""


class Uncounted(Exception):
    """The counters cannot be reached."""


class Limits:
    """Hit first: a refused attempt has already been counted, so that fifty at once are not fifty free ones."""

    def __init__(self, redis_url: str | None = None, *, on: bool = True) -> None:
        self.on = on
        self._shared = MovingWindowRateLimiter(_storage(redis_url)) if redis_url else None
        self._local = MovingWindowRateLimiter(MemoryStorage())

    async def wait(self, rate: str, *key: str, strict: bool = False) -> int:
        """Counts one attempt and returns 0, or the whole seconds until another may be made.

        Where the shared counters are out of reach, `strict` raises `Uncounted`; other attempts are counted in the
        process, so that nothing goes without a limit.
        """
        if not self.on:
            return 0
        item = parse(rate)
        try:
            return await _hit(self._shared or self._local, item, key)
        except Exception as problem:
            log.error("rate limits cannot be counted", extra={"problem": type(problem).__name__})
            if strict:
                raise Uncounted from problem
            return await _hit(self._local, item, key)


async def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    if await limiter.hit(item, *key):
        return 0
    window = await limiter.get_window_stats(item, *key)
    return max(1, math.ceil(window.reset_time - time.time()))


def _storage(url: str) -> Storage:
    storage = storage_from_string(f"async+{url}", implementation="redispy")
    if not isinstance(storage, Storage):
        raise TypeError("the counters need an asynchronous storage")
    return storage

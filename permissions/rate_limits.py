"""Rate limits, counted in the process or, for all workers, in Redis."""

import asyncio
import logging
import math
import time
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

log = logging.getLogger(__name__)

PER_ADDRESS: Final = "600/minute"
"""HTTP requests per address."""

PER_ADDRESS_UNSHARED: Final = "150/minute"
"""HTTP requests per address if every process counts separately."""

LOCAL_DIVISOR: Final = 4
TIMEOUT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0


def multiplied(rate: str, factor: int) -> str:
    """Returns a rate with this many times the attempts in the same time."""
    attempts, _, period = rate.partition("/")
    return f"{int(attempts) * factor}/{period}"


class RateLimiter:
    """Counts attempts. An attempt is counted before it is checked, so concurrent attempts gain nothing."""

    def __init__(self, redis_url: str | None = None, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._store = _storage(redis_url) if redis_url else None
        self._shared = MovingWindowRateLimiter(self._store) if self._store else None
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared_retry_at = 0.0

    async def count_attempt(self, rate: str, *key: str) -> int:
        """Counts one attempt. Returns 0, or the seconds until the next attempt is allowed.

        If the shared counters cannot be reached, this process counts on its own and allows a quarter of the rate.
        """
        if not self.enabled:
            return 0
        item = parse(rate)
        if self._shared is None:
            return await _hit(self._local, item, key)
        if time.monotonic() >= self._shared_retry_at:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await _hit(self._shared, item, key)
            except Exception as problem:  # noqa: BLE001  # after any failure the attempt is counted here
                self._use_local(problem)
        return await _hit(self._local, _local_rate(item), key)

    async def reset_count(self, rate: str, *key: str) -> None:
        """Resets the count for an account or device that has signed in. Never use it for a network address."""
        if not self.enabled:
            return
        item = parse(rate)
        await self._local.clear(item, *key)
        await self._local.clear(_local_rate(item), *key)
        if self._shared is not None and time.monotonic() >= self._shared_retry_at:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._shared.clear(item, *key)
            except Exception as problem:  # noqa: BLE001  # the shared count stays
                self._use_local(problem)

    async def counts_locally(self) -> bool:
        """Returns whether the shared counters cannot be reached and this process counts on its own."""
        if not self.enabled or self._store is None:
            return False
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return not await self._store.check()
        except TimeoutError:
            return True

    def _use_local(self, problem: Exception) -> None:
        self._shared_retry_at = time.monotonic() + RETRY_SECONDS
        log.error("rate limits are counted in this process", extra={"problem": type(problem).__name__})


async def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    if await limiter.hit(item, *key):
        return 0
    window = await limiter.get_window_stats(item, *key)
    return max(1, math.ceil(window.reset_time - time.time()))


def _local_rate(item: RateLimitItem) -> RateLimitItem:
    return type(item)(max(1, item.amount // LOCAL_DIVISOR), item.multiples)


def _storage(url: str) -> Storage:
    storage = storage_from_string(f"async+{url}", implementation="redispy")
    if not isinstance(storage, Storage):
        raise TypeError("The rate limits need a Redis URL with an asynchronous storage.")
    return storage

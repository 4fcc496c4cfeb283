"""Counters that count before they check, in the process or in Redis for all workers."""

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
"""The same where every process counts by itself."""

LOCAL_DIVISOR: Final = 4
TIMEOUT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0


class RateLimiter:
    """Hit first: a refused attempt has already been counted, so that fifty at once are not fifty free ones."""

    def __init__(self, redis_url: str | None = None, *, on: bool = True) -> None:
        self.on = on
        self._store = _storage(redis_url) if redis_url else None
        self._shared = MovingWindowRateLimiter(self._store) if self._store else None
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared_retry_at = 0.0

    async def wait(self, rate: str, *key: str) -> int:
        """Counts one attempt and returns 0, or the whole seconds until another may be made.

        Where the shared counters are out of reach, this process counts by itself and allows a quarter: nothing goes
        without a limit, and nobody is kept out for it.
        """
        if not self.on:
            return 0
        item = parse(rate)
        if self._shared is None:
            return await _hit(self._local, item, key)
        if time.monotonic() >= self._shared_retry_at:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await _hit(self._shared, item, key)
            except Exception as problem:  # noqa: BLE001  # whatever it is, the attempt is counted here
                self._use_local(problem)
        return await _hit(self._local, _local_rate(item), key)

    async def forget(self, rate: str, *key: str) -> None:
        """Clears what was counted for an account or a device that has proved itself; never for a network address."""
        if not self.on:
            return
        item = parse(rate)
        await self._local.clear(item, *key)
        await self._local.clear(_local_rate(item), *key)
        if self._shared is not None and time.monotonic() >= self._shared_retry_at:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._shared.clear(item, *key)
            except Exception as problem:  # noqa: BLE001  # the bucket stays as full as it is
                self._use_local(problem)

    async def counts_locally(self) -> bool:
        """Whether the shared counters are out of reach, so that this process counts by itself."""
        if not self.on or self._store is None:
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
        raise TypeError("the counters need an asynchronous storage")
    return storage

"""Rate limits, counted in the process or, for all workers, in Redis."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, TypeVar

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from models.telemetry.failure import failure_fields
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.taken_back_attempts import take_back_attempt

log = logging.getLogger(__name__)

T = TypeVar("T")

REQUESTS_PER_MINUTE: Final = 600
"""HTTP requests of one network without a token, or with one token, unless the settings name another number."""

LOCAL_DIVISOR: Final = 4
TIMEOUT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
PRUNING_SECONDS: Final = 60
PRUNED_AT_ONCE: Final = 500
"""Counters and attempts that pruning looks at before others run. 20,000 at once would hold the event loop for 0.3 s."""


def counting_time() -> float:
    """The time by which attempts are counted."""
    return time.time()


def multiplied(rate: str, factor: int) -> str:
    """Returns a rate with this many times the attempts in the same time."""
    attempts, _, period = rate.partition("/")
    return f"{int(attempts) * factor}/{period}"


PROBE_RATE: Final = "1000/second"
"""The rate of the attempts that only try whether the shared counters count."""


class CountingState(StrEnum):
    """Where attempts are counted: for all processes together, in this process, or not at all."""

    SHARED = "shared"
    LOCAL = "local"
    OFF = "off"


CounterAct = Callable[[MovingWindowRateLimiter, RateLimitItem, tuple[str, ...]], Awaitable[int]]


class LocalStorage(MemoryStorage):
    """Counters in this process. They are pruned once a minute, while the library looks at all of them each time."""

    def __init__(self) -> None:
        super().__init__()
        self._pruned_at = time.monotonic()

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802  # the library's own name
        if time.monotonic() - self._pruned_at < PRUNING_SECONDS:
            return
        self._pruned_at, now = time.monotonic(), time.time()
        looked_at = 0
        for key, entries in list(self.events.items()):
            looked_at += 1 + len(entries)
            if looked_at >= PRUNED_AT_ONCE:
                looked_at = 0
                await asyncio.sleep(0)
            # the list may have grown or been replaced by a reset in between
            entries[:] = [entry for entry in entries if entry.expiry > now]
            if not entries and self.events.get(key) is entries:
                await self.clear(key)


class RateLimiter:
    """Counts attempts. An attempt is counted before it is checked, so concurrent attempts gain nothing."""

    def __init__(self, redis_url: str | None = None, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._store = _storage(redis_url) if redis_url else None
        self._shared = MovingWindowRateLimiter(self._store) if self._store else None
        self._local = MovingWindowRateLimiter(LocalStorage())
        self._shared_retry_at = 0.0
        self._probe_key = secrets.token_hex(8)
        self._is_local = False

    async def count_attempt(self, rate: str, *key: str) -> int:
        """Counts one attempt. Returns 0, or the seconds until the next attempt is allowed.

        If the shared counters cannot be reached, this process counts on its own and allows a quarter of the rate.
        """
        return await self._counted(_hit, rate, key)

    async def seconds_left(self, rate: str, *key: str) -> int:
        """Returns the seconds until an attempt is allowed, 0 if it is now, without counting one."""
        return await self._counted(_wait, rate, key)

    async def attempts_left(self, rate: str, *key: str) -> int:
        """Returns how many attempts are allowed now, without counting one."""
        return await self._counted(_left, rate, key) if self.enabled else parse(rate).amount

    async def _counted(self, act: CounterAct, rate: str, key: tuple[str, ...]) -> int:
        if not self.enabled:
            return 0
        item = parse(rate)
        if self._shared is None:
            return await act(self._local, item, key)
        if time.monotonic() >= self._shared_retry_at:
            found = await self._on_shared(act(self._shared, item, key))
            if found is not None:
                self._use_shared()
                return found
        return await act(self._local, _local_rate(item), key)

    async def _on_shared(self, work: Awaitable[T]) -> T | None:
        """The result of work on the shared counters, or None after any failure: then this process counts."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await work
        except Exception as problem:  # noqa: BLE001  # attempts are counted here
            self._use_local(problem)
            return None

    async def reset_count(self, rate: str, *key: str) -> None:
        """Resets the count for an account or device that has signed in. Never use it for a network address."""
        if not self.enabled:
            return
        item = parse(rate)
        await self._local.clear(item, *key)
        await self._local.clear(_local_rate(item), *key)
        if self._shared is not None and time.monotonic() >= self._shared_retry_at:
            await self._on_shared(self._shared.clear(item, *key))  # if that fails, the shared count stays

    async def take_back(self, rate: str, *key: str, counted_at: float) -> None:
        """Takes back an attempt that was counted by this time and never checked.

        It counted until now, so concurrent attempts gain nothing. If the counters cannot be reached, it still counts.
        """
        if not self.enabled:
            return
        item = parse(rate)
        if self._shared is None or self._is_local:
            counted = item if self._shared is None else _local_rate(item)
            await take_back_attempt(self._local.storage, counted.key_for(*key), counted_at)
            return
        await self._on_shared(take_back_attempt(self._shared.storage, item.key_for(*key), counted_at))

    async def state(self) -> CountingState:
        """Returns where attempts are counted. It counts one, because a store that answers may refuse to count."""
        if not self.enabled:
            return CountingState.OFF
        if self._shared is None:
            return CountingState.LOCAL
        if await self._on_shared(self._shared.hit(parse(PROBE_RATE), "readiness", self._probe_key)) is None:
            return CountingState.LOCAL
        self._use_shared()
        return CountingState.SHARED

    def _use_shared(self) -> None:
        if self._is_local:
            self._is_local = False
            record(EventKind.LIMITS_SHARED)

    def _use_local(self, problem: Exception) -> None:
        if not self._is_local:
            self._is_local = True
            record(EventKind.LIMITS_LOCAL)
        self._shared_retry_at = time.monotonic() + RETRY_SECONDS
        log.error("rate limits are counted in this process", extra=failure_fields(problem))


async def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    return 0 if await limiter.hit(item, *key) else await _seconds_to_reset(limiter, item, key)


async def _wait(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    return 0 if await limiter.test(item, *key) else await _seconds_to_reset(limiter, item, key)


async def _left(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    return (await limiter.get_window_stats(item, *key)).remaining


async def _seconds_to_reset(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    window = await limiter.get_window_stats(item, *key)
    return max(1, math.ceil(window.reset_time - time.time()))


def _local_rate(item: RateLimitItem) -> RateLimitItem:
    return type(item)(max(1, item.amount // LOCAL_DIVISOR), item.multiples)


def _storage(url: str) -> Storage:
    storage = storage_from_string(f"async+{url}", implementation="redispy")
    if not isinstance(storage, Storage):
        raise TypeError("The rate limits need a Redis URL with an asynchronous storage.")
    return storage

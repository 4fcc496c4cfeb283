"""Threads at low priority with a bounded queue, for password work that must not stall the event loop."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from resolvers.hashing.anonymous_queue import CURRENT_SLOT, slot_released

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAIT_SECONDS: Final = 2.0
SITE_SHARE: Final = 8
"""One network without credentials may have the queue's length divided by this in the pool at a time."""
NICENESS: Final = 10
MAX_REST_SECONDS: Final = 0.02
"""After each job a thread rests as long as the job took, at most this long, which leaves CPU time to reads."""


class PoolFull(Exception):
    """The queue of the pool is full, or a job did not start in time."""


class WorkerPool:
    """Runs jobs in threads; argon2 releases the interpreter lock, so reads are not blocked."""

    def __init__(self, name: str, threads: int, queue_length: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_lower_priority)
        self._queue_length = queue_length
        self._jobs: Counter[str | None] = Counter()
        self._thread = threading.local()

    @property
    def is_full(self) -> bool:
        """Whether a new job of this request is refused, because the queue is full or its network has its share."""
        site = _site()
        of_site = 0 if site is None else self._jobs[site]
        return self._jobs.total() >= self._queue_length or of_site >= max(1, self._queue_length // SITE_SHARE)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns the result of the work.

        Raises PoolFull if the queue is full, or if the job has not started after MAX_WAIT_SECONDS.
        """
        if self.is_full:
            raise PoolFull
        job = self._pool.submit(self._run_and_rest, partial(work, *args, **kwargs))
        site = _site()
        self._jobs[site] += 1
        try:
            result = asyncio.wrap_future(job)
            async with slot_released():
                done, _ = await asyncio.wait([result], timeout=MAX_WAIT_SECONDS)
                if not done and job.cancel():
                    raise PoolFull
                return await result  # a job that has started is awaited
        finally:
            job.cancel()
            self._jobs[site] -= 1
            self._jobs = +self._jobs

    def _run_and_rest(self, work: Callable[[], T]) -> T:
        time.sleep(max(0.0, getattr(self._thread, "rests_until", 0.0) - time.monotonic()))
        began = time.monotonic()
        try:
            return work()
        finally:
            ended = time.monotonic()
            self._thread.rests_until = ended + min(ended - began, MAX_REST_SECONDS)

    def close(self) -> None:
        """Ends the threads and drops queued jobs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _site() -> str | None:
    slot = CURRENT_SLOT.get()
    return slot.site if slot else None


def _lower_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

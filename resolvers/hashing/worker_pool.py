"""Threads at low priority with a bounded queue, for password work that must not stall the event loop."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar

from models.telemetry.spans import Attribute, SpanName, span
from resolvers.hashing.anonymous_queue import slot_released
from resolvers.hashing.fair_queue import FairQueue
from resolvers.hashing.queue_metrics import REFUSED, WAIT, WAITING, PoolName

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAIT_SECONDS: Final = 2.0
NICENESS: Final = 10
MAX_REST_SECONDS: Final = 0.02
"""After each job a thread rests as long as the job took, at most this long, which leaves CPU time to reads."""

ALIVE_SECONDS: Final = 0.5
"""How long a thread may take to show that it is alive, unless it is busy."""

CURRENT_SITE: Final[ContextVar[str | None]] = ContextVar("site", default=None)
"""The network that the request came from."""


class PoolFull(Exception):
    """The queue of the pool is full, or a job did not start in time."""


@contextmanager
def from_site(site: str) -> Iterator[None]:
    """Runs the body for a request from this network."""
    before = CURRENT_SITE.set(site)
    try:
        yield
    finally:
        CURRENT_SITE.reset(before)


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[T]):
    """Work that waits for a thread, and its result."""

    work: Callable[[], T]
    result: Future[T] = field(default_factory=Future)
    queued_at: float = 0.0

    def run(self) -> None:
        """Does the work, unless nobody waits for it any more."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            self.result.set_result(self.work())
        except BaseException as problem:  # noqa: BLE001  # whoever waits for the result gets it
            self.result.set_exception(problem)


class WorkerPool:
    """Runs jobs in threads; argon2 releases the interpreter lock, so reads are not blocked.

    Each network has a line, and the lines are served in rotation. A full pool gives the last place of the longest line
    to a network with fewer jobs.
    """

    def __init__(self, name: PoolName, threads: int, queue_length: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_lower_priority)
        self._queue_length = queue_length
        self._name = name
        self._queue: FairQueue[Job[Any]] = FairQueue(WAITING.of(name).set)
        self._jobs = 0
        self._thread = threading.local()

    @property
    def is_full(self) -> bool:
        """Whether a new job of this request is refused, because no other network has more jobs that wait."""
        return self._jobs >= self._queue_length and not self._queue.has_longer_line(CURRENT_SITE.get())

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns the result of the work.

        Raises PoolFull if there is no place in the queue, or if the job has not started after MAX_WAIT_SECONDS.
        """
        try:
            with span(SpanName.HASHING, {Attribute.POOL: self._name}):
                return await self._run(partial(work, *args, **kwargs))
        except PoolFull:
            REFUSED.of(self._name).inc()
            raise

    async def _run(self, work: Callable[[], T]) -> T:
        if self.is_full:
            raise PoolFull
        if self._jobs >= self._queue_length and (surplus := self._queue.take_surplus()):
            surplus.result.set_exception(PoolFull())
        job, site = Job(work, queued_at=time.monotonic()), CURRENT_SITE.get()
        self._queue.put(site, job)
        self._jobs += 1
        try:
            self._pool.submit(self._run_next)
            async with slot_released():
                return await self._result(site, job)
        finally:
            self._jobs -= 1

    async def _result(self, site: str | None, job: Job[T]) -> T:
        """The result of a job, which must start in time."""
        result = asyncio.wrap_future(job.result)
        try:
            done, _ = await asyncio.wait([result], timeout=MAX_WAIT_SECONDS)
            if not done and job.result.cancel():
                raise PoolFull
            return await result  # a job that has started is awaited
        finally:
            job.result.cancel()
            self._queue.remove(site, job)

    def _run_next(self) -> None:
        time.sleep(max(0.0, getattr(self._thread, "rests_until", 0.0) - time.monotonic()))
        job = self._queue.take()
        if job is None:  # the request gave up before its turn
            return
        began = time.monotonic()
        WAIT.of(self._name).observe(began - job.queued_at)
        try:
            job.run()
        finally:
            ended = time.monotonic()
            self._thread.rests_until = ended + min(ended - began, MAX_REST_SECONDS)

    async def is_alive(self) -> bool:
        """Whether a thread of the pool takes jobs. A thread that is busy for long is alive."""
        try:
            taken = asyncio.wrap_future(self._pool.submit(_do_nothing))
        except RuntimeError:  # the pool is closed or broken, or no thread can start
            return False
        done, _ = await asyncio.wait([taken], timeout=ALIVE_SECONDS)
        if done:
            return taken.exception() is None
        return any(thread.name.startswith(f"{self._name}_") for thread in threading.enumerate())

    def close(self) -> None:
        """Ends the threads and drops queued jobs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _do_nothing() -> None:
    """The job that shows that a thread is alive."""


def _lower_priority() -> None:
    """Lowers the priority of a new thread. A failure here would break the pool, and is only logged."""
    thread = threading.get_native_id()
    try:
        if os.getpriority(os.PRIO_PROCESS, thread) < NICENESS:
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)
    except OSError as problem:
        log.warning("the priority of a hashing thread was not lowered", extra={"kind": type(problem).__name__})

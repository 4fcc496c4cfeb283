"""The pool of hashing threads is bounded, refuses jobs when it is full, and does not block reads."""

import asyncio
import threading

import pytest

from resolvers.hashing import worker_pool
from resolvers.hashing.anonymous_queue import AnonymousQueue
from resolvers.hashing.worker_pool import SITE_SHARE, PoolFull, WorkerPool
from tests.identity import (
    STRONG,
    sign_in,
)
from tests.world import World


class Gate:
    """A job that waits until the test opens the gate."""

    def __init__(self) -> None:
        self.started, self.open = threading.Event(), threading.Event()

    def pass_through(self) -> str:
        self.started.set()
        self.open.wait(60)
        return "through"


async def test_a_full_pool_refuses_a_job() -> None:
    pool, gate = WorkerPool("test", 1, 2), Gate()
    waiting = [asyncio.create_task(pool.run(gate.pass_through)) for _ in range(2)]
    await asyncio.to_thread(gate.started.wait, 60)
    with pytest.raises(PoolFull):
        await pool.run(gate.pass_through)
    gate.open.set()
    assert await asyncio.gather(*waiting) == ["through", "through"]
    assert await pool.run(gate.pass_through) == "through", "and accepts jobs again"
    pool.close()


async def test_one_network_without_credentials_gets_only_a_share_of_the_pool() -> None:
    pool, gate, queue = WorkerPool("test", 1, 4 * SITE_SHARE), Gate(), AnonymousQueue(100)

    async def job(site: str | None) -> str:
        async with queue.slot(site):
            return await pool.run(gate.pass_through)

    crowd = [asyncio.create_task(job("2001:db8::/48")) for _ in range(20)]
    await asyncio.to_thread(gate.started.wait, 60)
    others = [asyncio.create_task(job(site)) for site in ("198.51.100.7", None, "2001:db8:1::/48")]
    await asyncio.sleep(0)
    gate.open.set()
    answers = await asyncio.gather(*crowd, *others, return_exceptions=True)
    assert sum(isinstance(answer, PoolFull) for answer in answers[:20]) == 16
    assert answers[20:] == ["through"] * 3
    assert await job("2001:db8::/48") == "through", "the share is free again"
    pool.close()


async def test_a_job_that_waits_too_long_is_refused_and_a_started_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "MAX_WAIT_SECONDS", 0.05)
    pool, gate, never = WorkerPool("test", 1, 8), Gate(), Gate()
    first = asyncio.create_task(pool.run(gate.pass_through))
    await asyncio.to_thread(gate.started.wait, 60)
    with pytest.raises(PoolFull):
        await pool.run(never.pass_through)
    gate.open.set()
    assert await first == "through"
    assert not never.started.is_set()
    pool.close()


class FakeTime:
    """A clock that moves only when someone sleeps or works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def work(self, seconds: float) -> None:
        self.now += seconds


async def test_a_thread_rests_between_jobs_as_long_as_it_worked_up_to_a_maximum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, pool = FakeTime(), WorkerPool("test", 1, 8)
    monkeypatch.setattr(worker_pool, "time", clock)
    await asyncio.gather(*(pool.run(clock.work, seconds) for seconds in (0.01, 0.2, 0)))
    assert clock.rests == pytest.approx([0, 0.01, worker_pool.MAX_REST_SECONDS])
    pool.close()


async def test_reads_are_served_while_all_hashing_threads_are_busy(world: World) -> None:
    _, mine = await world.member("p@example.org")
    gate = Gate()
    taken = [asyncio.create_task(world.services.hashing.run_in_pool(gate.pass_through)) for _ in range(8)]
    await asyncio.to_thread(gate.started.wait, 60)
    assert (await world.data("{ me { user { email } } }", mine))["me"]["user"] == {"email": "p@example.org"}
    assert [task.done() for task in taken] == [False] * 8
    gate.open.set()
    await asyncio.gather(*taken)


async def test_a_sign_in_is_refused_while_the_pool_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.services.hashing._usual, "_queue_length", 0)
    results = await sign_in(world, "p@example.org")
    assert (results["code"], results["retryAfterSeconds"] > 0) == ("TRY_LATER", True)
    with pytest.raises(PoolFull):
        await world.services.hashing.hash_in_pool(STRONG)

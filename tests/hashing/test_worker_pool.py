"""The pool of hashing threads is bounded, refuses jobs when it is full, and does not block reads."""

import asyncio
import os
import threading
from unittest.mock import ANY

import pytest

from resolvers.hashing import worker_pool
from resolvers.hashing.worker_pool import PoolFull, WorkerPool, from_site
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


async def crowd_of(pool: WorkerPool, gate: Gate, *sites: str | None) -> list[asyncio.Task[str]]:
    """Starts jobs of these networks. The first one runs until the gate opens."""

    async def job(site: str | None) -> str:
        if site is None:
            return await pool.run(gate.pass_through)
        with from_site(site):
            return await pool.run(gate.pass_through)

    tasks = [asyncio.create_task(job(site)) for site in sites]
    await asyncio.to_thread(gate.started.wait, 60)
    return tasks


async def test_one_network_may_fill_an_idle_pool() -> None:
    pool, gate = WorkerPool("test", 1, 24), Gate()
    classroom = await crowd_of(pool, gate, *["198.51.100.7"] * 25)
    gate.open.set()
    answers = await asyncio.gather(*classroom, return_exceptions=True)
    assert answers[:24] == ["through"] * 24
    assert isinstance(answers[24], PoolFull)
    pool.close()


@pytest.mark.parametrize("networks", [1, 3])
async def test_a_full_pool_gives_a_place_to_a_network_with_fewer_jobs(networks: int) -> None:
    pool, gate = WorkerPool("test", 1, 12), Gate()
    crowd = await crowd_of(pool, gate, *[f"2001:db8:{number % networks}::/48" for number in range(12)])
    others = await crowd_of(pool, gate, "198.51.100.7", None)
    more_of_the_crowd = await crowd_of(pool, gate, "2001:db8:0::/48")
    gate.open.set()
    assert await asyncio.gather(*others) == ["through"] * 2
    answers = await asyncio.gather(*crowd, *more_of_the_crowd, return_exceptions=True)
    assert [answer for answer in answers if answer != "through"] == [ANY] * 3
    assert sum(isinstance(answer, PoolFull) for answer in answers) == 3, "as many as the others got, and the last one"
    assert isinstance(answers[-1], PoolFull)
    assert await pool.run(gate.pass_through) == "through"
    pool.close()


async def test_networks_are_served_in_rotation() -> None:
    pool, gate, order = WorkerPool("test", 1, 12), Gate(), []
    sites = ["first", *["crowd"] * 4, "one", "two"]

    async def job(site: str) -> None:
        with from_site(site):
            await pool.run(lambda: (gate.pass_through(), order.append(site)))

    jobs = [asyncio.create_task(job(site)) for site in sites]
    await asyncio.to_thread(gate.started.wait, 60)
    gate.open.set()
    await asyncio.gather(*jobs)
    assert order == ["first", "crowd", "one", "two", "crowd", "crowd", "crowd"]
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


@pytest.mark.parametrize("problem", [PermissionError(), OSError()])
async def test_a_process_that_may_not_change_its_priority_hashes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: OSError
) -> None:
    def refuse(*_arguments: int) -> None:
        raise problem

    monkeypatch.setattr(os, "setpriority", refuse)
    pool = WorkerPool("test", 2, 4)
    assert await pool.run(lambda: "hashed") == "hashed"
    pool.close()
    assert "the priority of a hashing thread was not lowered" in caplog.text


async def test_the_threads_of_a_process_with_a_lower_priority_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "getpriority", lambda *_: worker_pool.NICENESS + 5)
    monkeypatch.setattr(os, "setpriority", lambda *arguments: changes.append(arguments))
    pool = WorkerPool("test", 1, 2)
    await pool.run(lambda: None)
    pool.close()
    assert changes == []

"""Serving processes mark every hour that they are at work, and notice a clock that cannot be right."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.operations import heartbeat as beating
from app.operations.heartbeat import CLOCK_IN_DOUBT, Heartbeat, start_clock
from models.database import Database
from models.tables import HEARTBEATS
from resolvers.clock import signs
from resolvers.clock.marks import Doubt, Mark, Marked, read_marks, set_mark
from resolvers.clock.steady_clock import SteadyClock, utc_now
from resolvers.context import Services
from tests.world import services_on, world_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Machine:
    """A host and a database whose clocks a test sets, and the time that really passes."""

    services: Services
    host: datetime = field(default_factory=utc_now)
    database: datetime = field(default_factory=utc_now)
    elapsed: float = 0

    def pass_time(self, time: timedelta) -> None:
        self.jump(time)
        self.elapsed += time.total_seconds()

    def jump(self, time: timedelta) -> None:
        self.host += time
        self.database += time

    def process(self) -> Heartbeat:
        """A new process on this machine."""
        return Heartbeat(self.services, lambda: self.elapsed)

    async def marks(self) -> Mapping[Mark, Marked]:
        async with self.services.database.reading() as connection:
            return await read_marks(connection)

    async def set(self, mark: Mark, at: datetime, reason: Doubt | None = None) -> None:
        async with self.services.database.writing() as connection:
            await set_mark(connection, mark, Marked(at, reason))


@pytest.fixture
def machine(database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    machine = Machine(services_on(database))
    machine.database = machine.host
    machine.services.now = lambda: machine.host

    async def clock(_connection: Any, _host: datetime) -> datetime:
        return machine.database

    monkeypatch.setattr(signs, "database_time", clock)
    yield machine
    machine.services.hashing.close()


async def test_a_process_marks_every_hour_that_it_serves(machine: Machine) -> None:
    process, other, began, seen = machine.process(), machine.process(), machine.host, []
    for _ in range(13):
        await process.beat()
        await other.beat()
        seen.append((await machine.marks())[Mark.SERVING].at - began)
        machine.pass_time(HOUR / 4)
    assert seen == [*[0 * HOUR] * 4, *[HOUR] * 4, *[2 * HOUR] * 4, 3 * HOUR]
    async with machine.services.database.reading() as connection:
        assert len((await connection.execute(select(HEARTBEATS))).all()) == 1


@pytest.mark.parametrize("jump", [DAY, 2 * DAY])
async def test_a_short_jump_is_not_in_doubt(machine: Machine, jump: timedelta) -> None:
    process = machine.process()
    await process.beat()
    machine.jump(jump)
    await process.beat()
    assert (await machine.marks()) == {Mark.SERVING: Marked(machine.database)}


async def test_a_jump_while_serving_stays_marked_until_somebody_accepts_it(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    process, began = machine.process(), machine.host
    await process.beat()
    machine.jump(40 * DAY)
    for each in (process, process, machine.process()):
        await each.beat()
        machine.pass_time(HOUR)
        marks = await machine.marks()
        assert marks[Mark.SERVING].at == began
        assert marks[Mark.UNCONFIRMED] == Marked(began, Doubt.CLOCK_JUMPED)
    alarms = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert {(each.message, each.__dict__["kind"]) for each in alarms} == {(CLOCK_IN_DOUBT, "clock_jumped")}
    assert len(alarms) == 2, "one for each process"


async def test_a_corrected_clock_takes_the_doubt_back(machine: Machine) -> None:
    process = machine.process()
    await process.beat()
    machine.jump(40 * DAY)
    await process.beat()
    machine.jump(-40 * DAY)
    machine.pass_time(HOUR)
    await process.beat()
    assert await machine.marks() == {Mark.SERVING: Marked(machine.database)}


async def test_a_service_that_first_started_under_a_clock_far_ahead_says_so(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.jump(40 * DAY)
    process = machine.process()
    await process.beat()
    machine.jump(-40 * DAY)
    for each in (process, process, machine.process()):
        await each.beat()
    assert [each.__dict__["kind"] for each in caplog.records if each.message == CLOCK_IN_DOUBT] == ["clock_jumped"] * 2
    await machine.set(Mark.SERVING, machine.database)  # as retention does when an operator accepts the clock
    machine.pass_time(HOUR)
    await process.beat()
    assert await machine.marks() == {Mark.SERVING: Marked(machine.database)}


async def test_an_accepted_clock_takes_the_doubt_back(machine: Machine) -> None:
    process = machine.process()
    await process.beat()
    machine.jump(40 * DAY)
    await process.beat()
    async with machine.services.database.writing() as connection:
        await connection.execute(HEARTBEATS.delete())
    await machine.set(Mark.RETENTION, machine.database)
    machine.pass_time(HOUR)
    await process.beat()
    assert (await machine.marks())[Mark.SERVING].at == machine.database
    assert Mark.UNCONFIRMED not in await machine.marks()


async def test_a_process_that_starts_after_a_long_stop_says_so(machine: Machine) -> None:
    began = machine.host
    await machine.process().beat()
    machine.pass_time(40 * DAY)
    await machine.process().beat()
    marks = await machine.marks()
    assert (marks[Mark.SERVING].at, marks[Mark.UNCONFIRMED]) == (began, Marked(began, Doubt.LONG_STOP))


async def test_a_long_silence_of_the_database_is_no_jump(machine: Machine) -> None:
    process = machine.process()
    await process.beat()
    machine.pass_time(40 * DAY)
    await process.beat()
    assert (await machine.marks()) == {Mark.SERVING: Marked(machine.database)}


async def test_clocks_that_differ_are_alarmed_once_and_make_no_mark(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    process = machine.process()
    machine.database += timedelta(minutes=5, seconds=1)
    await process.beat()
    await process.beat()
    assert await machine.marks() == {}
    assert [each.__dict__["kind"] for each in caplog.records if each.message == CLOCK_IN_DOUBT] == ["clocks_differ"]


async def test_the_clock_of_a_process_starts_not_before_the_newest_heartbeat(machine: Machine) -> None:
    ahead = machine.host + HOUR
    await machine.set(Mark.SERVING, ahead)
    machine.services.now = SteadyClock(lambda: machine.host, lambda: machine.elapsed)
    await start_clock(machine.services)
    assert machine.services.now() == ahead


async def test_without_a_database_a_process_still_starts_and_beats_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(*_: Any) -> Any:
        raise ConnectionRefusedError

    process = machine.process()
    monkeypatch.setattr(beating, "read_marks", gone)
    await process.start()
    assert [each.__dict__["kind"] for each in caplog.records] == ["ConnectionRefusedError"]
    assert await machine.marks() == {}


async def test_the_clock_of_the_database_is_its_own(database: Database) -> None:
    world = world_of(database)
    async with database.reading() as connection:
        seen = await signs.read_signs(connection, world.services.host_time())
    assert not seen.clocks_differ
    assert (seen.database == seen.host) is database.is_sqlite
    world.services.hashing.close()

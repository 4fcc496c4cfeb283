"""Worker processes and the database are killed while people use the service: nothing is lost, nothing leaks."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from app.commands.audit.verify_log import faults
from app.operations.schema_version import migrate
from models.database import Database
from models.logs.ledger import LEDGER
from models.tables import CONSENT_RECORDS
from models.vocabulary import Processor, Role
from tests.operations.private_postgresql import PrivatePostgresql, private_postgresql
from tests.operations.storm import Actors, History
from tests.serving import serving
from tests.world import World, world_of

SUBJECTS, ANSWERS = 3, 60


@pytest.fixture
async def server() -> AsyncIterator[PrivatePostgresql]:
    with private_postgresql() as server:
        database = Database(server.url)
        await migrate(database)
        await database.close()
        yield server


async def test_nothing_acknowledged_is_lost_and_nothing_leaks(
    server: PrivatePostgresql, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    database = Database(server.url)
    world = world_of(database)
    with serving(server.url, tmp_path, "--workers", "2") as service:
        actors = await _begun(world, service.url)
        for _ in range(sized(1, 8)):
            await actors.answered(ANSWERS)
            _kill_a_worker(service.pid)
            await actors.answered(ANSWERS)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await actors.answered(ANSWERS)
        await actors.end()
    await _assert_holds(actors.history, world)
    await database.close()


async def _begun(world: World, url: str) -> Actors:
    people = [await world.member(f"person{number}@example.org") for number in range(SUBJECTS)]
    _, reader = await world.member("reader@example.org")
    processor = await world.token(Role.PROCESSOR, processor=Processor.MAILCHIMP)
    actors = Actors(url)
    subjects = [subject for subject, _ in people]
    actors.begin(*(actors.change_mind(subject, token) for subject, token in people))
    actors.begin(*(actors.read(subject, reader) for subject in subjects), actors.view(subjects, processor))
    return actors


def _kill_a_worker(pid: int) -> None:
    workers = [each for each in psutil.Process(pid).children() if "spawn_main" in " ".join(each.cmdline())]
    workers[0].send_signal(signal.SIGKILL)


async def _assert_holds(history: History, world: World) -> None:
    async with world.services.database.reading() as connection:
        stored = set((await connection.execute(select(CONSENT_RECORDS.c.id))).scalars())
        entered = {
            (row.ground, row.subject_id)
            for row in (await connection.execute(select(LEDGER.c.ground, LEDGER.c.subject_id))).all()
        }
    assert history.failures, "the killed processes were noticed"
    assert history.views
    assert set(history.records) <= stored, "an acknowledged change was lost"
    assert history.leaks() == []
    assert set(history.views) <= entered, "an answer has no entry"
    assert await faults(world.services) == []

"""`consentql release-statistics`, and the statistics of the demonstration."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import select

from models.database import Database
from models.tables import STATISTICS_CELLS, STATISTICS_RELEASES
from models.vocabulary import Role
from permissions.statistics.histograms import BREAKDOWNS
from resolvers.statistics.release import newest_release
from tests.serving import COMMAND, ROOT, consentql, environment
from tests.statistics.platform import (
    ASK,
    BOTH,
)
from tests.world import line, world_of


async def test_the_command_makes_the_next_release(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    token = await world.token(Role.ANALYTICS, await world.person("analyst@example.org", ()))
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(130)))
    for number in (1, 2):
        done = consentql(database.url, "release-statistics", cwd=tmp_path, CONSENTQL_STATISTICS_RELEASES_PER_YEAR="2")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        async with database.reading() as connection:
            standing = await newest_release(connection, 2)
        assert standing is not None
        assert standing.number == number
        assert done.stderr == f"Released at {standing.released_at}; the next is due at {standing.next_at}.\n"
    done = consentql(database.url, "release-statistics", cwd=tmp_path, CONSENTQL_STATISTICS_RELEASES_PER_YEAR="2")
    assert (done.returncode, "All releases of this year have been made" in done.stderr) == (2, True)
    answer = (await world.data(ASK, token, {"by": ["COUNTRY"]}))["statistics"]
    assert answer["releasedAt"] == standing.released_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert f"released at {standing.released_at}" in consentql(database.url, "oversight", cwd=tmp_path).stdout


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_concurrent_commands_make_complete_releases(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(130)))
    started = [
        await asyncio.create_subprocess_exec(
            *COMMAND, "release-statistics", env=environment(database.url), cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    ended = [(await each.communicate(), each.returncode) for each in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
    async with database.reading() as connection:
        numbers = (await connection.execute(select(STATISTICS_RELEASES.c.number))).scalars().all()
        whole = (await connection.execute(select(STATISTICS_CELLS.c.release_number).distinct())).scalars().all()
    assert sorted(numbers) == sorted(whole) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_demonstration_has_published_groups(database: Database, tmp_path: Path) -> None:
    assert consentql(database.url, "demo", cwd=tmp_path).returncode == 0
    world = world_of(database)
    done = consentql(database.url, "token", "ANALYTICS", "--holder", "analytics@demo.example.org", cwd=tmp_path)
    for by in BREAKDOWNS[:6]:
        answer = (await world.data(ASK, done.stdout.strip(), {"by": by.dimensions}))["statistics"]
        assert len(answer["groups"]) >= 5, by.name
        assert answer["subjects"] > 500
    crossed = (await world.data(ASK, done.stdout.strip(), {"by": ["COUNTRY", "INSTITUTION_TYPE"]}))["statistics"]
    assert crossed["groups"]
    assert str(ROOT) not in json.dumps(crossed)

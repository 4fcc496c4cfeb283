"""Statistics releases: answers are constant between releases, and releases per year are limited."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from models.database import Database
from models.tables import ACCOUNTS, STATISTICS_RELEASES
from models.vocabulary import Role
from permissions.statistics.histograms import BREAKDOWNS
from resolvers.statistics.release import make_release
from tests.serving import serving
from tests.statements import recorded_statements
from tests.statistics.platform import (
    ASK,
    BOTH,
    EXACT,
    SMALLER,
    STARTED,
    USUAL,
    FixedNoise,
    Platform,
)
from tests.world import FORM, codes, line, world_of


async def test_answers_stay_byte_equal_until_the_next_release(platform: Platform) -> None:
    world = platform.world
    world.services.noise = USUAL
    ids = await platform.crowd("p", 130)
    first = await platform.everything()
    answer = json.loads(first[0])["data"]["statistics"]
    assert (answer["epsilon"], answer["margin"]) == (0.25, 12)
    assert (answer["releasedAt"], answer["nextAt"]) == ("2026-11-20T12:00:00.000000Z", "2027-01-01T00:00:00.000000Z")
    assert answer["groups"], "a group of this size is always published"
    member = await world.token(Role.MEMBER, ids[0], now=STARTED)
    await world.data("mutation { withdrawConsent(purpose: EXPANSION) { __typename } }", member)
    await platform.change(ACCOUNTS, ids[1:60], expansion_version=None, email_verified=False)
    await platform.crowd("late", 40, preRegistration={**FORM, "country": "FR"})
    world.services.noise = SMALLER
    platform.now = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert await platform.everything() == first
    platform.now += timedelta(microseconds=1)
    later = await platform.statistics("COUNTRY")
    assert (later["releasedAt"], later["epsilon"], later["margin"]) == ("2027-01-01T00:00:00.000000Z", 0.5, 7)
    assert len(await platform.rows(STATISTICS_RELEASES)) == 2


CHECKS = ("BEGIN", "access_tokens", "pg_advisory_xact_lock")
"""Parts of the statements that check the caller's authority."""


async def test_an_answer_reads_only_the_release_with_constant_statements(platform: Platform) -> None:
    database = platform.world.services.database
    await platform.statistics("COUNTRY")

    async def sent() -> list[str]:
        async with recorded_statements(database) as statements:
            await platform.everything()
        return [statement for statement in statements if not any(part in statement for part in CHECKS)]

    empty = await sent()
    await platform.crowd("p", 40)
    assert await make_release(platform.world.services, early=True)
    assert await sent() == empty
    assert all("statistics_" in statement for statement in empty)
    assert len(empty) == 2 * len(BREAKDOWNS)


async def test_a_release_sends_the_same_statements_for_any_number_of_people(platform: Platform) -> None:
    async def cost() -> list[str]:
        async with recorded_statements(platform.world.services.database) as statements:
            assert await make_release(platform.world.services, early=True)
        around = ("BEGIN", "PRAGMA", "pg_current_xact_id")  # of every transaction
        return [statement for statement in statements if not any(word in statement for word in around)]

    await platform.crowd("p", 10)
    few = await cost()
    await platform.crowd("q", 60)
    many = await cost()
    assert len(few) == len(many) == 4
    assert many[:3] == few[:3]


async def test_a_failed_release_leaves_no_rows(platform: Platform) -> None:
    await platform.crowd("p", 30)

    def broken(_limit: int) -> int:
        raise RuntimeError("no noise")

    platform.world.services.noise = FixedNoise(Fraction(1, 4), 48, broken)
    assert codes(await platform.world.ask(ASK, platform.token, {"by": ["COUNTRY"]})) == ["INTERNAL"]
    assert await platform.rows(STATISTICS_RELEASES) == []
    platform.world.services.noise = EXACT
    assert (await platform.statistics("COUNTRY"))["subjects"] == 30


async def test_concurrent_first_queries_share_one_release(platform: Platform) -> None:
    platform.world.services.noise = USUAL
    await platform.crowd("p", 150)
    answers = await asyncio.gather(*(platform.raw("COUNTRY") for _ in range(12)))
    assert len(set(answers)) == 1
    assert b"errors" not in answers[0]
    assert len(await platform.rows(STATISTICS_RELEASES)) == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_several_processes_share_one_release(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    token = await world.token(Role.ANALYTICS, await world.person("analyst@example.org", ()))
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(150)))

    async def query(url: str) -> bytes:
        async with httpx.AsyncClient(timeout=60) as client:  # a new connection, for any worker
            body = {"query": ASK, "variables": {"by": ["COUNTRY"]}}
            headers = {"Authorization": f"Bearer {token}"}
            return (await client.post(f"{url}/graphql", json=body, headers=headers)).content

    with (
        serving(database.url, tmp_path, "--workers", "2") as one,
        serving(database.url, tmp_path) as other,
    ):
        answers = await asyncio.gather(*(query(url) for url in (one.url, other.url) * 8))
    assert len(set(answers)) == 1, answers
    assert b"errors" not in answers[0]
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(STATISTICS_RELEASES))).scalar_one() == 1


async def test_a_year_has_at_most_six_releases(platform: Platform) -> None:
    services = platform.world.services
    made = []
    for _ in range(8):
        made.append(await make_release(services, early=True))
        platform.now += timedelta(days=1)
    assert made == [True] * 6 + [False] * 2
    last = await platform.statistics("COUNTRY")
    assert last["releasedAt"] == "2026-11-25T12:00:00.000000Z"
    assert last["nextAt"] == "2027-11-20T12:00:00.000000Z", "a year after the first release, not the next quarter"
    platform.now = datetime(2027, 11, 20, 11, 59, tzinfo=UTC)
    assert await platform.statistics("COUNTRY") == last
    platform.now += timedelta(minutes=1)
    assert (await platform.statistics("COUNTRY"))["releasedAt"] == "2027-11-20T12:00:00.000000Z"
    assert not await make_release(services, early=True), "the second release is not a year old"


@pytest.mark.parametrize("seed", range(3))
async def test_releases_stay_within_the_yearly_limit_at_any_times(platform: Platform, seed: int) -> None:
    chance = random.Random(seed)
    services = platform.world.services
    services.releases_per_year = most = chance.choice((1, 3, 6))
    for _ in range(30):
        platform.now += timedelta(days=chance.choice((-20, 0, 1, 5, 30, 90)), seconds=chance.randint(0, 86_400))
        if chance.random() < 0.5:
            await make_release(services, early=True)
            continue
        answer = await platform.statistics("COUNTRY")
        assert answer["nextAt"] > platform.now.isoformat()[:26]
    at = [row.released_at for row in sorted(await platform.rows(STATISTICS_RELEASES))]
    assert at == sorted(at)
    assert len(at) >= most
    assert all(later - earlier >= timedelta(days=365) for earlier, later in zip(at, at[most:], strict=False))


async def test_queries_trigger_one_release_per_quarter(platform: Platform) -> None:
    made = set()
    for month in range(24):
        platform.now = datetime(2027 + month // 12, month % 12 + 1, 15, tzinfo=UTC)
        answer = await platform.statistics("COUNTRY")
        made.add(answer["releasedAt"][:7])
    assert sorted(made) == [f"{year}-{month:02}" for year in (2027, 2028) for month in (1, 4, 7, 10)]

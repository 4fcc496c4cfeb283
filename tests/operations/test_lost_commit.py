"""A connection that is lost during COMMIT: the client learns what became of the change, or that nobody knows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from models.database import Database
from models.tables import CONSENT_RECORDS
from tests.postgres_proxy import Cut, PostgresProxy, proxied
from tests.world import World, codes, world_of

ONLY_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
CHANGED = {"data": {"withdrawConsent": {"__typename": "ConsentChanged"}}}


@dataclass
class Cuttable:
    """The application behind a proxy, and a database that is reached without it."""

    world: World
    proxy: PostgresProxy
    database: Database
    token: str

    async def withdrawals(self) -> int:
        """How many records the consent history has."""
        async with self.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(CONSENT_RECORDS))).scalar_one())


@pytest.fixture
async def cuttable(database: Database) -> AsyncIterator[Cuttable]:
    """Starts the application behind a proxy, with one member."""
    async with proxied(database.url) as proxy:
        through = Database(proxy.url)
        world = world_of(through)
        _, token = await world.member("p@example.org")
        await world.data("{ viewer { role } }", token)
        yield Cuttable(world, proxy, database, token)
        world.services.hashing.close()
        await through.close()


@ONLY_POSTGRESQL
async def test_a_commit_whose_answer_was_lost_is_told_as_done(cuttable: Cuttable) -> None:
    before = await cuttable.withdrawals()
    cuttable.proxy.cut = Cut.AFTER
    answer = await cuttable.world.post(WITHDRAW, cuttable.token)
    assert cuttable.proxy.commits_cut == 1
    assert (answer.status_code, answer.json()) == (200, CHANGED)
    assert await cuttable.withdrawals() == before + 1


@ONLY_POSTGRESQL
async def test_a_commit_that_never_arrived_may_be_sent_again(cuttable: Cuttable) -> None:
    before = await cuttable.withdrawals()
    cuttable.proxy.cut = Cut.BEFORE
    answer = await cuttable.world.post(WITHDRAW, cuttable.token)
    assert cuttable.proxy.commits_cut == 1
    assert (answer.status_code, codes(answer.json())) == (503, ["UNAVAILABLE"])
    assert "Retry-After" in answer.headers
    assert "outcome" not in answer.json()["errors"][0]["extensions"]
    assert await cuttable.withdrawals() == before
    assert (await cuttable.world.post(WITHDRAW, cuttable.token)).json() == CHANGED
    assert await cuttable.withdrawals() == before + 1


@ONLY_POSTGRESQL
async def test_a_commit_of_which_nobody_knows_is_told_as_unknown(cuttable: Cuttable) -> None:
    before = await cuttable.withdrawals()
    cuttable.proxy.cut = Cut.FOR_EVER
    answer = await cuttable.world.post(WITHDRAW, cuttable.token)
    assert cuttable.proxy.commits_cut == 1
    assert answer.json()["data"] == {"withdrawConsent": None}
    assert (answer.status_code, "Retry-After" in answer.headers) == (200, False)
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "outcome": "unknown"}
    assert await cuttable.withdrawals() == before + 1, "it took effect, but the server could not find that out"
    cuttable.proxy.closed = False
    assert (await cuttable.world.post(WITHDRAW, cuttable.token)).json() == CHANGED, "it may be sent again"
    assert await cuttable.withdrawals() == before + 1, "and changes nothing the second time"

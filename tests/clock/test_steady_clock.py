"""The clock of a process never goes back, so what has expired stays expired."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from models.database import Database
from models.letters import LinkUse
from models.tables import ROLE_GRANTS
from models.tokens.token_rows import is_live_grant
from models.vocabulary import Role
from resolvers.clock.steady_clock import SteadyClock
from tests.forked import ROOT
from tests.identity import (
    ASK_RESET,
    complete_login,
    enrol_authenticator,
    mailed_tokens,
    new_challenge,
    new_member,
    reset_password,
    token_status,
)
from tests.staff.support_desk import SupportDesk
from tests.world import world_of

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

READS_HOST_CLOCK = {"now", "utcnow", "today", "time", "time_ns", "gmtime", "localtime"}
ALLOWED = {
    "resolvers/clock/steady_clock.py": "the clock itself",
    "app/browser/page_rate.py": "the wait until a window of the limiter ends",
    "permissions/rate_limits.py": "the wait until a window of the limiter ends",
}


class Host:
    """A host whose clock a test sets."""

    def __init__(self) -> None:
        self.at, self.elapsed = NOON, 0.0
        self.clock = SteadyClock(lambda: self.at, lambda: self.elapsed)

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.elapsed += seconds


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e5)), max_size=20))
def test_the_clock_never_goes_back_and_never_lags_behind_the_host(steps: list[tuple[float, float]]) -> None:
    host, told = Host(), NOON
    for jump, passed in steps:
        host.pass_time(passed)
        host.at += timedelta(seconds=jump)
        now = host.clock()
        assert now >= max(told, host.at)
        told = now


def test_the_clock_advances_at_half_speed_until_the_host_has_caught_up() -> None:
    host = Host()
    host.clock()
    host.at -= HOUR
    host.pass_time(3600)
    assert host.clock() == NOON + HOUR / 2
    host.pass_time(3600)
    assert host.clock() == host.at == NOON + HOUR
    host.clock.not_before(NOON + 2 * HOUR)
    assert host.clock() == NOON + 2 * HOUR


def test_only_the_clock_reads_the_time_of_the_host() -> None:
    found = set()
    for folder in ("app", "schema", "resolvers", "permissions", "models"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= {str(path.relative_to(ROOT)) for call in _calls(path) if call in READS_HOST_CLOCK}
    assert found == set(ALLOWED)


def _calls(path: Path) -> list[str]:
    """The functions that a module calls on `datetime`, `date` or `time`."""
    tree = ast.parse(path.read_text())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        call.attr
        for call in calls
        if isinstance(call, ast.Attribute)
        and isinstance(call.value, ast.Name)
        and call.value.id in {"datetime", "date", "time"}
    ]


@pytest.fixture
async def stepping(database: Database) -> Any:
    """A world whose host's clock the test sets."""
    host = Host()
    world = world_of(database, now=host.clock)
    async with world.client:
        yield host, world
    world.services.hashing.close()


async def test_what_has_expired_stays_expired_when_the_clock_steps_back(stepping: Any) -> None:
    host, world = stepping
    _, session = await new_member(world)
    operations = await world.token(Role.OPERATIONS, await world.person("op@example.org"))
    subject, agent = await world.person("subject@example.org"), await world.person("agent@example.org")
    desk = SupportDesk(world, subject, "", agent, await world.token(Role.SUPPORT, agent), operations)
    await desk.assigned()
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    _, second = await new_member(world, "second@example.org")
    await enrol_authenticator(world, second)
    challenge = await new_challenge(world, "second@example.org")
    assert [await token_status(world, each) for each in (session, operations)] == [200, 200]
    assert (await desk.read())["email"]
    host.pass_time(timedelta(days=31).total_seconds())
    world.services.now()
    host.at = NOON
    assert [await token_status(world, each) for each in (session, operations)] == [401, 401]
    assert (await reset_password(world, link))["code"] == "TOKEN_EXPIRED"
    assert (await complete_login(world, challenge, "123456"))["code"] == "CHALLENGE_EXPIRED"
    desk.support = await world.token(Role.SUPPORT, desk.agent)
    assert await desk.read() is None
    async with world.services.database.reading() as connection:
        live = select(func.count()).where(ROLE_GRANTS.c.subject_id != desk.agent, is_live_grant(world.services.now()))
        assert (await connection.execute(live)).scalar_one() == 0


async def test_codes_of_an_authenticator_follow_the_clock_of_the_host(stepping: Any) -> None:
    host, world = stepping
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    host.pass_time(3 * 3600)
    world.services.now()
    host.at -= HOUR
    challenge = await new_challenge(world)
    done = await complete_login(world, challenge, app.totp.at(host.at))
    assert done["__typename"] == "SignedIn", done

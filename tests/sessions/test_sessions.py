"""A session continues by refreshing; a spent refresh token that is used again ends it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.commands.access.disable import disable_account, enable_account
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, OBJECTIONS
from models.tokens.token_format import TokenKind, kind_of
from resolvers.sign_in import login_refresh_logout as signing_in
from tests.identity import (
    REFRESH,
    STRONG,
    VIEWER,
    Clock,
    letters,
    new_session,
    refresh_session,
    sign_in,
    token_status,
)
from tests.statements import recorded_statements
from tests.world import KEY, World, codes

SESSIONS = "{ me { sessions { id current expiresAt client } } }"


async def test_a_token_works_only_as_its_kind(world: World) -> None:
    _, session = await new_session(world)
    kinds = {name: kind_of(session[name]) for name in ("accessToken", "refreshToken", "deviceToken")}
    assert kinds == {
        "accessToken": TokenKind.SESSION,
        "refreshToken": TokenKind.REFRESH,
        "deviceToken": TokenKind.DEVICE,
    }
    for name in ("refreshToken", "deviceToken"):
        response = await world.post(VIEWER, session[name])
        assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])
    assert (await refresh_session(world, session["accessToken"]))["code"] == "TOKEN_EXPIRED"


async def test_an_access_token_expires_after_15_minutes_and_its_session_continues(world: World) -> None:
    clock = Clock(world)
    _, session = await new_session(world)
    assert datetime.fromisoformat(session["expiresAt"]) - clock.at == timedelta(minutes=15)
    clock.forward(minutes=15)
    assert await token_status(world, session["accessToken"]) == 401
    later = await refresh_session(world, session["refreshToken"])
    assert later["viewer"]["session"]["id"] == session["viewer"]["session"]["id"]
    assert await token_status(world, later["accessToken"]) == 200
    (listed,) = (await world.data(SESSIONS, later["accessToken"]))["me"]["sessions"]
    assert datetime.fromisoformat(listed["expiresAt"]) - clock.at == timedelta(days=30)


@pytest.mark.parametrize(("age", "works"), [(14, True), (15, False), (12 * 60, False)])
async def test_a_refresh_never_extends_an_earlier_access_token(world: World, age: int, *, works: bool) -> None:
    clock = Clock(world)
    _, session = await new_session(world)
    clock.forward(minutes=age)
    later = await refresh_session(world, session["refreshToken"])
    viewer = await world.post(VIEWER, session["accessToken"])
    assert viewer.status_code == (200 if works else 401)
    if works:
        assert viewer.json()["data"]["viewer"]["expiresAt"] == session["expiresAt"]
    clock.forward(seconds=31)
    assert await token_status(world, session["accessToken"]) == 401
    again = await refresh_session(world, later["refreshToken"])
    assert [await token_status(world, each["accessToken"]) for each in (session, later, again)] == [401, 200, 200]


async def test_two_tabs_that_refresh_at_once_get_the_same_tokens(world: World) -> None:
    Clock(world)
    _, session = await new_session(world)
    answers = await asyncio.gather(*(refresh_session(world, session["refreshToken"]) for _ in range(8)))
    assert len({(each["accessToken"], each["refreshToken"], each["expiresAt"]) for each in answers}) == 1
    assert await token_status(world, answers[0]["accessToken"]) == 200
    assert await token_status(world, session["accessToken"]) == 200, "the other tab may still use it"


async def test_a_repeated_refresh_within_30_seconds_returns_the_same_tokens(world: World) -> None:
    clock = Clock(world)
    _, session = await new_session(world)
    first = await refresh_session(world, session["refreshToken"])
    clock.forward(seconds=30)
    again = await refresh_session(world, session["refreshToken"])
    assert again["refreshToken"] == first["refreshToken"]


async def test_a_spent_refresh_token_ends_the_session_as_stolen(world: World) -> None:
    clock = Clock(world)
    id, session = await new_session(world)
    first = await refresh_session(world, session["refreshToken"])
    clock.forward(seconds=31)
    assert await token_status(world, session["accessToken"]) == 401, "the new token is in use"
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert await token_status(world, first["accessToken"]) == 401, "the new token has ended as well"
    assert (await refresh_session(world, first["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert (await letters(world, id))[-1] == "SESSION_STOLEN"


async def test_a_refresh_token_two_generations_old_ends_the_session(world: World) -> None:
    Clock(world)
    _, session = await new_session(world)
    second = await refresh_session(world, session["refreshToken"])
    third = await refresh_session(world, second["refreshToken"])
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert await token_status(world, third["accessToken"]) == 401


async def test_sessions_survive_a_new_key_while_the_old_one_is_kept(world: World) -> None:
    Clock(world)
    _, session = await new_session(world)
    first = await refresh_session(world, session["refreshToken"])
    world.services.keys = KeyRing(("another key that is long enough to be one", KEY))
    assert (await refresh_session(world, session["refreshToken"]))["accessToken"] == first["accessToken"], (
        "made with the old key"
    )
    second = await refresh_session(world, first["refreshToken"])
    assert await token_status(world, second["accessToken"]) == 200
    world.services.keys = KeyRing(("another key that is long enough to be one",))
    assert await token_status(world, (await refresh_session(world, second["refreshToken"]))["accessToken"]) == 200


async def test_a_session_without_refresh_expires_after_30_days(world: World) -> None:
    clock = Clock(world)
    _, session = await new_session(world)
    clock.forward(days=30)
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_a_session_expires_after_90_days_in_any_case(world: World) -> None:
    clock = Clock(world)
    _, session = await new_session(world)
    for _ in range(4):
        clock.forward(days=20)
        session = await refresh_session(world, session["refreshToken"])
        assert "accessToken" in session
    clock.forward(days=10)
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_logging_out_ends_the_session_with_all_its_tokens(world: World) -> None:
    Clock(world)
    _, session = await new_session(world)
    later = await refresh_session(world, session["refreshToken"])
    assert (await world.data("mutation { logout }", later["accessToken"]))["logout"] is True
    assert await token_status(world, session["accessToken"]) == 401
    assert (await refresh_session(world, later["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_a_disabled_account_answers_like_an_unknown_one(world: World) -> None:
    _, mine = await new_session(world)
    await disable_account(world.services, "p@example.org")
    assert await token_status(world, mine["accessToken"]) == 401
    assert (await refresh_session(world, mine["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    unknown = await sign_in(world, "nobody@example.org")
    assert await sign_in(world, "p@example.org") == unknown
    await enable_account(world.services, "p@example.org")
    assert await token_status(world, mine["accessToken"]) == 401, "an ended session does not return"
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_the_last_use_is_stored_at_most_every_five_minutes(world: World) -> None:
    clock = Clock(world)
    _, mine = await new_session(world)
    noted = []
    for _ in range(12):
        assert await token_status(world, mine["accessToken"]) == 200
        await world.record_uses()
        async with world.services.database.reading() as connection:
            noted.append((await connection.execute(select(ACCESS_TOKENS.c.last_used_at))).scalar_one())
        clock.forward(minutes=1)
    assert 2 <= len(set(noted)) <= 3


async def test_a_bearer_token_and_a_cookie_are_not_interchangeable(world: World) -> None:
    _, mine = await new_session(world)
    assert await token_status(world, mine["accessToken"]) == 200
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).values(transport="COOKIE"))
    assert await token_status(world, mine["accessToken"]) == 401
    assert (await refresh_session(world, mine["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def refresh_with_opt_out(world: World, token: str) -> Any:
    """The answer to a refresh with the header `Sec-GPC: 1`."""
    body = {"query": REFRESH, "variables": {"t": token}}
    return (await world.client.post("/graphql", json=body, headers={"Sec-GPC": "1"})).json()


async def test_a_refresh_and_its_objection_are_stored_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh with `Sec-GPC` succeeds only with its objection."""
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    session = await sign_in(world, "p@example.org")
    stock = signing_in.record_objection

    async def cut_off(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(signing_in, "record_objection", cut_off)
    assert codes(await refresh_with_opt_out(world, session["refreshToken"])) == ["UNAVAILABLE"]
    monkeypatch.setattr(signing_in, "record_objection", stock)
    clock.forward(seconds=31)
    async with recorded_statements(world.services.database) as statements:
        answer = (await refresh_with_opt_out(world, session["refreshToken"]))["data"]["refreshSession"]
    assert "accessToken" in answer, "the refresh was rolled back, so its token is not spent"
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(OBJECTIONS))).scalar_one() == 1
    locks = [text for text in statements if "FOR UPDATE" in text]
    assert world.services.database.is_sqlite or "FROM accounts" in locks[0], "the account is locked before the session"

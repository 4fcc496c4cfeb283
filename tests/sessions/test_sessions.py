"""A session goes on by refreshing; a refresh token that is used again when it is long spent ends it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.commands.access.disable import disable_account, enable_account
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS
from models.tokens.token_format import TokenKind, kind_of
from tests.identity import CHANGE, OTHER, STRONG, VIEWER, Clock, letters, refresh_session, sign_in
from tests.world import KEY, World, codes

SESSIONS = "{ me { sessions { id current expiresAt client } } }"


async def begun(world: World, email: str = "p@example.org") -> tuple[str, Any]:
    id = await world.person(email, password=STRONG)
    return id, await sign_in(world, email)


async def status(world: World, token: str) -> int:
    return (await world.post(VIEWER, token)).status_code


async def test_kinds_are_told_apart_at_sight(world: World) -> None:
    _, session = await begun(world)
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


async def test_an_access_token_lives_a_quarter_of_an_hour_and_its_session_on(world: World) -> None:
    clock = Clock(world)
    _, session = await begun(world)
    assert datetime.fromisoformat(session["expiresAt"]) - clock.at == timedelta(minutes=15)
    clock.forward(minutes=15)
    assert await status(world, session["accessToken"]) == 401
    later = await refresh_session(world, session["refreshToken"])
    assert later["viewer"]["session"]["id"] == session["viewer"]["session"]["id"]
    assert await status(world, later["accessToken"]) == 200
    (listed,) = (await world.data(SESSIONS, later["accessToken"]))["me"]["sessions"]
    assert datetime.fromisoformat(listed["expiresAt"]) - clock.at == timedelta(days=30)


async def test_two_tabs_that_refresh_at_once_are_given_the_same(world: World) -> None:
    Clock(world)
    _, session = await begun(world)
    answers = await asyncio.gather(*(refresh_session(world, session["refreshToken"]) for _ in range(8)))
    assert len({(each["accessToken"], each["refreshToken"], each["expiresAt"]) for each in answers}) == 1
    assert await status(world, answers[0]["accessToken"]) == 200
    assert await status(world, session["accessToken"]) == 200, "the other tab's request is on its way"


async def test_a_lost_answer_is_asked_for_again_within_half_a_minute(world: World) -> None:
    clock = Clock(world)
    _, session = await begun(world)
    first = await refresh_session(world, session["refreshToken"])
    clock.forward(seconds=30)
    again = await refresh_session(world, session["refreshToken"])
    assert again["refreshToken"] == first["refreshToken"]


async def test_a_spent_refresh_token_is_proof_of_theft(world: World) -> None:
    clock = Clock(world)
    id, session = await begun(world)
    first = await refresh_session(world, session["refreshToken"])
    clock.forward(seconds=31)
    assert await status(world, session["accessToken"]) == 401, "its successor is in use"
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert await status(world, first["accessToken"]) == 401, "whoever holds the successor is out as well"
    assert (await refresh_session(world, first["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert (await letters(world, id))[-1] == "SESSION_STOLEN"


async def test_theft_is_noticed_two_generations_later(world: World) -> None:
    Clock(world)
    _, session = await begun(world)
    second = await refresh_session(world, session["refreshToken"])
    third = await refresh_session(world, second["refreshToken"])
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert await status(world, third["accessToken"]) == 401


async def test_sessions_outlive_a_rotation_of_keys_while_the_old_one_is_kept(world: World) -> None:
    Clock(world)
    _, session = await begun(world)
    first = await refresh_session(world, session["refreshToken"])
    world.services.keys = KeyRing(("another key that is long enough to be one", KEY))
    assert (await refresh_session(world, session["refreshToken"]))["accessToken"] == first["accessToken"], (
        "by the old key"
    )
    second = await refresh_session(world, first["refreshToken"])
    assert await status(world, second["accessToken"]) == 200
    world.services.keys = KeyRing(("another key that is long enough to be one",))
    assert await status(world, (await refresh_session(world, second["refreshToken"]))["accessToken"]) == 200


async def test_a_session_that_nobody_refreshes_ends(world: World) -> None:
    clock = Clock(world)
    _, session = await begun(world)
    clock.forward(days=30)
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_a_session_ends_at_last_however_often_it_is_refreshed(world: World) -> None:
    clock = Clock(world)
    _, session = await begun(world)
    for _ in range(4):
        clock.forward(days=20)
        session = await refresh_session(world, session["refreshToken"])
        assert "accessToken" in session
    clock.forward(days=10)
    assert (await refresh_session(world, session["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_logging_out_ends_the_session_with_all_its_secrets(world: World) -> None:
    Clock(world)
    _, session = await begun(world)
    later = await refresh_session(world, session["refreshToken"])
    assert (await world.data("mutation { logout }", later["accessToken"]))["logout"] is True
    assert await status(world, session["accessToken"]) == 401
    assert (await refresh_session(world, later["refreshToken"]))["code"] == "TOKEN_EXPIRED"


async def test_a_new_password_ends_every_session_but_the_one_that_set_it(world: World) -> None:
    clock = Clock(world)
    id, mine = await begun(world)
    other = await sign_in(world, "p@example.org")
    given = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    assert "changedAt" in (await world.data(CHANGE, mine["accessToken"], given))["changePassword"]
    assert [await status(world, each["accessToken"]) for each in (mine, other)] == [200, 401]
    assert (await refresh_session(world, other["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"
    assert "accessToken" in await sign_in(world, "p@example.org", OTHER)
    assert "PASSWORD_CHANGED" in await letters(world, id)
    assert clock


async def test_changing_a_password_needs_the_old_one_and_a_strong_new_one(world: World) -> None:
    _, mine = await begun(world)
    for given, expected in (
        ({"currentPassword": "wrong", "newPassword": OTHER}, ("INVALID_CREDENTIALS", "input.currentPassword")),
        ({"currentPassword": STRONG, "newPassword": "password1"}, ("WEAK_PASSWORD", "input.newPassword")),
    ):
        answer = (await world.data(CHANGE, mine["accessToken"], {"input": given}))["changePassword"]
        assert (answer["code"], answer["field"]) == expected


async def test_a_disabled_account_acts_no_more_and_tells_nobody(world: World) -> None:
    _, mine = await begun(world)
    await disable_account(world.services, "p@example.org")
    assert await status(world, mine["accessToken"]) == 401
    assert (await refresh_session(world, mine["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    unknown = await sign_in(world, "nobody@example.org")
    assert await sign_in(world, "p@example.org") == unknown
    await enable_account(world.services, "p@example.org")
    assert await status(world, mine["accessToken"]) == 401, "what ended stays ended"
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_use_is_noted_at_most_every_five_minutes(world: World) -> None:
    clock = Clock(world)
    _, mine = await begun(world)
    noted = []
    for _ in range(12):
        assert await status(world, mine["accessToken"]) == 200
        async with world.services.database.reading() as connection:
            noted.append((await connection.execute(select(ACCESS_TOKENS.c.last_used_at))).scalar_one())
        clock.forward(minutes=1)
    assert 2 <= len(set(noted)) <= 3


async def test_a_token_for_an_app_is_no_cookie_and_a_cookie_no_token(world: World) -> None:
    _, mine = await begun(world)
    assert await status(world, mine["accessToken"]) == 200
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).values(transport="COOKIE"))
    assert await status(world, mine["accessToken"]) == 401
    assert (await refresh_session(world, mine["refreshToken"]))["code"] == "TOKEN_EXPIRED"

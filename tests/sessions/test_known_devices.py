"""A device that has signed in is known until the credentials change, and at most ten are known."""

import itertools
from typing import Any

import pytest

from app.commands.access.disable import disable_account, enable_account
from app.graphql import endpoint
from models.letters import LinkUse
from models.tables import KNOWN_DEVICES
from resolvers.sessions.known_devices import is_device_token, new_device_token
from tests.identity import (
    ASK_RESET,
    CHANGE,
    CHANGE_EMAIL,
    OTHER,
    STRONG,
    Clock,
    complete_login,
    count_rows,
    enrol_authenticator,
    mailed_tokens,
    reset_password,
    sign_in,
    verify_email,
)
from tests.world import World


async def change_password(world: World, session: str) -> tuple[str, str]:
    given = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    assert "changedAt" in (await world.data(CHANGE, session, given))["changePassword"]
    return "p@example.org", OTHER


async def reset(world: World, _: str) -> tuple[str, str]:
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await reset_password(world, link)
    return "p@example.org", OTHER


async def disable(world: World, _: str) -> tuple[str, str]:
    await disable_account(world.services, "p@example.org")
    await enable_account(world.services, "p@example.org")
    return "p@example.org", STRONG


async def move(world: World, session: str) -> tuple[str, str]:
    await world.data(CHANGE_EMAIL, session, {"e": "q@example.org", "p": STRONG})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    assert await verify_email(world, link, session) == {"email": "q@example.org"}
    return "q@example.org", STRONG


@pytest.mark.parametrize("act", [change_password, reset, disable, move])
async def test_a_device_is_known_until_the_credentials_change(world: World, act: Any) -> None:
    await world.person("p@example.org", password=STRONG)
    first = await sign_in(world, "p@example.org")
    again = await sign_in(world, "p@example.org", deviceToken=first["deviceToken"])
    assert again["deviceToken"] == first["deviceToken"], "a known device keeps its token"
    email, password = await act(world, again["accessToken"])
    assert await count_rows(world, KNOWN_DEVICES) == 0
    later = await sign_in(world, email, password, deviceToken=first["deviceToken"])
    assert later["deviceToken"] != first["deviceToken"]


async def test_a_new_second_factor_ends_known_devices(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    first = await sign_in(world, "p@example.org")
    app, _ = await enrol_authenticator(world, first["accessToken"])
    tokens = [first["deviceToken"]]
    for _ in range(2):
        challenge = (await sign_in(world, "p@example.org", deviceToken=tokens[-1]))["challenge"]
        tokens.append((await complete_login(world, challenge, app.code(), deviceToken=tokens[-1]))["deviceToken"])
        clock.forward(minutes=1)
    assert [tokens[1] != tokens[0], tokens[2] == tokens[1]] == [True, True]


async def test_an_account_knows_its_ten_newest_devices(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    tokens = []
    for _ in range(12):
        tokens.append((await sign_in(world, "p@example.org"))["deviceToken"])
        clock.forward(seconds=1)
    assert await count_rows(world, KNOWN_DEVICES) == 10
    kept = [(await sign_in(world, "p@example.org", deviceToken=each))["deviceToken"] == each for each in tokens[2:]]
    assert all(kept)
    assert (await sign_in(world, "p@example.org", deviceToken=tokens[0]))["deviceToken"] != tokens[0]


async def test_a_device_token_works_for_its_own_account_only(world: World) -> None:
    for email in ("p@example.org", "q@example.org"):
        await world.person(email, password=STRONG)
    token = (await sign_in(world, "p@example.org"))["deviceToken"]
    assert (await sign_in(world, "q@example.org", deviceToken=token))["deviceToken"] != token
    forged = new_device_token(world.services.keys, "q@example.org")
    assert is_device_token(world.services.keys, forged)
    assert (await sign_in(world, "q@example.org", deviceToken=forged))["deviceToken"] != forged, "it never signed in"


async def test_attempts_on_known_devices_also_count_in_a_sum(
    limited_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = (f"10.0.{number // 250}.{number % 250}" for number in itertools.count(1))
    monkeypatch.setattr(endpoint, "address_of", lambda _request: next(networks))
    await limited_world.person("p@example.org", password=STRONG)
    tokens = [(await sign_in(limited_world, "p@example.org"))["deviceToken"] for _ in range(6)]
    guesses = [
        (await sign_in(limited_world, "p@example.org", f"wrong {number}", deviceToken=token))["code"]
        for number in range(9)
        for token in tokens
    ]
    assert guesses == ["INVALID_CREDENTIALS"] * 50 + ["TOO_MANY_ATTEMPTS"] * 4
    assert "accessToken" in await sign_in(limited_world, "p@example.org"), "other devices have counters of their own"

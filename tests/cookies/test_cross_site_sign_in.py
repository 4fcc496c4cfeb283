"""A page of another site cannot sign in by cookie, because browsers drop the cookies of such an answer."""

from typing import Any

import pytest
from sqlalchemy import select

from models.database import Database
from models.tables import ACCESS_TOKENS
from tests.http.test_browser_sessions import from_browser
from tests.identity import COMPLETE, LOGIN, STRONG, enrol_authenticator, sign_in
from tests.world import World, settings_for, world_of

APP = "https://app.example.org"
GIVEN = {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}


async def world_with_an_app(database: Database) -> World:
    """A service that allows one web app, and one person."""
    world = world_of(database, settings_for(database, allowed_origins=(APP,)))
    await world.person("p@example.org", password=STRONG)
    return world


async def ask(world: World, site: str, document: str, jar: dict[str, str], **given: Any) -> Any:
    """The answer to a mutation that a page of the web app sends."""
    headers = {"Sec_Fetch_Site": site, "Origin": APP}
    (answer,) = (await from_browser(world, document, jar, {"input": given}, **headers)).json()["data"].values()
    return answer


async def cookie_sessions(world: World) -> int:
    """How many sessions there are that only a cookie can use."""
    async with world.services.database.reading() as connection:
        rows = await connection.execute(select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.transport == "COOKIE"))
        return len(rows.all())


async def test_a_cookie_sign_in_from_another_site_is_refused_in_words(database: Database) -> None:
    world = await world_with_an_app(database)
    jar: dict[str, str] = {}
    refused = await ask(world, "cross-site", LOGIN, jar, **GIVEN)
    assert (refused["code"], refused["field"]) == ("INVALID_INPUT", "input.transport")
    assert "another site" in refused["message"]
    assert (jar, await cookie_sessions(world)) == ({}, 0)
    assert (await ask(world, "cross-site", LOGIN, jar, **{**GIVEN, "transport": "BEARER"}))["accessToken"]
    assert (await ask(world, "same-site", LOGIN, jar, **GIVEN))["__typename"] == "SignedIn"
    assert (bool(jar), await cookie_sessions(world)) == (True, 1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_second_step_of_a_cookie_sign_in_is_refused_from_another_site(database: Database) -> None:
    world = await world_with_an_app(database)
    app, _ = await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])
    jar: dict[str, str] = {}
    challenge = (await ask(world, "same-site", LOGIN, jar, **GIVEN))["challenge"]
    refused = await ask(world, "cross-site", COMPLETE, dict(jar), challenge=challenge, code=app.code())
    assert refused["code"] == "INVALID_INPUT"
    assert await cookie_sessions(world) == 0

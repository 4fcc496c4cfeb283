"""Each kind of token opens one thing in one place, at a real process, however many are sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.browser import cookies
from models.database import Database
from models.letters import LinkUse
from models.tokens.token_format import TokenKind, kind_of
from models.vocabulary import Processor, Role
from tests.identity import (
    ASK_RESET,
    COMPLETE,
    LOGIN,
    OTHER,
    REFRESH,
    RESET,
    STRONG,
    VERIFY,
    VIEWER,
    enrol_authenticator,
    mailed_tokens,
    register,
    sign_in,
)
from tests.serving import serving
from tests.world import World, codes, world_of

BROWSER = ("X-ConsentQL-Client", "browser")
Headers = list[tuple[str, str]]


@dataclass
class Thief:
    """A caller with one token of every kind, and a process to try them at."""

    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def sends(self, document: str, *headers: tuple[str, str], **variables: Any) -> httpx.Response:
        body = {"query": document, "variables": variables}
        return await self.client.post("/graphql", json=body, headers=list(headers))

    async def told(self, document: str, **variables: Any) -> Any:
        """Returns the answer of a mutation with one field to a caller who is not signed in."""
        (answer,) = (await self.sends(document, **variables)).json()["data"].values()
        return answer


async def stolen(world: World, thief: Thief) -> None:
    """One of each, all of them good where they belong."""
    await world.person("p@example.org", password=STRONG)
    first = await sign_in(world, "p@example.org")
    await enrol_authenticator(world, first["accessToken"])
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    await register(world, "new@example.org")
    staff = await world.person("staff@example.org", password=STRONG)
    given = {"input": {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}}
    begun = await thief.sends(LOGIN, BROWSER, **given)
    thief.tokens = {
        "session": first["accessToken"],
        "refresh": first["refreshToken"],
        "device": first["deviceToken"],
        "challenge": (await sign_in(world, "p@example.org"))["challenge"],
        "browser": begun.cookies[cookies.CHALLENGE].strip('"'),
        "role": await world.token(Role.SUPPORT, staff),
        "processor": await world.token(Role.PROCESSOR, processor=Processor.MANDRILL),
        "reset link": (await mailed_tokens(world, LinkUse.RESET))[0],
        "verify link": (await mailed_tokens(world, LinkUse.VERIFY))[0],
    }
    assert {kind_of(token) for token in thief.tokens.values()} == set(TokenKind)


@pytest.fixture
async def thief(database: Database, tmp_path: Path) -> AsyncIterator[Thief]:
    world = world_of(database)
    with serving(database.url, tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            made = Thief(client)
            await stolen(world, made)
            given = {"input": {"email": "staff@example.org", "password": STRONG, "transport": "COOKIE"}}
            answer = await made.sends(LOGIN, BROWSER, **given)
            made.tokens |= {name: answer.cookies[name].strip('"') for name in (cookies.ACCESS, cookies.REFRESH)}
            client.cookies.clear()
            yield made
    world.services.hashing.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_each_kind_of_token_works_only_for_its_purpose(thief: Thief) -> None:
    tried: dict[str, set[str]] = {}
    for name, token in thief.tokens.items():
        answers = {
            "bearer": (await thief.sends(VIEWER, ("Authorization", f"Bearer {token}"))).status_code == 200,
            "cookie": (await thief.sends(VIEWER, BROWSER, ("Cookie", f"{cookies.ACCESS}={token}"))).status_code == 200,
            "completeLogin": (await thief.told(COMPLETE, input={"challenge": token, "code": "x"}))["code"]
            == "INVALID_CODE",
            "resetPassword": (await thief.told(RESET, t=token, p="weak"))["code"] == "WEAK_PASSWORD",
            "verifyEmail": "email" in await thief.told(VERIFY, t=token),
            "refreshSession": "accessToken" in await thief.told(REFRESH, t=token),
        }
        renewed = await thief.sends(REFRESH, BROWSER, ("Cookie", f"{cookies.REFRESH}={token}"))
        answers["refresh cookie"] = renewed.json()["data"]["refreshSession"]["__typename"] == "SignedIn"
        tried[name] = {place for place, opened in answers.items() if opened}
    assert tried == {
        "session": {"bearer"},
        "refresh": {"refreshSession"},
        "device": set(),
        "challenge": {"completeLogin"},
        "browser": set(),
        "role": {"bearer"},
        "processor": {"bearer"},
        "reset link": {"resetPassword"},
        "verify link": {"verifyEmail"},
        cookies.ACCESS: {"cookie"},
        cookies.REFRESH: {"refresh cookie"},
    }


def together(tokens: dict[str, str]) -> list[tuple[Headers, int]]:
    """Credentials that come together, and what that is answered."""
    session, role = (f"Bearer {tokens[name]}" for name in ("session", "role"))
    cookie = f"{cookies.ACCESS}={tokens[cookies.ACCESS]}"
    refresh = f"{cookies.REFRESH}={tokens[cookies.REFRESH]}"
    bearer = ("Authorization", session)
    return [
        ([bearer, ("Authorization", session)], 401),
        ([bearer, ("Authorization", role)], 401),
        ([bearer, ("Authorization", "")], 401),
        ([("Authorization", f"{session}, {role}")], 401),
        ([("Authorization", f"{session} {tokens['role']}")], 401),
        ([("Authorization", tokens["session"])], 401),
        ([("Authorization", f"Basic {tokens['session']}")], 401),
        ([("Authorization", f"Bearer {tokens['session'].swapcase()}")], 401),
        ([("Authorization", "")], 401),
        ([BROWSER, bearer, ("Cookie", cookie)], 400),
        ([BROWSER, bearer, ("Cookie", refresh)], 400),
        ([bearer, ("Cookie", cookie)], 400),
        ([BROWSER, ("Authorization", ""), ("Cookie", cookie)], 400),
        ([BROWSER, bearer, ("Cookie", "x=1"), ("Cookie", cookie)], 400),
        ([BROWSER, ("Cookie", f"{cookie}; {cookie}")], 400),
        ([BROWSER, ("Cookie", f"{cookie}; {cookies.ACCESS}={tokens['session']}")], 400),
        ([BROWSER, ("Cookie", cookie), ("Cookie", cookie)], 400),
        ([BROWSER, ("Cookie", refresh), ("Cookie", refresh)], 400),
        ([("Cookie", "x=1"), ("Cookie", cookie)], 403),
        ([("Cookie", cookie)], 403),
        ([("X-ConsentQL-Client", "app"), BROWSER, ("Cookie", cookie)], 400),
        ([BROWSER, ("Sec-Fetch-Site", "cross-site"), ("Cookie", cookie)], 403),
        ([BROWSER, ("Origin", "null"), ("Origin", "http://evil.example"), ("Cookie", cookie)], 400),
        ([BROWSER, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site"), ("Cookie", cookie)], 400),
        ([BROWSER, ("Origin", "http://evil.example"), ("Cookie", cookie)], 403),
        ([BROWSER, ("Cookie", "x=1"), ("Cookie", cookie)], 200),
        ([BROWSER, ("Cookie", f"{cookie}; {refresh}; x=1; x=2")], 200),
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_several_credentials_in_one_request_are_refused(thief: Thief) -> None:
    for headers, status in together(thief.tokens):
        answer = await thief.sends(VIEWER, *headers)
        named = [(name, value[:24]) for name, value in headers]
        assert (named, answer.status_code) == (named, status)
        if status == 200:
            assert answer.json()["data"]["viewer"]["role"] == "MEMBER"
        else:
            assert "data" not in answer.json()
            assert codes(answer.json())
    answer = await thief.sends(LOGIN, input={"email": "staff@example.org", "password": STRONG, "transport": "COOKIE"})
    assert (answer.json()["data"]["login"]["code"], answer.headers.get("set-cookie")) == ("INVALID_INPUT", None)
    assert OTHER not in answer.text

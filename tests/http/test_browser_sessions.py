"""A browser's session is in cookies that scripts cannot read and other sites cannot use; they hold only sessions."""

from typing import Any

import httpx
import pytest

from app.browser import cookies
from models.vocabulary import Role
from permissions.rate_limits import RateLimiter
from tests.identity import ASK_RESET, LOGIN, REFRESH, STRONG, VIEWER, Clock, enrol_authenticator
from tests.world import World, codes

COMPLETE_LOGIN = """mutation ($input: CompleteLoginInput!) { completeLogin(input: $input) {
  ... on SignedIn { accessToken } ... on Refusal { code } } }"""
BROWSER = {"X-ConsentQL-Client": "browser"}


async def post(world: World, document: str, variables: Any = None, **headers: str) -> httpx.Response:
    body = {"query": document, "variables": variables or {}}
    return await world.client.post("/graphql", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def from_browser(world: World, document: str, jar: dict[str, str], variables: Any = None, **headers: str) -> Any:
    if jar:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    response = await post(world, document, variables, **{**BROWSER, **headers})
    store_cookies(jar, response)
    return response


def store_cookies(jar: dict[str, str], response: httpx.Response) -> None:
    """As a browser does with what an answer sets or takes away."""
    for line in response.headers.get_list("set-cookie"):
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            jar.pop(name, None)
        else:
            jar[name] = value.strip('"')


async def signed_in(world: World, email: str = "p@example.org") -> tuple[dict[str, str], httpx.Response]:
    await world.person(email, password=STRONG)
    jar: dict[str, str] = {}
    given = {"input": {"email": email, "password": STRONG, "transport": "COOKIE"}}
    return jar, await from_browser(world, LOGIN, jar, given)


async def test_browser_tokens_are_only_in_cookies(world: World) -> None:
    jar, response = await signed_in(world)
    answer = response.json()["data"]["login"]
    assert [answer[name] for name in ("accessToken", "refreshToken", "deviceToken")] == [None] * 3
    assert set(jar) == {cookies.ACCESS, cookies.REFRESH, cookies.DEVICE}
    assert not any(value in response.text for value in jar.values())
    for line in response.headers.get_list("set-cookie"):
        assert line.startswith("__Host-")
        for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=strict"):
            assert attribute in line, line
        assert "Domain" not in line
    viewer = (await from_browser(world, VIEWER, jar)).json()["data"]["viewer"]
    assert viewer["role"] == "MEMBER"


async def test_an_app_gets_no_cookies(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    for headers in ({}, BROWSER):
        response = await post(world, LOGIN, {"input": {"email": "p@example.org", "password": STRONG}}, **headers)
        assert response.json()["data"]["login"]["accessToken"]
        assert "set-cookie" not in response.headers


async def test_a_client_that_names_itself_browser_gets_cookies(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    given = {"input": {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}}
    response = await post(world, LOGIN, given)
    assert response.json()["data"]["login"]["code"] == "INVALID_INPUT"
    assert "set-cookie" not in response.headers


async def test_cookies_and_a_bearer_token_together_are_refused(world: World) -> None:
    jar, _ = await signed_in(world)
    token = await world.token(holder=await world.person("o@example.org"))
    response = await from_browser(world, VIEWER, jar, None, Authorization=f"Bearer {token}")
    assert (response.status_code, codes(response.json())) == (400, ["BAD_USER_INPUT"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-ConsentQL-Client": ""}, 403),
        ({"X-ConsentQL-Client": "app"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://consentql.test"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://consentql.test.evil.test"}, 403),
        ({"Origin": "http://evil.test", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_other_sites_cannot_use_a_browser_session(world: World, headers: dict[str, str], status: int) -> None:
    jar, _ = await signed_in(world)
    response = await from_browser(world, VIEWER, jar, None, **headers)
    assert response.status_code == status
    if status == 403:
        assert codes(response.json()) == ["FORBIDDEN"]
        given = {"input": {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}}
        refused = await from_browser(world, LOGIN, {}, given, **headers)
        assert refused.status_code == 403 or refused.json()["data"]["login"]["code"] == "INVALID_INPUT"


async def test_a_cookie_accepts_only_a_session_token(world: World) -> None:
    holder = await world.person("staff@example.org")
    for token in (await world.token(Role.SUPPORT, holder), await world.token(holder=holder), "nonsense"):
        response = await from_browser(world, VIEWER, {cookies.ACCESS: token})
        assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])


async def test_a_cookie_token_does_not_work_as_a_bearer_token(world: World) -> None:
    jar, _ = await signed_in(world)
    assert (await world.post(VIEWER, jar[cookies.ACCESS])).status_code == 401
    stolen = await world.data(REFRESH, None, {"t": jar[cookies.REFRESH]})
    assert stolen["refreshSession"]["code"] == "TOKEN_EXPIRED"


async def test_the_refresh_cookie_continues_a_session(world: World) -> None:
    clock = Clock(world)
    jar, _ = await signed_in(world)
    before = dict(jar)
    clock.forward(minutes=16)
    response = await from_browser(world, VIEWER, jar)
    assert response.status_code == 401
    assert set(jar) == {cookies.REFRESH, cookies.DEVICE}, "the spent cookie is taken away, the session is not"
    answer = (await from_browser(world, REFRESH, jar)).json()["data"]["refreshSession"]
    assert answer["accessToken"] is None
    assert jar[cookies.ACCESS] != before[cookies.ACCESS]
    assert jar[cookies.REFRESH] != before[cookies.REFRESH]
    assert (await from_browser(world, VIEWER, jar)).json()["data"]["viewer"]["role"] == "MEMBER"


async def test_logout_deletes_the_session_cookies_and_keeps_the_device(world: World) -> None:
    jar, _ = await signed_in(world)
    kept = dict(jar)
    assert (await from_browser(world, "mutation { logout }", jar)).json()["data"]["logout"] is True
    assert set(jar) == {cookies.DEVICE}
    assert (await from_browser(world, VIEWER, dict(kept))).status_code == 401


async def test_logout_works_after_the_access_token_expired(world: World) -> None:
    jar, _ = await signed_in(world)
    del jar[cookies.ACCESS]
    kept = dict(jar)
    assert (await from_browser(world, "mutation { logout }", jar)).json()["data"] == {"logout": True}
    assert set(jar) == {cookies.DEVICE}
    over = (await from_browser(world, REFRESH, kept)).json()["data"]["refreshSession"]
    assert over["code"] == "TOKEN_EXPIRED"
    assert codes((await from_browser(world, "mutation { logout }", jar)).json()) == ["FORBIDDEN"], (
        "nothing is left to end"
    )


async def test_requests_for_links_by_a_stranger_do_not_block_the_owner(world: World) -> None:
    jar, _ = await signed_in(world)
    world.services.limits = RateLimiter(enabled=True)
    asked = {"e": "p@example.org"}
    told = [codes(await world.ask(ASK_RESET, None, asked)) for _ in range(6)]
    assert told == [[]] * 5 + [["RATE_LIMITED"]]
    known = {cookies.DEVICE: jar[cookies.DEVICE]}
    assert (await from_browser(world, ASK_RESET, known, asked)).json() == {"data": {"requestPasswordReset": True}}
    other = {"e": "q@example.org"}
    told = [codes((await from_browser(world, ASK_RESET, known, other)).json()) for _ in range(6)]
    assert told == [[]] * 5 + [["RATE_LIMITED"]], "it is known for its own address"


BROKEN = {cookies.CHALLENGE: "nonsense"}


async def completed(world: World, challenge: str, code: str, jar: dict[str, str] | None) -> Any:
    """The second step of a sign-in, by a browser with these cookies or, without any jar, by another client."""
    given = {"input": {"challenge": challenge, "code": code}}
    response = await (
        post(world, COMPLETE_LOGIN, given) if jar is None else from_browser(world, COMPLETE_LOGIN, jar, given)
    )
    return response.json()["data"]["completeLogin"]


async def test_a_second_factor_works_only_in_the_browser_that_began(world: World) -> None:
    Clock(world)
    await world.person("p@example.org", password=STRONG)
    token = (await world.data(LOGIN, None, {"input": {"email": "p@example.org", "password": STRONG}}))["login"]
    app, _ = await enrol_authenticator(world, token["accessToken"])
    jar: dict[str, str] = {}
    given = {"input": {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}}
    challenge = (await from_browser(world, LOGIN, jar, given)).json()["data"]["login"]["challenge"]
    assert set(jar) == {cookies.CHALLENGE}, "a right password alone gives no session"
    other_tab = (await from_browser(world, LOGIN, jar, given)).json()["data"]["login"]["challenge"]
    elsewhere: dict[str, str] = {}
    await from_browser(world, LOGIN, elsewhere, given)
    assert elsewhere != jar
    answers = [await completed(world, challenge, app.code(), held) for held in ({}, elsewhere, {**BROKEN}, None)]
    assert [answer.get("code") for answer in answers] == ["INVALID_INPUT"] * 4
    assert await completed(world, challenge, app.code(), jar) == {"accessToken": None}
    assert await completed(world, other_tab, app.code(1), jar) == {"accessToken": None}
    assert (await from_browser(world, VIEWER, jar)).json()["data"]["viewer"]["role"] == "MEMBER"

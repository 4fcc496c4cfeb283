"""The answer to a browser whose access cookie has expired says to refresh, and is never the answer to a visitor."""

from typing import Any

import httpx
import pytest

from app.browser import cookies
from permissions.rate_limits import RateLimiter
from tests.http.test_browser_sessions import from_browser, signed_in
from tests.identity import REFRESH, VIEWER
from tests.staff.test_root_fields_by_role import document_of, roots
from tests.world import World, codes

AS_A_VISITOR = {
    "policy",
    "refreshSession",
    "logout",
    "login",
    "completeLogin",
    "register",
    "verifyEmail",
    "requestPasswordReset",
    "resetPassword",
}


async def lapsed(world: World) -> dict[str, str]:
    """The cookies of a signed-in browser whose access cookie has expired."""
    jar, _ = await signed_in(world)
    del jar[cookies.ACCESS]
    return jar


def is_told_to_refresh(response: httpx.Response) -> bool:
    if response.status_code != 401:
        return False
    assert set(response.json()) == {"errors"}
    assert codes(response.json()) == ["UNAUTHENTICATED"]
    assert "refreshSession" in response.json()["errors"][0]["message"]
    assert response.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in response.headers, "the refresh cookie can continue the session"
    return True


async def test_only_what_a_visitor_needs_is_answered_to_a_lapsed_session(world: World) -> None:
    jar = await lapsed(world)
    told = {
        name: is_told_to_refresh(await from_browser(world, document_of(name, world), dict(jar))) for name in roots()
    }
    assert {name for name, refused in told.items() if not refused} == AS_A_VISITOR


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_one_root_field_that_needs_a_session_refuses_the_document(world: World) -> None:
    jar = await lapsed(world)
    for document in (
        "{ policy { version } viewer { role } }",
        "{ alias: viewer { role } }",
        "{ ...on Query { viewer { role } } }",
        "{ ...part } fragment part on Query { ...more } fragment more on Query { policy { version } me { id } }",
        "{ policy { version } me @include(if: false) { id } }",
    ):
        assert is_told_to_refresh(await from_browser(world, document, dict(jar))), document
    answer = await from_browser(world, "{ __typename policy { __typename } }", dict(jar))
    assert answer.json() == {"data": {"__typename": "Query", "policy": {"__typename": "Policy"}}}


async def test_a_lapsed_session_is_refreshed_once_it_is_told(world: World) -> None:
    jar = await lapsed(world)
    assert is_told_to_refresh(await from_browser(world, VIEWER, jar))
    assert (await from_browser(world, REFRESH, jar)).json()["data"]["refreshSession"]["__typename"] == "SignedIn"
    assert (await from_browser(world, VIEWER, jar)).json()["data"]["viewer"]["role"] == "MEMBER"


async def role_of(world: World, jar: dict[str, str]) -> Any:
    return (await from_browser(world, "{ viewer { role } }", jar)).json()["data"]["viewer"]["role"]


async def test_after_a_refused_refresh_a_browser_is_a_visitor(world: World) -> None:
    jar = await lapsed(world)
    other = dict(jar)
    assert (await from_browser(world, "mutation { logout }", other)).json() == {"data": {"logout": True}}
    refused = (await from_browser(world, REFRESH, jar)).json()["data"]["refreshSession"]
    assert refused["code"] == "TOKEN_EXPIRED"
    assert set(jar) == {cookies.DEVICE}, "the device stays known"
    assert await role_of(world, jar) == "ANONYMOUS"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_cookie_that_is_no_token_ends_with_its_first_refresh(world: World) -> None:
    for value in ("", "nonsense"):
        jar = {cookies.REFRESH: value}
        assert is_told_to_refresh(await from_browser(world, VIEWER, jar)), value
        await from_browser(world, REFRESH, jar)
        assert jar == {}
        assert await role_of(world, jar) == "ANONYMOUS"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_refresh_that_must_wait_keeps_the_session(world: World) -> None:
    jar = await lapsed(world)
    world.services.limits = RateLimiter(enabled=True)
    for _ in range(301):
        answer = (await from_browser(world, REFRESH, {cookies.REFRESH: "nonsense"})).json()["data"]["refreshSession"]
    assert answer["code"] == "TOO_MANY_ATTEMPTS"
    kept = dict(jar)
    await from_browser(world, REFRESH, jar)
    assert jar == kept

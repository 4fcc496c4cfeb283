"""`/` and unknown paths say what the service is and where to go, in the form that the client asks for."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from app.browser import home_page
from app.main import create
from app.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JSON = [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "text/html;q=0"}, {"Accept": "text/html;q=x"}]
JSON += [{"Accept": "application/json, text/html;q=0.5"}]
UNKNOWN = ["/nothing", "/graphql/x", "/verify/x", "/<b>", "/%00"]

Opened = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened() -> Opened:
    @asynccontextmanager
    async def client(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        made = create(Settings(secret_keys=("k" * 48,), rate_limits="off", **settings))
        transport = httpx.ASGITransport(made)
        async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as each:
            yield each

    return client


@pytest.mark.parametrize("headers", JSON, ids=str)
async def test_a_program_reads_json(opened: Opened, headers: dict[str, str]) -> None:
    async with opened() as client:
        home = await client.get("/", headers=headers)
        unknown = await client.get("/nothing", headers=headers)
    assert list(home.json().items()) == [
        ("service", "ConsentQL"),
        ("about", home_page.ABOUT),
        ("graphiql", "/graphql"),
        ("graphql", "/graphql"),
        ("health", "/health/ready"),
    ]
    assert unknown.status_code == 404
    assert unknown.json() == {
        "errors": [{"message": home_page.NOT_FOUND, "extensions": {"code": "BAD_USER_INPUT"}}],
    }


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_a_browser_reads_a_page_without_anything_from_elsewhere(opened: Opened, environment: str) -> None:
    async with opened(environment=environment) as client:
        pages = [await client.get(path, headers=BROWSER) for path in ("/", *UNKNOWN)]
        assert [page.status_code for page in pages] == [200] + [404] * len(UNKNOWN)
        for page in pages:
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["content-security-policy"] == home_page.POLICY
            assert page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["cache-control"] == "no-store"
            assert re.findall(r"<script|\son\w+=|\sstyle=|<b>|\{\{", page.text) == []
            links = re.findall(r'href="(/[^"]*)"', page.text)
            assert "http" not in re.sub(r"data:[^\"]*", "", page.text)
            assert {
                (await client.get(link, headers=BROWSER)).status_code for link in links if "health" not in link
            } == {200}
            first = "/graphql" if environment == "development" else "/health/ready" if page.status_code == 200 else "/"
            assert re.findall(r'<a href="([^"]+)"', page.text)[0] == first
            assert ("GraphiQL" in page.text) is (environment == "development")


async def test_production_names_no_graphiql(opened: Opened) -> None:
    async with opened(environment="production") as client:
        assert "graphiql" not in (await client.get("/")).json()


async def test_the_page_follows_the_name_and_the_path_of_the_service(opened: Opened) -> None:
    async with opened(controller_name="A & <B>", public_url="https://example.org/api/") as client:
        page = (await client.get("/", headers=BROWSER)).text
        assert (await client.get("/")).json()["graphql"] == "/api/graphql"
    assert "<title>A &amp; &lt;B&gt; ·" in page
    assert 'href="/api/letter/letter-page.css"' in page
    assert 'href="/api/graphql"' in page


async def test_other_methods_are_refused(opened: Opened) -> None:
    async with opened() as client:
        assert (await client.head("/")).status_code == 200
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            home = await client.request(method, "/", headers=BROWSER)
            assert (home.status_code, set(home.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
            unknown = await client.request(method, "/nothing", headers=BROWSER)
            assert (unknown.status_code, unknown.json()["errors"][0]["message"]) == (404, home_page.NOT_FOUND)

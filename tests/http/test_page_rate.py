"""Pages and their files are limited by network, apart from operations."""

import httpx
import pytest
from slowapi import Limiter

from app.main import create
from models.database import Database
from permissions.ip_network import SITE_FACTOR
from tests.http.requests import ONE_DATABASE
from tests.world import codes, services_on, settings_for

MOST = 5
PAGES = ("/", "/verify", "/reset", "/letter/letter-page.css", "/graphql", "/graphiql/graphiql-boot.js")


@ONE_DATABASE
@pytest.mark.parametrize("path", PAGES)
async def test_too_many_requests_for_pages_are_refused_until_the_window_ends(database: Database, path: str) -> None:
    services = services_on(database)
    app = create(settings_for(database, rate_limits="on", requests_per_minute=MOST), services)
    transport = httpx.ASGITransport(app=app, client=("198.51.100.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        for _ in range(60):  # a new window may begin in between
            responses = [await client.get(path, headers={"Accept": "text/html"}) for _ in range(MOST + 1)]
            if responses[-1].status_code == 429:
                break
        assert 429 not in [response.status_code for response in responses[:1]]
        assert 1 <= int(responses[-1].headers["Retry-After"]) <= 60
        assert codes(responses[-1].json()) == ["RATE_LIMITED"]
        assert (await client.post("/graphql", json={"query": "{ viewer { role } }"})).status_code == 200
        assert (await client.get("/health/live")).status_code == 200
    services.hashing.close()


@ONE_DATABASE
async def test_the_networks_of_an_ipv6_site_share_ten_times_the_limit_for_pages(database: Database) -> None:
    services = services_on(database)
    app = create(settings_for(database, rate_limits="on", requests_per_minute=1), services)

    async def status(address: str) -> int:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
            return (await client.get("/letter/letter-page.css")).status_code

    for site in range(60):  # a new window may begin in between
        statuses = [await status(f"2001:db8:{site:x}:{number:x}::1") for number in range(SITE_FACTOR + 1)]
        if statuses[-1] == 429:
            break
    assert statuses == [200] * SITE_FACTOR + [429]
    assert await status("2001:db8:ffff::1") == 200
    services.hashing.close()


@ONE_DATABASE
async def test_a_process_does_not_start_if_pages_are_not_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limiter, "limit", lambda _self, _rate: lambda function: function)
    services = services_on(database)
    with pytest.raises(RuntimeError, match="does not count requests"):
        create(settings_for(database, rate_limits="on"), services)
    services.hashing.close()

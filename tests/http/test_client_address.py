"""The address of a client, and the network that it counts for."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from httpx import ASGITransport, AsyncClient
from starlette.requests import Request

from app.http.client_address import address_of
from app.main import create
from permissions.caller import Caller
from permissions.ip_network import SITE_FACTOR, counted_networks, network_of
from permissions.rate_limits import RateLimiter
from resolvers.context import Services
from resolvers.sessions.attempt_limits import count_attempt, per_network
from tests.world import World, settings_for


def test_a_client_address_is_canonical_or_empty() -> None:
    def seen(host: str) -> str:
        return address_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert [seen(host) for host in ("::ffff:198.51.100.7", "2001:db8::1%eth0", "unknown", '"><script>', "x" * 100)] == [
        "198.51.100.7",
        "2001:db8::1",
        "",
        "",
        "",
    ]
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("198.51.100.7") != network_of("198.51.100.8")


PROVE = 'mutation { verifyEmail(token: "not a token") { ... on Refusal { code } } }'


async def attempts_from(services: Services, addresses: Iterable[str]) -> list[str]:
    """The answer to an attempt with an unknown link, which costs no hash, from each of these addresses."""
    app, told = create(settings_for(services.database), services), []
    for address in addresses:
        transport = ASGITransport(app=app, client=(address, 1))
        async with AsyncClient(transport=transport, base_url="http://consentql.test") as client:
            answer = (await client.post("/graphql", json={"query": PROVE})).json()
            told.append(answer["data"]["verifyEmail"]["code"])
    return told


async def test_an_ipv6_network_shares_one_limit(limited_world: World) -> None:
    told = await attempts_from(limited_world.services, (f"2001:db8::{number + 1:x}" for number in range(31)))
    assert told == ["TOKEN_EXPIRED"] * 30 + ["TOO_MANY_ATTEMPTS"]


async def test_the_networks_of_an_ipv6_site_share_ten_times_the_limit() -> None:
    limits = RateLimiter()

    async def attempt(address: str) -> bool:
        context: Any = SimpleNamespace(caller=Caller(address=address), limits=limits)
        return await count_attempt(context, per_network(context, "login")) is None

    assert [await attempt(f"2001:db8:1:{number:x}::1") for number in range(301)] == [True] * 300 + [False]
    assert await attempt("2001:db8:2::1"), "another site has its own counter"


def test_an_ipv4_address_is_one_network_and_an_ipv6_address_is_in_two() -> None:
    assert counted_networks("198.51.100.7") == (("198.51.100.7", 1),)
    assert counted_networks("2001:db8:1:2::3") == (("2001:db8:1:2::/64", 1), ("2001:db8:1::/48", SITE_FACTOR))
    assert counted_networks("") == (("", 1),)

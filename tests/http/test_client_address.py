"""The address of a client, and the network that it counts for."""

from starlette.requests import Request

from app.http.client_address import address_of
from models.database import Database
from permissions.ip_network import network_of
from permissions.rate_limits import RateLimiter
from tests.world import world_of


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


async def test_an_ipv6_network_shares_one_limit(database: Database) -> None:
    from httpx import ASGITransport, AsyncClient

    from app.main import create
    from tests.world import settings_for

    world = world_of(database, limits=RateLimiter(enabled=True))
    app = create(settings_for(database), world.services)
    told = []
    for number in range(31):
        transport = ASGITransport(app=app, client=(f"2001:db8::{number + 1:x}", 1))
        async with AsyncClient(transport=transport, base_url="http://consentql.test") as client:
            who = f'{{email: "n{number}@example.org", password: "no"}}'
            document = f"mutation {{ login(input: {who}) {{ ... on Refusal {{ code }} }} }}"
            told.append((await client.post("/graphql", json={"query": document})).json()["data"]["login"]["code"])
    assert told == ["INVALID_CREDENTIALS"] * 30 + ["TOO_MANY_ATTEMPTS"]
    world.services.hashing.close()

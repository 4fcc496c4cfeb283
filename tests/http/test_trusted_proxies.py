"""Behind a trusted proxy, one header names the client. A proxy that does not name it is reported."""

import logging
import time

import pytest
from httpx import ASGITransport, AsyncClient

from app.http import client_address
from app.http.client_address import ProxyHeader, TrustedProxies
from app.main import create
from app.settings import Settings
from models.database import Database
from tests.http.requests import ONE_DATABASE
from tests.world import services_on, settings_for

PROXY, INNER = "10.0.0.1", "10.0.0.2"
PROXIES = ("10.0.0.0/8", "2001:db8:aa::/48")
XFF, FORWARDED = ProxyHeader.X_FORWARDED_FOR, ProxyHeader.FORWARDED
VIEWER = {"query": "{ viewer { role } }"}


def client(header: ProxyHeader, *values: str, peer: str = PROXY, name: str | None = None) -> str | None:
    """The client of a request with these values of a header, which is the trusted one unless another is named."""
    headers = [((name or header.value).encode(), value.encode("latin1")) for value in values]
    return TrustedProxies(PROXIES, header).client_of(peer, headers)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ([f"203.0.113.9, 198.51.100.7, {INNER}"], "198.51.100.7"),
        ([f"198.51.100.7, 2001:db8:aa::1, {INNER}:80"], "198.51.100.7"),
        ([INNER], INNER),
        ([], None),
        ([""], None),
        (["unknown"], None),
        (["198.51.100.7, unknown"], None),
        ([f"198.51.100.7, _hidden, {INNER}"], None),
        (["198.51.100.7, "], None),
        (["1" * 5000], None),
    ],
)
def test_the_last_untrusted_address_is_the_client(values: list[str], expected: str | None) -> None:
    assert client(XFF, *values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=198.51.100.7"], "198.51.100.7"),
        (["For=198.51.100.7;proto=https;by=10.0.0.1"], "198.51.100.7"),
        (['proto=https; for="198.51.100.7:4711"'], "198.51.100.7"),
        (['for="[2001:db8::7]:443"'], "2001:db8::7"),
        (['for="[2001:db8::7]", for=10.0.0.2'], "2001:db8::7"),
        (["for=203.0.113.9", "for=198.51.100.7"], "198.51.100.7"),
        (['for=203.0.113.9, for=198.51.100.7;host="a,b"'], "198.51.100.7"),
        (['host=";for=203.0.113.9";for=198.51.100.7'], "198.51.100.7"),
        (['host=",for=203.0.113.9";for=198.51.100.7'], "198.51.100.7"),
        (['for="203.0.113.9, for=198.51.100.7'], "198.51.100.7"),
        (['for=203.0.113.9;x=", for="[2001:db8::7]"'], "2001:db8::7"),
        (['for="19\\8.51.100.7"'], "198.51.100.7"),
        (["for=10.0.0.2"], INNER),
        ([], None),
        (["for=unknown"], None),
        (["for=_hidden"], None),
        (["proto=https"], None),
        (["for=198.51.100.7;for=203.0.113.9"], None),
        (["for=198.51.100.7, proto=https"], None),
        (["for=[2001:db8::7]"], None),
        (["198.51.100.7"], None),
        (["for=198.51.100.7,"], None),
        (['",' * 12_000], None),
    ],
)
def test_forwarded_is_read_from_its_end(values: list[str], expected: str | None) -> None:
    assert client(FORWARDED, *values) == expected


def test_only_one_header_of_a_trusted_proxy_is_read() -> None:
    assert client(XFF, "for=198.51.100.7", name="forwarded") is None
    assert client(FORWARDED, "198.51.100.7", name="x-forwarded-for") is None
    assert client(XFF, "198.51.100.7", name="x-real-ip") is None
    for peer in ("203.0.113.9", "2001:db8:ab::1", "unknown"):
        assert client(XFF, "198.51.100.7", peer=peer) == peer, "another peer names nobody"
    assert client(XFF, "198.51.100.7", peer="::ffff:10.0.0.1") == "198.51.100.7"


def behind_proxy(database: Database, header: ProxyHeader) -> AsyncClient:
    """A client that is connected through a trusted proxy."""
    settings: Settings = settings_for(database, trusted_proxies=PROXIES, proxy_header=header)
    transport = ASGITransport(app=create(settings, services_on(database)), client=(PROXY, 1))
    return AsyncClient(transport=transport, base_url="http://consentql.test")


@ONE_DATABASE
@pytest.mark.parametrize(
    ("header", "sent", "named"),
    [
        (XFF, {"X-Forwarded-For": "198.51.100.7"}, True),
        (FORWARDED, {"Forwarded": "for=198.51.100.7"}, True),
        (XFF, {}, False),
        (XFF, {"Forwarded": "for=198.51.100.7"}, False),
        (XFF, {"X-Forwarded-For": "198.51.100.7, unknown"}, False),
        (FORWARDED, {"X-Forwarded-For": "198.51.100.7"}, False),
    ],
)
async def test_an_unnamed_client_is_reported(
    database: Database, caplog: pytest.LogCaptureFixture, header: ProxyHeader, sent: dict[str, str], named: bool
) -> None:
    """Readiness and one log line name the header. The line contains nothing that was sent."""
    async with behind_proxy(database, header) as client:
        assert "proxy" not in (await client.get("/health/ready")).json(), "a proxy checks on its own behalf"
        for _ in range(5):
            assert (await client.post("/graphql", json=VIEWER, headers=sent)).status_code == 200
        ready = await client.get("/health/ready")
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ready.status_code == 200
    assert ("proxy" in ready.json()) == (not named)
    assert len(warnings) == int(not named)
    assert all(header.value in each and "198.51.100.7" not in each for each in warnings)


def test_the_warning_is_repeated_once_a_minute_and_ends(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies, now = TrustedProxies(PROXIES, XFF), time.monotonic()
    assert not proxies.has_unnamed_clients
    for seconds, lines in ((0, 1), (59, 1), (60, 2), (61, 2)):
        monkeypatch.setattr(client_address.time, "monotonic", lambda at=now + seconds: at)
        proxies.warn()
        assert len(caplog.records) == lines
    for seconds, reported in ((660, True), (662, False)):
        monkeypatch.setattr(client_address.time, "monotonic", lambda at=now + seconds: at)
        assert proxies.has_unnamed_clients is reported

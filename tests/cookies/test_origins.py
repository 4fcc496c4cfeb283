"""Origins are compared as browsers mean them, and a malformed one is refused."""

from typing import Any

import pytest

from app.browser.cross_origin import CLIENT_HEADERS
from app.mail.letters import LetterTexts
from app.settings import InvalidSettings, Settings
from models.database import Database
from tests.http.requests import ONE_DATABASE, VIEWER_BODY, call_application, http_scope
from tests.world import KEY, World, codes, settings_for, world_of

BROWSER = {"X-ConsentQL-Client": "browser"}
MALFORMED = (
    "http://[",
    "",
    "http://",
    "http://a:99999",
    "http://a:b",
    "http://a/",
    "http://u@a",
    "a",
    "http://a http://b",
)
EQUAL = [
    ("https://app.example.org", "https://app.example.org"),
    ("HTTPS://App.Example.ORG", "https://app.example.org"),
    ("https://app.example.org:443", "https://app.example.org"),
    ("https://app.example.org", "https://app.example.org:443"),
    ("http://localhost:80", "http://localhost"),
    ("http://localhost:3000", "http://LOCALHOST:3000"),
    ("https://bücher.example", "https://xn--bcher-kva.example"),
    ("https://BÜCHER.example:8443", "https://xn--bcher-kva.example:8443"),
    ("https://straße.example", "https://xn--strae-oqa.example"),
    ("http://[0:0::1]:3000", "http://[::1]:3000"),
]
DIFFERENT = [
    ("https://app.example.org", "http://app.example.org"),
    ("https://app.example.org", "https://app.example.org:444"),
    ("https://app.example.org", "https://app.example.org.evil.test"),
    ("https://app.example.org", "https://evil.test"),
    ("https://straße.example", "https://strasse.example"),
    ("http://localhost:3000", "http://localhost"),
    ("http://localhost:3000", "http://127.0.0.1:3000"),
]


async def status_of(world: World, origin: str, **headers: str) -> int:
    sent = {**BROWSER, "Origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = await world.client.post("/graphql", json={"query": "{ viewer { role } }"}, headers=sent)
    if answer.status_code == 403:
        assert codes(answer.json()) == ["FORBIDDEN"]
    return answer.status_code


@pytest.mark.parametrize("setting", ["allowed_origins", "public_url"])
@pytest.mark.parametrize(("set_as", "sent"), EQUAL)
@ONE_DATABASE
async def test_spellings_of_one_origin_are_equal(database: Database, setting: str, set_as: str, sent: str) -> None:
    value: Any = (set_as,) if setting == "allowed_origins" else f"{set_as}/api/"
    world = world_of(database, settings_for(database, **{setting: value}).validated())
    assert await status_of(world, sent) == 200
    assert await status_of(world, sent, Sec_Fetch_Site="cross-site") == 200, "an allowed origin may be of another site"


@pytest.mark.parametrize(("set_as", "sent"), DIFFERENT)
@ONE_DATABASE
async def test_different_origins_are_refused(database: Database, set_as: str, sent: str) -> None:
    settings = settings_for(database, allowed_origins=(set_as,), public_url=set_as)
    assert await status_of(world_of(database, settings), sent) == 403


@ONE_DATABASE
async def test_the_host_of_the_request_is_compared_in_the_same_way(world: World) -> None:
    for host, origin, status in (
        ("Api.Example.org", "https://api.example.org", 200),
        ("api.example.org:443", "https://api.example.org", 200),
        ("api.example.org:80", "https://api.example.org", 403),
        ("api.example.org:8000", "http://API.example.org:8000", 200),
        ("xn--bcher-kva.example", "https://BÜCHER.example".encode().decode("latin-1"), 403),
        ("[", "http://[", 403),
        ("", "http://a", 403),
        ("a/b", "http://a", 403),
    ):
        headers = [(b"x-consentql-client", b"browser"), (b"origin", origin.encode("latin-1"))]
        scope = http_scope()
        scope["headers"] = [(b"host", host.encode()), (b"content-type", b"application/json"), *headers]
        told, _, _ = await call_application(world, scope, [VIEWER_BODY])
        assert told == status, (host, origin)


@pytest.mark.parametrize("headers", [{}, BROWSER])
@ONE_DATABASE
async def test_a_malformed_origin_is_403(world: World, headers: dict[str, str]) -> None:
    for origin in MALFORMED:
        sent = {**headers, "Origin": origin}
        answer = await world.client.post("/graphql", json={"query": "{ viewer { role } }"}, headers=sent)
        assert (answer.status_code, codes(answer.json())) == (403, ["FORBIDDEN"]), origin


@ONE_DATABASE
async def test_apps_with_origins_of_their_own_may_send_bearer_tokens(world: World) -> None:
    for origin in ("null", "file://", "capacitor://localhost", "chrome-extension://abcdef"):
        answer = await world.client.post("/graphql", json={"query": "{ viewer { role } }"}, headers={"Origin": origin})
        assert answer.status_code == 200, origin
        assert await status_of(world, origin) == 403, origin


@ONE_DATABASE
async def test_no_header_of_a_visitor_makes_a_500(world: World) -> None:
    values = (b"http://[", b"\xff", b"", b"[", b":", b";=,", b"%", b"a" * 5000, b"http://\xc3\xbc\xff:9", b"bytes=0-")
    names = (b"origin", b"sec-fetch-site", b"cookie", b"accept", b"x-consentql-client", b"authorization", b"sec-gpc")
    names += (b"x-forwarded-for", b"forwarded", b"x-request-id", b"content-length", b"content-encoding", b"host")
    for name in names:
        for value in values:
            for more in ([], [(b"x-consentql-client", b"browser"), (b"origin", b"http://h")]):
                kept = [pair for pair in more if pair[0] != name]
                scope = http_scope(headers=[*kept, (name, value)])
                scope["headers"] = [pair for pair in scope["headers"] if pair != (b"host", b"h") or name != b"host"]
                status, _, _ = await call_application(world, scope, [VIEWER_BODY])
                assert status < 500, (name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_origins", ("https://app.example.org/",)),
        ("allowed_origins", ("https://app.example.org:99999",)),
        ("allowed_origins", ("https://*.example.org",)),
        ("allowed_origins", ("https://u@app.example.org",)),
        ("public_url", "https://api.example.org:99999"),
        ("public_url", "https://u:p@api.example.org"),
        ("public_url", "https://[api.example.org"),
        ("public_url", "https:api.example.org"),
    ],
)
def test_a_setting_that_no_browser_can_match_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettings, match=f"CONSENTQL_{name.upper()} must"):
        Settings(secret_keys=(KEY,), **{name: value}).validated()


def test_letters_name_an_international_host_in_ascii() -> None:
    assert LetterTexts("https://BÜCHER.example/").host == "xn--bcher-kva.example"


@ONE_DATABASE
async def test_an_allowed_origin_may_send_the_headers_of_well_known_clients(database: Database) -> None:
    world = world_of(database, settings_for(database, allowed_origins=("https://App.example.org:443",)))
    own = ("content-type", "authorization", "x-consentql-client", "x-request-id")
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join((*own, *CLIENT_HEADERS))}
    for origin, status in (("https://app.example.org", 200), ("https://evil.test", 400)):
        answer = await world.client.options("/graphql", headers={"Origin": origin, **ask})
        assert answer.status_code == status
        assert answer.headers.get("access-control-allow-origin") == (
            "https://app.example.org" if status == 200 else None
        )
    for unknown in ("cookie2", "x-forwarded-for", "x-evil"):
        sent = {"Origin": "https://app.example.org", **ask, "Access-Control-Request-Headers": unknown}
        assert (await world.client.options("/graphql", headers=sent)).status_code == 400


NAMED = {"apollographql-client-name", "apollographql-client-version", "apollo-require-preflight"}
NAMED |= {"x-apollo-operation-name", "sentry-trace", "baggage", "traceparent", "tracestate"}


def test_the_headers_of_apollo_sentry_and_opentelemetry_are_among_them() -> None:
    assert set(CLIENT_HEADERS) >= NAMED

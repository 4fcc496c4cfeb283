"""An answer to a request that never became an operation comes in the media type that the request accepts."""

import pytest

from app.http import request_body
from models.database import Database
from permissions.rate_limits import RateLimiter
from tests.http.requests import JSON, ONE_DATABASE, VIEWER_BODY, call_application, http_scope
from tests.world import World, settings_for, world_of

GRAPHQL = "application/graphql-response+json"
ACCEPTED = [(GRAPHQL, GRAPHQL), ("application/json", "application/json"), ("text/plain", "application/json")]
accepting = pytest.mark.parametrize(("accept", "media_type"), ACCEPTED)

REFUSED = [
    ("POST", "/graphql", {"Content-Type": "text/plain"}, b"x", 415),
    ("POST", "/graphql", {}, b"{", 400),
    ("POST", "/graphql", {}, b'{"query": "{ viewer"}', 400),
    ("POST", "/graphql", {}, b'{"query": "{ viewer { role } }", "operationName": "Other"}', 400),
    ("POST", "/graphql", {}, b'{"query": "%s"}' % (b" " * request_body.MAX_BYTES), 413),
    ("POST", "/graphql", {"Authorization": "Bearer nonsense"}, VIEWER_BODY, 401),
    ("POST", "/graphql", {"X-ConsentQL-Client": "browser", "Origin": "http://evil.test"}, VIEWER_BODY, 403),
    ("POST", "/graphql", {"X-Large": "x" * 40_000}, VIEWER_BODY, 431),
    ("PUT", "/graphql", {}, b"", 405),
    ("GET", "/graphql", {}, b"", 405),
    ("GET", "/elsewhere", {}, b"", 404),
]


@accepting
@ONE_DATABASE
async def test_a_refused_request_is_answered_in_the_accepted_type(world: World, accept: str, media_type: str) -> None:
    for method, path, headers, body, status in REFUSED:
        sent = {**JSON, "Accept": accept, **headers}
        answer = await world.client.request(method, path, headers=sent, content=body)
        accepted_none = accept == "text/plain" and (method, path) == ("POST", "/graphql") and status != 431
        assert answer.status_code == (406 if accepted_none else status), (path, headers)
        assert answer.headers["content-type"] == media_type, (path, status)
        assert answer.json()["errors"]


@accepting
@ONE_DATABASE
async def test_a_request_too_many_is_answered_in_the_accepted_type(
    database: Database, accept: str, media_type: str
) -> None:
    settings = settings_for(database, requests_per_minute=5)
    world = world_of(database, settings, limits=RateLimiter(enabled=True))
    for _ in range(6):  # an unsupported type is refused at once, and counted
        answer = await world.client.post("/graphql", headers={"Accept": accept}, content=b"")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == media_type


@accepting
@ONE_DATABASE
async def test_a_failure_is_answered_in_the_accepted_type(
    world: World, accept: str, media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(request_body, "response_type", fail)
    scope = http_scope(headers=[(b"accept", accept.encode())])
    status, headers, _ = await call_application(world, scope, [VIEWER_BODY])
    assert (status, headers["content-type"]) == (500, media_type)

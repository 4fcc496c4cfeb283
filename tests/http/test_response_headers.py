"""Headers, methods, paths and request ids."""

import json
import logging
import re

import pytest

from models.database import Database
from tests.http.requests import (
    CANARY,
    ONE_DATABASE,
    VIEWER_BODY,
    all_rows,
    assert_marked,
    assert_refused,
    call_application,
    http_scope,
    log_text,
    send,
)
from tests.world import World, codes, settings_for, world_of


@ONE_DATABASE
async def test_a_request_has_one_host_and_limited_headers(world: World) -> None:
    many = [(f"x-{number}".encode(), b"") for number in range(99)]
    for headers, status in (
        ([(b"content-type", b"application/json")], 400),
        ([(b"host", b"a"), (b"host", b"a"), (b"content-type", b"application/json")], 400),
        ([(b"host", b"a"), *many, (b"content-type", b"application/json")], 431),
        ([(b"host", b"a"), *many[1:], (b"content-type", b"application/json")], 200),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"x", b"y" * 32_768)], 431),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"y" * 32_768, b"")], 431),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"x", b"y" * 32_000)], 200),
    ):
        scope = {**http_scope(), "headers": headers}
        told, _, content = await call_application(world, scope, [VIEWER_BODY])
        assert told == status, (len(headers), content)
        if status != 200:
            assert codes(json.loads(content)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("environment", ["development", "production"])
@ONE_DATABASE
async def test_operations_require_post(database: Database, environment: str) -> None:
    world = world_of(database, settings_for(database, environment=environment))
    before = await all_rows(database)
    mutation = {"query": "mutation { logout }"}
    for verb in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", CANARY):
        response = await world.client.request(verb, "/graphql", params=mutation)
        assert_refused(response, 405, "BAD_USER_INPUT")
        assert "POST" in response.headers["allow"], verb
    head = await world.client.head("/graphql", params=mutation)
    assert (head.status_code, head.headers["allow"]) == (405, "POST")
    assert await all_rows(database) == before


@ONE_DATABASE
async def test_an_unknown_path_is_404_as_a_graphql_error(world: World) -> None:
    for path in (
        "/graphql/x",
        "/GRAPHQL",
        "/graphql;a",
        "/health",
        "/metrics",
        "/docs",
        "/openapi.json",
        f"/{CANARY}",
        "/%00",
        "/%ff",
    ):
        response = await world.client.get(path)
        assert_refused(response, 404, "BAD_USER_INPUT")
        assert CANARY not in response.text
    for path in ("/health/live", "/health/ready"):
        for verb in ("GET", "HEAD"):
            response = await world.client.request(verb, path)
            assert response.status_code == 200, (verb, path)
            assert_marked(response.headers)


@ONE_DATABASE
async def test_only_a_safe_request_id_is_kept(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for given in ("abcd-1234", "A" * 64):
        assert (await send(world, VIEWER_BODY, **{"X-Request-Id": given})).headers["x-request-id"] == given
    for given in ("short", "A" * 65, f"{CANARY} x", f"{CANARY}\tx", f"{CANARY}é", "a;b=c<d>", "", "12345678\x85"):
        scope = http_scope(headers=[(b"x-request-id", given.encode("latin1"))])
        status, headers, _ = await call_application(world, scope, [VIEWER_BODY])
        assert status == 200
        assert re.fullmatch("[0-9a-f]{24}", headers["x-request-id"])
    seen = {(await send(world, VIEWER_BODY)).headers["x-request-id"] for _ in range(50)}
    assert len(seen) == 50
    assert CANARY not in log_text(caplog)


@ONE_DATABASE
async def test_a_websocket_is_refused(world: World) -> None:
    scope = {**http_scope(), "type": "websocket", "subprotocols": ["graphql-transport-ws"]}
    _, sent, _ = await call_application(world, scope, [])
    assert [message["type"] for message in sent] == ["websocket.close"]


@ONE_DATABASE
async def test_every_answer_of_production_has_the_headers_that_protect_browsers(database: Database) -> None:
    world = world_of(database, settings_for(database, environment="production"))
    for method, path in (
        ("POST", "/graphql"),
        ("GET", "/"),
        ("GET", "/verify"),
        ("GET", "/none"),
        ("GET", "/health/live"),
    ):
        headers = (await world.client.request(method, path)).headers
        assert headers["strict-transport-security"] == "max-age=63072000; includeSubDomains", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path

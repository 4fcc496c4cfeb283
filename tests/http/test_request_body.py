"""Media types, encodings, sizes and shapes of request bodies."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.http import request_body
from permissions.graphql.document_demand import MOST_VALUES
from tests.http.requests import (
    CANARY,
    JSON,
    ONE_DATABASE,
    VIEWER_BODY,
    all_rows,
    assert_refused,
    call_application,
    http_scope,
    send,
)
from tests.world import World

BODIES = {
    "nothing": (b"", None),
    "half": (b'{"query": "{ viewer', None),
    "a text": (b'"x"', None),
    "null": (b"null", None),
    "a number": (b"1", None),
    "a list": (b"[]", None),
    "a batch": (b"[" + VIEWER_BODY + b"," + VIEWER_BODY + b"]", None),
    "an empty object": (b"{}", "query"),
    "lists in lists": (b"[" * 100_000, None),
    "lists in lists, closed": (b"[" * 30_000 + b"]" * 30_000, None),
    "objects in objects": (b'{"query":' * 6_000 + b"1" + b"}" * 6_000, None),
    "deep variables": (b'{"query":"{a}","variables":{"a":' + b"[" * 1010 + b"]" * 1010 + b"}}", None),
    "two values": (VIEWER_BODY + VIEWER_BODY, None),
    "invalid UTF-8": (b'{"query": "{ viewer { role } } # \xff"}', None),
    "overlong UTF-8": (b'{"query": "{ viewer { role } } # \xc0\xaf"}', None),
    "a surrogate in UTF-8": (b'{"query": "{ viewer { role } } # \xed\xa0\x80"}', None),
    "UTF-16": (VIEWER_BODY.decode().encode("utf-16"), None),
    "UTF-16 without a mark": (VIEWER_BODY.decode().encode("utf-16-le"), None),
    "a byte order mark": (b"\xef\xbb\xbf" + VIEWER_BODY, None),
    "a form": (b"query=%7Bviewer%7Brole%7D%7D", None),
    "NaN": (b'{"query": "{ viewer { role } }", "variables": {"a": NaN}}', None),
    "infinity": (b'{"query": "{ viewer { role } }", "variables": {"a": -Infinity}}', None),
    "a number that is infinite": (b'{"query": "{ viewer { role } }", "variables": {"a": 1e400}}', None),
    "5000 digits": (b'{"query": "{ viewer { role } }", "variables": {"a": ' + b"9" * 5000 + b"}}", None),
    "-5000 digits": (b'{"query": "{ viewer { role } }", "variables": {"a": -' + b"9" * 5000 + b"}}", None),
    "a key twice": (b'{"query": "{ viewer { role } }", "query": "{ me { id } }"}', None),
    "a key twice, deep": (b'{"query": "{ viewer { role } }", "variables": {"a": {"b": 1, "b": 2}}}', None),
    "a key twice, escaped": (b'{"query": "{ viewer { role } }", "\\u0071uery": ""}', None),
    "half a pair of surrogates": (b'{"query": "{ viewer { role } }", "variables": {"a": "\\ud800"}}', None),
    "the other half": (b'{"query": "{ viewer { role } }", "variables": {"\\udc00": 1}}', None),
    "half a pair in the document": (b'{"query": "{ viewer { role } } # \\ud800"}', None),
    "a control character": (b'{"query": "{ viewer { role } } \x01"}', None),
    "no document": (b'{"query": null}', "query"),
    "a blank document": (b'{"query": " \\n"}', "query"),
    "a number for a document": (b'{"query": 1}', "query"),
    "a list of documents": (b'{"query": ["{ viewer { role } }"]}', "query"),
    "a list of variables": (b'{"query": "{ viewer { role } }", "variables": [1]}', "variables"),
    "a text of variables": (b'{"query": "{ viewer { role } }", "variables": "{}"}', "variables"),
    "a number for a name": (b'{"query": "{ viewer { role } }", "operationName": 1}', "operationName"),
    "a text of extensions": (b'{"query": "{ viewer { role } }", "extensions": "x"}', "extensions"),
}


@ONE_DATABASE
async def test_an_invalid_body_is_refused_and_its_argument_named(world: World) -> None:
    for name, (content, argument) in BODIES.items():
        response = await send(world, content)
        # a longer body than allowed is not parsed
        assert_refused(response, 413 if len(content) > request_body.MAX_BYTES else 400, "BAD_USER_INPUT", argument)
        assert "9999" not in response.text, name


def values_of_shapes(number: int) -> list[dict[str, Any]]:
    """Variables with this many values: next to each other, in a list, in objects, and in lists of one."""
    nested: list[Any] = []
    for _ in range(99):
        nested = [nested]
    return [
        {f"x{place}": 1 for place in range(number)},
        {"ids": [1] * (number - 1)},
        {"input": {"pages": [{"a": None}] * ((number - 2) // 2), **{f"b{place}": "" for place in range(number % 2)}}},
        {f"x{place}": nested for place in range(number // 100)} | {f"y{place}": [] for place in range(number % 100)},
    ]


@ONE_DATABASE
async def test_variables_may_have_2000_values_at_every_depth(world: World) -> None:
    """More are refused before any of them is coerced, because coercion holds the event loop."""
    for variables in values_of_shapes(MOST_VALUES):
        response = await send(world, json.dumps({"query": "{ viewer { role } }", "variables": variables}).encode())
        assert response.status_code == 200
    for variables in values_of_shapes(MOST_VALUES + 1):
        response = await send(world, json.dumps({"query": "{ viewer { role } }", "variables": variables}).encode())
        assert_refused(response, 400, "BAD_USER_INPUT", "variables")
        assert f"{MOST_VALUES:,}" in response.text


@ONE_DATABASE
async def test_an_operation_name_must_be_in_the_document(world: World) -> None:
    for document, name in (("query A { viewer { role } }", "B"), ("{ viewer { role } }", CANARY)):
        response = await send(world, json.dumps({"query": document, "operationName": name}).encode())
        assert_refused(response, 400, "GRAPHQL_VALIDATION_FAILED", "operationName")
    response = await send(world, json.dumps({"query": "query A { viewer { role } }", "operationName": "A"}).encode())
    assert response.json() == {"data": {"viewer": {"role": "ANONYMOUS"}}}


@ONE_DATABASE
async def test_only_json_in_utf8_is_accepted(world: World) -> None:
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/json, text/plain",
        "text/plain; application/json",
        "application/jsonp",
        "",
    ):
        response = await world.client.post("/graphql", content=VIEWER_BODY, headers={"Content-Type": kind})
        assert_refused(response, 415, "BAD_USER_INPUT")
    assert_refused(await world.client.post("/graphql", content=VIEWER_BODY), 415, "BAD_USER_INPUT")
    twice = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    assert_refused(await world.client.post("/graphql", content=VIEWER_BODY, headers=twice), 415, "BAD_USER_INPUT")
    for kind in ("Application/JSON", "application/json;charset=UTF-8", 'application/json ; charset="utf-8"'):
        assert (await send(world, VIEWER_BODY, **{"Content-Type": kind})).status_code == 200, kind


@ONE_DATABASE
async def test_a_content_coding_is_refused(world: World) -> None:
    for coding in ("gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd", CANARY):
        response = await send(world, b"\x1f\x8b" + b"\0" * 1000, **{"Content-Encoding": coding})
        assert_refused(response, 415, "BAD_USER_INPUT")
        assert CANARY not in response.text
    twice = [*JSON.items(), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    assert_refused(await world.client.post("/graphql", content=VIEWER_BODY, headers=twice), 415, "BAD_USER_INPUT")
    assert (await send(world, VIEWER_BODY, **{"Content-Encoding": "identity"})).status_code == 200


@ONE_DATABASE
async def test_the_answer_has_an_accepted_media_type(world: World) -> None:
    newer, older = "application/graphql-response+json", "application/json"
    for accept, kind in (
        (older, older),
        (newer, newer),
        ("Application/GraphQL-Response+JSON; charset=utf-8", newer),
        (f"{older}, {newer};q=0.9", newer),
        (f"{newer};q=0, {older}", older),
        ("*/*", older),
        ("application/*;q=0.1", older),
        ("", older),
    ):
        assert (await send(world, VIEWER_BODY, Accept=accept)).headers["content-type"] == kind, accept
    for accept in (
        "text/csv",
        "text/html, image/*",
        "application/json;q=0",
        "application/json; charset=latin1",
        CANARY,
    ):
        response = await send(world, VIEWER_BODY, Accept=accept)
        assert_refused(response, 406, "BAD_USER_INPUT")
        assert CANARY not in response.text


@ONE_DATABASE
async def test_a_body_has_at_most_64_kib(world: World) -> None:
    full = VIEWER_BODY + b" " * (request_body.MAX_BYTES - len(VIEWER_BODY))
    assert (await send(world, full)).status_code == 200
    assert_refused(await send(world, full + b" "), 413, "BAD_USER_INPUT")
    assert_refused(await send(world, b" " * 10_000_000), 413, "BAD_USER_INPUT")
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 10_000
            yield b" " * 10_000

    assert_refused(await send(world, chunks()), 413, "BAD_USER_INPUT")
    assert taken <= request_body.MAX_BYTES + 20_000, "no more is read than it takes to know"
    for length in ("-1", "+5", "0x10", "1e3", "²", "9" * 5000, ""):
        scope = http_scope(headers=[(b"content-length", length.encode("latin1"))])
        assert (await call_application(world, scope, [VIEWER_BODY]))[0] in (200 if length == "" else 413, 413), length


@ONE_DATABASE
async def test_a_slow_body_times_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_body.TIMEOUT_SECONDS == 10
    monkeypatch.setattr(request_body, "TIMEOUT_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        for letter in VIEWER_BODY:
            yield bytes([letter])
            await asyncio.sleep(0.02)

    response = await send(world, trickle())
    assert_refused(response, 408, "BAD_USER_INPUT")
    assert response.headers["connection"] == "close", "or the trickle would go on"


@ONE_DATABASE
async def test_a_client_that_disconnects_causes_no_error_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = await all_rows(world.services.database)
    status, _, _ = await call_application(world, http_scope(), [b'{"query": "{ viewer', None])
    assert status == 400
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert await all_rows(world.services.database) == before

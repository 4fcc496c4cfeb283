"""Requests to the application and to a server process, and checks of their answers."""

import socket
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from models.database import Database
from models.tables import METADATA
from tests.serving import Server
from tests.world import World, codes

CANARY = "S3cr3tCanary"


VIEWER_BODY = b'{"query": "{ viewer { role } }"}'


JSON = {"Content-Type": "application/json"}


ONE_DATABASE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For tests that do not use the database."""


LENGTH = b"Content-Length: %d" % len(VIEWER_BODY)


HOST = b"Host: h"


async def all_rows(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    async with database.reading() as connection:
        rows = {name: (await connection.execute(select(table))).all() for name, table in METADATA.tables.items()}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


def assert_refused(response: httpx.Response, status: int, code: str, argument: str | None = None) -> None:
    """Asserts that the request was refused with GraphQL errors of one code, and has the common headers."""
    assert response.status_code == status, response.text
    assert_marked(response.headers)
    answer = response.json()
    assert set(answer) == {"errors"}
    assert 1 <= len(answer["errors"]) <= 10
    assert set(codes(answer)) == {code}, answer
    assert all(error["message"] for error in answer["errors"])
    if argument is not None:
        assert answer["errors"][0]["extensions"]["argument"] == argument


def assert_marked(headers: Any) -> None:
    """Asserts the headers that every answer has."""
    assert len(headers["x-request-id"]) >= 8
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


async def send(world: World, content: Any, **headers: str) -> httpx.Response:
    """Posts these bytes as JSON."""
    return await world.client.post("/graphql", content=content, headers={**JSON, **headers})


def log_text(caplog: pytest.LogCaptureFixture) -> str:
    """All log records with their arguments and extra fields, except those of the client and the driver."""
    ours = [each for each in caplog.records if not each.name.startswith(("httpx", "httpcore", "aiosqlite", "asyncio"))]
    return "\n".join(f"{each.getMessage()} {vars(each)}" for each in ours)


def http_scope(**more: Any) -> dict[str, Any]:
    """An ASGI scope of a request."""
    headers = [(b"host", b"h"), (b"content-type", b"application/json"), *more.pop("headers", [])]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        **more,
    }


async def call_application(world: World, scope: dict[str, Any], chunks: list[bytes | None]) -> tuple[int, Any, bytes]:
    """Sends a body in chunks and returns status, headers and body. A chunk of None disconnects."""
    waiting = list(chunks)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0) if waiting else None
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def note(message: Any) -> None:
        sent.append(message)

    await world.client._transport.app(scope, receive, note)
    if scope["type"] == "websocket":
        return 0, sent, b""
    headers = httpx.Headers(sent[0]["headers"])
    assert_marked(headers)
    return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


def exchange(server: Server, raw_request: bytes, seconds: float = 60) -> bytes:
    """Sends bytes to the server and returns its answer, up to the end of the connection or a timeout."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            connection.sendall(raw_request)
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
    return answer


def raw_request(*headers: bytes, content: bytes = VIEWER_BODY, start: bytes = b"POST /graphql HTTP/1.1") -> bytes:
    """A request as bytes that closes the connection after the answer."""
    lines = [start, b"Content-Type: application/json", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def parse_answer(answer: bytes) -> tuple[int, httpx.Headers, bytes]:
    """The status, headers and body of an answer."""
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = [tuple(line.split(b": ", 1)) for line in lines]
    return int(first.split(b" ")[1]), httpx.Headers(pairs), content

"""A server process answers malformed HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.graphql.canary_documents import SECRETS
from tests.http.requests import (
    CANARY,
    HOST,
    JSON,
    LENGTH,
    ONE_DATABASE,
    VIEWER_BODY,
    assert_marked,
    exchange,
    parse_answer,
    raw_request,
)
from tests.serving import Server, free_port, serving
from tests.world import codes


@pytest.fixture
def metrics() -> str:
    """The address of the server's metrics."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def server(database_url: str, metrics: str, tmp_path: Path) -> Iterator[Server]:
    """A server process. At the end its log must not contain the canary."""
    with serving(database_url, tmp_path, CONSENTQL_METRICS_ADDRESS=metrics) as server:
        yield server
    assert CANARY not in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


@ONE_DATABASE
def test_a_server_answers_unusual_requests(server: Server) -> None:
    chunked = b"Transfer-Encoding: chunked"
    pieces = b"".join(b"2710\r\n" + b" " * 10_000 + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"
    handshake = (b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    mine = (HOST, LENGTH)
    for name, sent, status in (
        ("plain", raw_request(*mine), 200),
        (
            "in pieces",
            raw_request(HOST, chunked, content=b"%x\r\n%b\r\n0\r\n\r\n" % (len(VIEWER_BODY), VIEWER_BODY)),
            200,
        ),
        ("waiting to be told", raw_request(*mine, b"Expect: 100-continue"), 200),
        ("10 MB", raw_request(HOST, b"Content-Length: 10000000", content=b" " * 10_000_000), 413),
        ("10 MB, only announced", raw_request(HOST, b"Content-Length: 10000000", content=b""), 413),
        ("1 MB in pieces", raw_request(HOST, chunked, content=pieces), 413),
        ("no host", raw_request(LENGTH), 400),
        ("two hosts", raw_request(*mine, b"Host: g"), 400),
        ("200 headers", raw_request(*mine, *(b"X-%d: y" % number for number in range(200))), 431),
        ("40 kB of headers", raw_request(*mine, b"X: " + b"y" * 40_000), 431),
        ("two tokens", raw_request(*mine, b"Authorization: Bearer x", b"Authorization: Bearer y"), 401),
        ("gzip", raw_request(*mine, b"Content-Encoding: gzip"), 415),
        ("a socket", raw_request(HOST, *handshake, content=b"", start=b"GET /nothing HTTP/1.1"), 404),
        ("a later protocol", raw_request(*mine, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), 200),
        ("another verb", raw_request(HOST, content=b"", start=b"DELETE /graphql HTTP/1.1"), 405),
        ("a head", raw_request(HOST, content=b"", start=b"HEAD /graphql HTTP/1.1"), 405),
    ):
        answer = exchange(server, sent).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert answer, name
        told, headers, content = parse_answer(answer)
        assert told == status, (name, answer)
        assert_marked(headers)
        if name == "a head":
            assert content == b""
        elif status != 200:
            assert len(codes(json.loads(content))) == 1, name
    upgraded = exchange(server, raw_request(HOST, *handshake, content=b"", start=b"GET /graphql HTTP/1.1"))
    assert b"101" not in upgraded.split(b"\r\n")[0]


@ONE_DATABASE
def test_a_server_refuses_ambiguous_requests(server: Server) -> None:
    smuggled = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
    for sent in (
        raw_request(HOST, LENGTH, b"Transfer-Encoding: chunked", content=smuggled),
        raw_request(HOST, LENGTH, b"Transfer-Encoding : chunked", content=smuggled),
        raw_request(HOST, b"Transfer-Encoding: xchunked", content=smuggled),
        raw_request(HOST, LENGTH, b"Content-Length: 3"),
        raw_request(HOST, b"Content-Length: +32"),
        raw_request(HOST, LENGTH, b"X: a\0b"),
        raw_request(HOST, LENGTH, b"X: a\rb"),
        raw_request(HOST, LENGTH, start=b"POST /graphql HTTP/9.9"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY.encode(),
        CANARY.encode() + b"\r\n\r\n",
    ):
        answer = exchange(server, sent)
        assert answer.count(b"HTTP/1.1 ") == 1, (sent, answer)
        assert answer.startswith(b"HTTP/1.1 400 "), (sent, answer)
        _, headers, content = parse_answer(answer)
        assert_marked(headers)
        assert codes(json.loads(content)) == ["BAD_USER_INPUT"]
        assert b"alive" not in answer
        assert CANARY.encode() not in answer
    three = raw_request(HOST, LENGTH).replace(b"Connection: close\r\n", b"") * 2 + raw_request(HOST, LENGTH)
    assert exchange(server, three).count(b"HTTP/1.1 200 OK") == 3, "three requests on one connection get three answers"


@ONE_DATABASE
def test_a_server_logs_no_sent_value(server: Server, metrics: str) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for document, variables in SECRETS.values():
            response = client.post("/graphql", json={"query": document, "variables": variables})
            assert response.status_code in (200, 400)
            assert CANARY not in response.text + str(response.headers)
        for sent in (b"{" + CANARY.encode(), b'"' + CANARY.encode() + b'"', CANARY.encode() + b"\xff"):
            assert CANARY not in client.post("/graphql", content=sent, headers=JSON).text
        headers = {
            "Authorization": f"Bearer {CANARY}",
            "Cookie": CANARY,
            "Origin": f"https://{CANARY}",
            "Referer": CANARY,
        }
        assert client.post("/graphql", content=VIEWER_BODY, headers={**JSON, **headers}).status_code == 401
        assert client.get(f"/{CANARY}?{CANARY}").status_code == 404
        assert client.get(f"/graphql?query={CANARY}").status_code == 405
        assert CANARY not in httpx.get(f"http://{metrics}/metrics").text
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert len([line for line in lines if line["logger"] == "consentql.http"]) >= len(SECRETS)

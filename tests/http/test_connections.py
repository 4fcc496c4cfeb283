"""Idle, slow and too many connections keep nobody else from the service."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.connections.cap import ConnectionCap
from app.connections.protocol import CONNECTIONS, HEADER_SECONDS, MOST_BYTES, READING_SECONDS, ConnectionProtocol
from app.http.client_address import ProxyHeader, TrustedProxies
from app.http.response_headers import LIVENESS, OVERLOADED
from tests.http.requests import ONE_DATABASE, assert_marked, call_application, http_scope, parse_answer
from tests.world import World, codes

PROXY = "10.0.0.1"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"


@dataclass(eq=False)
class Peer:
    """A connection of the cap."""

    peer: str
    closed: bool = False

    def close_idle(self) -> None:
        self.closed = True


def cap_of(per_client: int = 2, of_proxies: int = 3, per_process: int = 100) -> ConnectionCap:
    return ConnectionCap(TrustedProxies([PROXY], ProxyHeader.FORWARDED), per_client, of_proxies, per_process)


def test_a_further_connection_takes_the_place_of_the_oldest_idle_one_of_its_client() -> None:
    cap = cap_of()
    other, *mine = [Peer("192.0.2.2"), *(Peer("192.0.2.1") for _ in range(4))]
    assert all(cap.add(each) for each in (other, *mine))
    assert [each.closed for each in (other, *mine)] == [False, True, True, False, False]


def test_a_busy_connection_keeps_its_place() -> None:
    cap = cap_of()
    first, second, third, fourth = (Peer("192.0.2.1") for _ in range(4))
    for each in (first, second):
        assert cap.add(each)
        cap.begin(each)
    assert not cap.add(third), "it is told to come again"
    assert (first.closed, second.closed) == (False, False)
    cap.remove(third)
    cap.end(first)
    assert cap.add(fourth)
    assert (first.closed, second.closed) == (True, False)


def test_trusted_proxies_have_a_total_of_their_own() -> None:
    cap = cap_of()
    proxies = [Peer(PROXY) for _ in range(3)]
    assert all(cap.add(each) for each in proxies)
    assert not any(each.closed for each in proxies), "more than one client may have"
    assert cap.add(Peer(PROXY))
    assert [each.closed for each in proxies] == [True, False, False]


def test_many_clients_share_the_cap_of_the_process() -> None:
    cap = cap_of(per_process=5)
    peers = [Peer(f"192.0.2.{number}") for number in range(8)]
    assert all(cap.add(each) for each in peers)
    assert [each.closed for each in peers] == [True] * 3 + [False] * 5


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": [peer, 1], "sockname": ["127.0.0.1", 80]})
        self.written = b""
        self.closed = False
        self.unread_bytes = 0

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


@dataclass
class Clock:
    """A loop whose timers the test lets expire."""

    timers: list[tuple[float, Callable[[], None], "Timer"]] = field(default_factory=list)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "Timer":
        timer = Timer()
        self.timers.append((seconds, callback, timer))
        return timer

    def create_task(self, work: Any, **_: Any) -> Any:
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]

    def expire(self, seconds: float) -> None:
        """Lets every timer of this length expire that nobody cancelled."""
        due, self.timers = self.timers, []
        for length, callback, timer in due:
            if length == seconds and not timer.cancelled:
                callback()


@dataclass
class Timer:
    """A timer of the clock."""

    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Client:
    """A connection to an application that notes the scopes of its requests."""

    protocol: ConnectionProtocol
    transport: Transport
    clock: Clock
    scopes: list[Any]
    release: asyncio.Event

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    async def answered(self) -> None:
        """Waits until the requests so far have their answer."""
        self.release.set()
        await asyncio.gather(*self.clock.tasks)
        self.release.clear()

    def lose(self) -> None:
        self.protocol.connection_lost(None)


def connected(cap: ConnectionCap | None = None, peer: str = "192.0.2.1", most: int | None = None) -> Client:
    scopes: list[Any] = []
    release = asyncio.Event()

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        scopes.append(scope)
        await release.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    clock, transport = Clock(), Transport(peer)
    config = Config(application, limit_concurrency=most, log_config=None, lifespan="off", ws="none")
    protocol = ConnectionProtocol(config, ServerState(), {CONNECTIONS: cap}, clock)  # type: ignore[arg-type]
    protocol.connection_made(transport)
    return Client(protocol, transport, clock, scopes, release)


def assert_refused(client: Client, status: int) -> None:
    told, headers, content = parse_answer(client.transport.written)
    assert (told, codes(json.loads(content))) == (status, ["BAD_USER_INPUT"])
    assert_marked(headers)
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(content)
    assert client.transport.closed


async def test_a_connection_that_sends_nothing_is_closed() -> None:
    client = connected()
    client.clock.expire(HEADER_SECONDS)
    assert (client.transport.closed, client.transport.written) == (True, b"")


@pytest.mark.parametrize("before", [b"", LIVE])
async def test_headers_must_arrive_in_time_however_slowly_they_come(before: bytes) -> None:
    client = connected()
    client.send(before)
    await client.answered()
    client.transport.written = b""
    for piece in (b"GET / HTTP/1.1\r\n", b"Host: h\r\n", b"X: y\r\n"):
        client.send(piece)
    client.clock.expire(HEADER_SECONDS)
    assert_refused(client, 408)


async def test_empty_lines_keep_no_connection_open() -> None:
    client = connected()
    client.send(LIVE)
    await client.answered()
    client.send(b"\r\n")
    client.clock.expire(HEADER_SECONDS)
    assert client.transport.closed


async def test_a_request_that_takes_long_is_no_slow_header() -> None:
    client = connected()
    client.send(LIVE + b"GET ")
    client.clock.expire(HEADER_SECONDS)
    assert not client.transport.closed
    await client.answered()
    assert b" 204 " in client.transport.written


@pytest.mark.parametrize("piece", [b"y" * 1000, b"y" * 1000 + b"\r\nX: "])
async def test_headers_are_not_kept_without_end(piece: bytes) -> None:
    client = connected()
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
    for _ in range(MOST_BYTES // len(piece) + 2):
        if not client.transport.closed:
            client.send(piece)
    assert_refused(client, 431)


async def test_trailers_are_not_kept_without_end() -> None:
    client = connected()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    await asyncio.sleep(0)
    for _ in range(MOST_BYTES // 1000 + 2):
        if not client.transport.closed:
            client.send(b"X: " + b"y" * 1000 + b"\r\n")
    assert client.transport.closed
    await client.answered()


@pytest.mark.parametrize("after", [b"", b"GET / HTTP/1.1\r\n"])
async def test_the_rest_of_an_answered_request_is_no_header(after: bytes) -> None:
    client, rest = connected(), b"y" * 3 * MOST_BYTES
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(rest))
    await client.answered()
    client.transport.written = b""
    for piece in (rest[:MOST_BYTES], rest[MOST_BYTES:-10], rest[-10:] + after):
        client.send(piece)
    assert (client.transport.closed, client.transport.written) == (False, b"")
    client.send(LIVE[len(after) and LIVE.index(b"Host") :])
    await client.answered()
    assert len(client.scopes) == 2


async def test_the_rest_of_an_answered_request_has_a_time_limit() -> None:
    client = connected()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
    await client.answered()
    client.transport.written = b""
    client.send(b"y")
    client.clock.expire(HEADER_SECONDS)
    assert (client.transport.closed, client.transport.written) == (True, b"")


async def test_a_client_that_reads_nothing_is_disconnected_and_one_that_reads_slowly_is_not() -> None:
    client = connected()
    client.transport.unread_bytes = 1000
    client.protocol.pause_writing()
    for unread_bytes in (900, 1):
        client.transport.unread_bytes = unread_bytes
        client.clock.expire(READING_SECONDS)
        assert not client.transport.closed
    client.clock.expire(READING_SECONDS)
    assert client.transport.closed


@pytest.mark.parametrize("sends_first", [True, False])
async def test_a_client_that_does_not_read_loses_its_place_above_a_cap(*, sends_first: bool) -> None:
    cap = cap_of(per_client=1)
    deaf = connected(cap)
    acts = [lambda: deaf.send(LIVE), deaf.protocol.pause_writing]
    for act in acts if sends_first else reversed(acts):
        act()
    later = connected(cap)
    later.send(LIVE)
    assert (deaf.transport.closed, later.transport.closed) == (True, False)
    deaf.lose()
    await deaf.answered()
    later.protocol.pause_writing()
    later.protocol.resume_writing()
    await later.answered()
    assert not later.scopes[0]["state"].get(OVERLOADED)


async def test_a_client_that_reads_again_keeps_its_place() -> None:
    cap = cap_of(per_client=1)
    slow = connected(cap)
    slow.send(LIVE)
    slow.protocol.pause_writing()
    slow.protocol.resume_writing()
    later = connected(cap)
    later.send(LIVE)
    for client in (slow, later):
        await client.answered()
    assert (slow.transport.closed, bool(later.scopes[0]["state"].get(OVERLOADED))) == (False, True)


async def test_a_client_that_has_read_its_answer_stays_connected() -> None:
    client = connected()
    client.protocol.pause_writing()
    client.protocol.resume_writing()
    client.clock.expire(READING_SECONDS)
    assert not client.transport.closed


async def test_what_is_not_http_is_refused_as_a_graphql_error() -> None:
    client = connected()
    client.send(b"hello\r\n\r\n")
    assert_refused(client, 400)


async def test_a_connection_above_the_cap_is_marked_and_ends_with_its_answer() -> None:
    cap = cap_of(per_client=1)
    first, second = connected(cap), connected(cap)
    assert first.transport.closed, "it was idle"
    second.send(LIVE)
    third = connected(cap)
    third.send(LIVE)
    for client in (second, third):
        await client.answered()
    assert [bool(client.scopes[0]["state"].get(OVERLOADED)) for client in (second, third)] == [False, True]
    assert not second.transport.closed
    assert third.transport.closed
    third.lose()
    assert not connected(cap).protocol.transport.is_closing(), "the second one is idle again"
    assert second.transport.closed


async def test_too_many_requests_at_once_are_marked() -> None:
    client = connected(most=1)
    client.send(LIVE)
    await client.answered()
    client.protocol.tasks.add(asyncio.ensure_future(asyncio.sleep(0)))
    client.send(LIVE)
    await client.answered()
    assert [bool(scope["state"].get(OVERLOADED)) for scope in client.scopes] == [False, True]


@ONE_DATABASE
async def test_a_marked_request_is_told_to_come_again_except_for_liveness(world: World) -> None:
    marked = {"state": {OVERLOADED: True}}
    status, headers, content = await call_application(world, http_scope(**marked), [b"{}"])
    assert (status, codes(json.loads(content))) == (503, ["UNAVAILABLE"])
    assert "retry-after" in headers
    live = http_scope(**marked, method="GET", path=LIVENESS, raw_path=LIVENESS.encode())
    assert (await call_application(world, live, [b""]))[0] == 200

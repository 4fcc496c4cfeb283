"""Checks the headers of every request, sets those of every response, and logs one line for each."""

import asyncio
import contextlib
import logging
import time
from typing import Final

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.media_types import error_type
from app.operations.metrics import ANSWERS, PATHS, SECONDS
from app.telemetry.request_ids import RequestIds, identified, received_trace, request_id_of
from app.telemetry.tracing import request_span
from models.connections.unavailable import RETRY_SECONDS, is_unavailable
from models.telemetry.failure import failure_fields
from models.telemetry.spans import Attribute
from permissions.error_codes import ErrorCode
from permissions.errors import UNAVAILABLE

log = logging.getLogger("consentql.http")

MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 32 * 1024
DRAIN_SECONDS: Final = 2
DRAIN_BYTES: Final = 16 * 1024 * 1024
NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of an answer that is not a page."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods named in log lines. Any other is `other`."""


LIVENESS: Final = "/health/live"
"""The path that is answered however many connections and requests there are."""
OVERLOADED: Final = "overloaded"
"""Where the state of a request says that its connection is above a cap, or that too many requests run."""


def answer_headers(id: str) -> dict[str, str]:
    """The headers that every answer has, unless it has its own policy for caches or content."""
    return {
        "X-Request-Id": id,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Content-Security-Policy": NOTHING,
    }


class BoundaryMiddleware:
    """The outermost middleware. It refuses malformed requests and WebSockets, and sets the headers of responses."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, closes = Headers(scope=scope), _closes_connection(scope)
        id = request_id_of(headers.get("x-request-id", ""))
        marked = ResponseSender(receive, send, id, secure=self.secure, closes=closes)
        described = {Attribute.METHOD: _method(scope), Attribute.PATH: _path(scope)}
        with request_span(received_trace(headers.get("traceparent", "")), described) as (trace, note):
            with identified(RequestIds(id, trace)):
                await self._answer(scope, marked)
            note(Attribute.STATUS, str(marked.status))

    async def _answer(self, scope: Scope, marked: "ResponseSender") -> None:
        began = time.perf_counter()
        try:
            refusal = _header_fault(scope)
            if refusal:
                await _refuse(scope, marked, *refusal)
            else:
                await self.app(scope, marked.receive, marked)
        except Exception as problem:  # noqa: BLE001  # without its message, which may contain sent values
            log.error("a request failed: %s", type(problem).__name__, extra=failure_fields(problem))
            if not marked.started:
                await _refuse(
                    scope, marked, *((503, UNAVAILABLE) if is_unavailable(problem) else (500, "Internal error."))
                )
        finally:
            _record(scope, marked, time.perf_counter() - began)


class ResponseSender:
    """Sends a response with the headers that every response has."""

    def __init__(self, receive: Receive, send: Send, id: str, *, secure: bool, closes: bool) -> None:
        self._receive = receive
        self._send = send
        self.id = id
        self.secure = secure
        self.closes = closes
        self.status = 0
        self.started = False
        self.all_read = False

    async def receive(self) -> Message:
        """The next part of the request's body."""
        message = await self._receive()
        self.all_read = not message.get("more_body", False)
        return message

    async def __call__(self, message: Message) -> None:
        """Adds the headers. Before it closes a connection, it reads the rest of the request."""
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and self.closes and not self.all_read:
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body"}
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in answer_headers(self.id).items():
                headers.setdefault(name, value)
            headers.add_vary_header("Accept, Authorization, Cookie, Origin")
            if self.secure:
                headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        await self._send(message)

    async def _drain(self) -> None:
        """Reads the rest of the request: closing with unread bytes can lose the response (RFC 9112, 9.6)."""
        left = DRAIN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0 and not self.all_read:
                    left -= len((await self.receive()).get("body", b""))


def _closes_connection(scope: Scope) -> bool:
    return scope["http_version"] == "1.0" or "close" in Headers(scope=scope).get("connection", "").lower()


def _header_fault(scope: Scope) -> tuple[int, str] | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        return 431, "The request has too many or too large headers."
    if sum(name == b"host" for name, _ in headers) != 1:
        return 400, "The request must have exactly one Host header."
    if scope.get("state", {}).get(OVERLOADED) and scope["path"] != LIVENESS:
        return 503, UNAVAILABLE
    return None


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    code = {500: ErrorCode.INTERNAL, 503: ErrorCode.UNAVAILABLE}.get(status, ErrorCode.BAD_USER_INPUT)
    content = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    headers = [
        (b"content-type", error_type(Headers(scope=scope)).encode()),
        (b"content-length", str(len(content)).encode()),
    ]
    if code is ErrorCode.UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _path(scope: Scope) -> str:
    return scope["path"] if scope["path"] in PATHS else "other"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _record(scope: Scope, answer: ResponseSender, seconds: float) -> None:
    path = _path(scope)
    ANSWERS.of(path, str(answer.status)).inc()
    SECONDS.of(path).observe(seconds)
    log.info("%s %s %s", _method(scope), path, answer.status, extra={"seconds": seconds})

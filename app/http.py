"""What holds for every HTTP answer, whatever made it: an id, no caching, no sniffing, no server's name, one log line."""

import logging
import re
import secrets
import time
from typing import Final

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import ANSWERS, SECONDS

log = logging.getLogger("consentql.http")

MOST_HEADERS: Final = 100
MOST_HEADER_BYTES: Final = 32 * 1024
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
PATHS: Final = frozenset({"/graphql", "/health/live", "/health/ready", "/metrics"})
"""What a metric or a log line may call a path; all others are `other`."""


class Boundary:
    """Outermost: refuses malformed requests and every protocol but HTTP, and marks every answer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one marked answer."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        marked = Marked(send, _request_id(scope), secure=self.secure)
        began = time.perf_counter()
        try:
            refusal = _malformed(scope)
            if refusal:
                await _refuse(marked, *refusal)
            else:
                await self.app(scope, receive, marked)
        except Exception as problem:
            # its kind alone: the text of a failure may hold what somebody sent
            log.error("a request failed: %s", type(problem).__name__, extra={"request_id": marked.id})
            if not marked.started:
                await _refuse(marked, 500, "Something went wrong here.")
        finally:
            _note(scope, marked, time.perf_counter() - began)


class Marked:
    """Sends an answer with the headers that every answer carries."""

    def __init__(self, send: Send, id: str, *, secure: bool) -> None:
        self._send = send
        self.id = id
        self.secure = secure
        self.status = 0
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Adds the headers to the start of the answer."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers.setdefault("Cache-Control", "no-store")
            headers.add_vary_header("Accept, Authorization, Origin")
            if self.secure:
                headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        await self._send(message)


def _request_id(scope: Scope) -> str:
    asked = Headers(scope=scope).get("x-request-id", "")
    return asked if REQUEST_ID.fullmatch(asked) else secrets.token_hex(12)


def _malformed(scope: Scope) -> tuple[int, str] | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return 431, "The request has too many headers, or too large ones."
    if sum(name == b"host" for name, _ in headers) != 1:
        return 400, "A request names exactly one host."
    return None


async def _refuse(send: Send, status: int, message: str) -> None:
    code = "INTERNAL" if status >= 500 else "BAD_USER_INPUT"
    content = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _note(scope: Scope, answer: Marked, seconds: float) -> None:
    path = scope["path"] if scope["path"] in PATHS else "other"
    ANSWERS.labels(path, str(answer.status)).inc()
    SECONDS.labels(path).observe(seconds)
    log.info("%s %s %s", scope["method"], path, answer.status, extra={"request_id": answer.id, "seconds": seconds})

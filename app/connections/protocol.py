"""uvicorn's HTTP protocol, with time-outs for clients, caps of connections, and refusals as GraphQL errors."""

import asyncio
import secrets
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import httptools
import orjson
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.connections.cap import ConnectionCap
from app.http.media_types import JSON
from app.http.response_headers import MAX_HEADER_BYTES, OVERLOADED, answer_headers
from permissions.error_codes import ErrorCode

HEADER_SECONDS: Final = 10
"""How long a client may take for the headers of a request, and for the first bytes of a connection."""

READING_SECONDS: Final = 30
"""How long an answer may wait for a client that does not read. Without this limit it could wait forever."""

MOST_BYTES: Final = 2 * MAX_HEADER_BYTES
"""The most bytes that are kept before the headers of a request are complete, and the most bytes of its headers."""

CONNECTIONS: Final = "connections"
"""Where the state of the application has the caps."""

MALFORMED: Final = (400, "This is not a valid HTTP request.")
TOO_LARGE: Final = (431, "The request has too many or too large headers.")
TOO_SLOW: Final = (408, "The headers took more than 10 seconds to arrive.")


class ConnectionProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.peer = ""
        self._cap: ConnectionCap | None = app_state.get(CONNECTIONS)
        # uvicorn counts idle connections, too, and answers with text
        self._most_requests, self.limit_concurrency = self.limit_concurrency, None
        self._fits = True
        self._late: asyncio.TimerHandle | None = None
        self._unfinished_bytes = 0
        self._header_bytes = 0
        self._is_in_body = False
        self._unread: asyncio.TimerHandle | None = None
        self._fault = MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Counts the connection, and waits for the first headers."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        if self._cap is not None:
            self._fits = self._cap.add(self)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_expecting()
        self._stop_watching()
        if self._cap is not None:
            self._cap.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what arrived. Empty lines between requests do not keep a connection open.

        The rest of a body whose request has its answer is dropped, so that the client can read the answer.
        """
        began_in_body = self._is_in_body
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._late is None and not self._is_busy():
            self._expect_headers()
        if self._late is not None and not (began_in_body or self._is_in_body):
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > MOST_BYTES:
                self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        """Waits for the headers of the next request."""
        super().on_message_begin()
        self._header_bytes = 0
        if self._late is None:
            self._expect_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keeps one header, or one trailer."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MOST_BYTES:
            self._fault = TOO_LARGE
            raise httptools.HttpParserError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Starts the request."""
        self._stop_expecting()
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Ends the request. If it was answered before its body ended, the next one has its own time."""
        self._is_in_body = False
        super().on_message_complete()
        self._stop_expecting()

    def on_response_complete(self) -> None:
        """Starts the next request of the pipeline, or waits for one."""
        super().on_response_complete()
        if self._cap is not None and not self._is_busy():
            self._cap.end(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._cap is not None and not self.flow.write_paused:
            self._cap.begin(self)
        if not self._fits or len(self.tasks) >= (self._most_requests or float("inf")):
            cycle.scope["state"][OVERLOADED] = True
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Waits for the client to read. Above a cap, a client that reads gets the place of this one."""
        super().pause_writing()
        if self._cap is not None:
            self._cap.end(self)
        self._stop_watching()
        self._watch_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Continues, because the client has read."""
        self._stop_watching()
        super().resume_writing()
        if self._cap is not None and self._is_busy():
            self._cap.begin(self)

    def send_400_response(self, msg: str) -> None:
        """Refuses what the parser cannot read."""
        self._refuse(self._fault)

    def close_idle(self) -> None:
        """Closes a connection that waits for a request."""
        self.transport.abort()

    def _is_busy(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _expect_headers(self) -> None:
        self._unfinished_bytes = 0
        self._late = self.loop.call_later(HEADER_SECONDS, self._headers_are_late)

    def _stop_expecting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _headers_are_late(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._is_busy():  # reading may have paused for the request before
            self._expect_headers()
        elif self._unfinished_bytes:
            self._refuse(TOO_SLOW)
        else:
            self.close_idle()

    def _watch_reading(self, unread_bytes: int) -> None:
        self._unread = self.loop.call_later(READING_SECONDS, partial(self._require_reading, unread_bytes))

    def _require_reading(self, before: int) -> None:
        """Closes the connection, unless the client has read something since."""
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes < before:
            self._watch_reading(unread_bytes)
        else:
            self._unread = None
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, fault: tuple[int, str]) -> None:
        """Answers in the form of all errors, and closes the connection."""
        self._stop_expecting()
        status, sentence = fault
        content = orjson.dumps({"errors": [{"message": sentence, "extensions": {"code": ErrorCode.BAD_USER_INPUT}}]})
        headers = {
            **answer_headers(secrets.token_hex(12)),
            "Content-Type": JSON,
            "Content-Length": str(len(content)),
            "Connection": "close",
        }
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        self.transport.close()

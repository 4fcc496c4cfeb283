"""Stops a server process in steps: it is not ready, takes no connection, answers its requests, and ends."""

import asyncio
import logging
import os
import signal
import threading
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

STOPPING: Final = "stopping"
"""The name in the state of a request that is true once the process has begun to stop."""

CLOSING_SECONDS: Final = 0.5
"""The process ends this much before the end of its grace."""

logger = logging.getLogger(__name__)


class GracefulStop:
    """An application whose process, if uvicorn runs it, stops on SIGTERM and SIGINT with exit status 0."""

    def __init__(self, app: ASGIApp, delay: float, grace: float) -> None:
        self._app = app
        self._delay = delay
        self._grace = grace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application. Before it starts, takes over the signals."""
        if scope["type"] == "lifespan" and (server := _server()):
            stop = _Stop(server, scope.get("state", {}), self._delay, self._grace)
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, stop.handle)
        await self._app(scope, receive, send)


def _server() -> uvicorn.Server | None:
    """The server of this process, which has just set the handler of its signals."""
    found: Any = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return found if isinstance(found, uvicorn.Server) else None


class _Stop:
    """Stops one server. Unlike uvicorn's own handler it does not raise the signal again when all is done."""

    def __init__(self, server: uvicorn.Server, state: dict[str, Any], delay: float, grace: float) -> None:
        self._server = server
        self._state = state
        self._delay = delay
        self._grace = grace
        self._loop = asyncio.get_running_loop()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Begins to stop. A second signal ends the delay; a second SIGINT also the wait for requests."""
        if self._state.get(STOPPING):
            self._server.force_exit = number == signal.SIGINT
            self._server.should_exit = True
            return
        self._state[STOPPING] = True
        timer = threading.Timer(max(CLOSING_SECONDS, self._grace - CLOSING_SECONDS), _end)
        timer.daemon = True
        timer.start()
        self._loop.call_soon_threadsafe(self._loop.call_later, self._delay, self._close)

    def _close(self) -> None:
        self._server.should_exit = True


def _end() -> None:
    """Ends the process at once, with everything that still waits, also if nobody reads its log."""
    logging_it = threading.Thread(target=_log_end, daemon=True)
    logging_it.start()
    logging_it.join(CLOSING_SECONDS / 2)
    os._exit(0)


def _log_end() -> None:
    logger.error("The grace to stop has ended. The process drops its unanswered requests.")
    logging.shutdown()

"""A server process that has to stop is first not ready, then answers what it has begun, and ends in its time."""

import asyncio
import signal
import threading
from pathlib import Path

import httpx
import pytest

from app.operations import graceful_stop
from app.settings import InvalidSettings, Settings
from models.database import Database
from tests.operations.silent_proxy import silent_proxy_thread
from tests.serving import Server, serving
from tests.world import world_of

GUARD = 120
"""Far more than any limit: a process that never ends fails."""


def ended(server: Server) -> int:
    """Waits for the end of the process: its exit status."""
    return server.process.wait(GUARD)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_process_is_not_ready_before_it_takes_no_more_connections(database_url: str, tmp_path: Path) -> None:
    long = {"CONSENTQL_SHUTDOWN_DELAY": "300", "CONSENTQL_SHUTDOWN_GRACE": "600"}
    with serving(database_url, tmp_path, **long) as server:
        server.process.send_signal(signal.SIGTERM)
        answers = []
        while not answers or answers[-1].status_code == 200:
            answers.append(httpx.get(f"{server.url}/health/ready", timeout=GUARD))
        assert (answers[-1].status_code, answers[-1].json()) == (503, {"status": "stopping"})
        assert httpx.get(f"{server.url}/health/live", timeout=GUARD).status_code == 200, "on a new connection"
        server.process.send_signal(signal.SIGTERM)  # a second one ends the delay
        assert ended(server) == 0


async def ask(url: str, token: str) -> httpx.Response | None:
    """What a request is answered, or None if its connection was closed."""
    async with httpx.AsyncClient(timeout=GUARD) as client:
        try:
            headers = {"Authorization": f"Bearer {token}"}
            return await client.post(f"{url}/graphql", json={"query": "{ me { id } }"}, headers=headers)
        except httpx.TransportError:
            return None


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_requests_on_silent_connections_are_answered_before_the_end(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    _, token = await world.member("a@example.org")
    with (
        silent_proxy_thread(database.url) as (proxy, url),
        serving(url, tmp_path, CONSENTQL_POSTGRES_STATEMENT_TIMEOUT="1") as server,
    ):
        first = await ask(server.url, token)
        assert first is not None
        assert "errors" not in first.json()
        proxy.silence()
        proxy.new_are_silent = True
        asking = [asyncio.create_task(ask(server.url, token)) for _ in range(3)]
        await asyncio.to_thread(proxy.swallowed.wait, GUARD)
        server.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*asking)
        assert [answer is not None and answer.status_code for answer in answers] == [503] * 3
        assert await asyncio.to_thread(ended, server) == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_several_processes_end_in_time_with_requests_that_never_end(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    _, token = await world.member("a@example.org")
    endless = {
        "CONSENTQL_POSTGRES_STATEMENT_TIMEOUT": "600",
        "CONSENTQL_POSTGRES_CONNECT_TIMEOUT": "60",
        "CONSENTQL_SHUTDOWN_GRACE": "2",
    }
    with (
        silent_proxy_thread(database.url) as (proxy, url),
        serving(url, tmp_path, "--workers", "2", **endless) as server,
    ):
        proxy.silence()
        proxy.new_are_silent = True
        asking = [asyncio.create_task(ask(server.url, token)) for _ in range(3)]
        await asyncio.to_thread(proxy.swallowed.wait, GUARD)
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(ended, server) == 0
        await asyncio.gather(*asking)


def test_a_log_that_nobody_reads_does_not_keep_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    is_read = threading.Event()
    monkeypatch.setattr(graceful_stop.os, "_exit", statuses.append)
    monkeypatch.setattr(graceful_stop.logging, "shutdown", lambda: None)
    monkeypatch.setattr(graceful_stop.logger, "error", lambda *_: is_read.wait())
    graceful_stop._end()
    is_read.set()
    assert statuses == [0]


def test_the_delay_must_end_before_the_grace() -> None:
    with pytest.raises(InvalidSettings, match="CONSENTQL_SHUTDOWN_DELAY must be less than CONSENTQL_SHUTDOWN_GRACE"):
        Settings(shutdown_delay=20, shutdown_grace=20).validated()

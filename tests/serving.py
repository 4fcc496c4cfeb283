"""Runs commands and server processes for tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.forked import ROOT, run_forked
from tests.world import KEY

COMMAND = [sys.executable, "-m", "app"]


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a process on this database."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CONSENTQL_")}
    return {
        **plain,
        "PYTHONPATH": str(ROOT),
        "CONSENTQL_DATABASE_URL": url,
        "CONSENTQL_SECRET_KEYS": KEY,
        "CONSENTQL_RATE_LIMITS": "off",
        "CONSENTQL_METRICS_ADDRESS": "off",
        "CONSENTQL_SHUTDOWN_DELAY": "0",
        **more,
    }


def consentql(url: str, *arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command and waits for its end."""
    return run_forked(arguments, environment(url, **more), cwd, seconds=300)


@dataclass
class Server:
    """The URL, log and process id of a server."""

    url: str
    log: Path
    pid: int
    process: "subprocess.Popen[bytes]"


@contextmanager
def serving(
    database_url: str, cwd: Path, *arguments: str, program: Sequence[str] = COMMAND, **more: str
) -> Iterator[Server]:
    """Starts a server, waits until it is ready, and stops it at the end."""
    port = free_port()
    log = cwd / f"server-{port}.log"
    command = [*program, "serve", "--port", str(port), *arguments]
    with log.open("wb") as output:
        settings = environment(database_url, **more)
        process = subprocess.Popen(command, env=settings, cwd=cwd, stdout=output, stderr=output)
        try:
            _until_ready(f"http://127.0.0.1:{port}", process, log)
            yield Server(f"http://127.0.0.1:{port}", log, process.pid, process)
        finally:
            process.terminate()
            process.wait(60)


def _until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            if httpx.get(f"{url}/health/ready", timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not become ready\n" + log.read_text())


def free_port() -> int:
    """A free port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

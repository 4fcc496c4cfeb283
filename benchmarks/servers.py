"""Starts and stops the servers under test, each as a process pinned to one core."""

import importlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asked
from people import ROOT, command, environment

OURS: Final = "consentql"
PEERS_TOKEN: Final = "tok-admin"
TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")
STARTS_WITHIN: Final = 30.0


@dataclass
class Server:
    """A server: how to start it and how to query it."""

    name: str
    api: str
    arguments: list[str]
    folder: Path
    variables: dict[str, str]
    token: str
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def request(self, query: str) -> asked.Request:
        """The request for a query."""
        return asked.make_request(self.api, query, f"http://127.0.0.1:{self.port}", self.token)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows that it answers."""
        return asked.rows(self.api, query, asked.send(self.request(query)))

    def start(self) -> None:
        """Starts the server on core 0 and waits for its first answer."""
        log = Path(tempfile.gettempdir()) / f"benchmark-{self.name}.log"
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                ["taskset", "-c", "0", *self.arguments], cwd=self.folder, env=self.variables, stdout=file, stderr=file
            )
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.rows("me")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(f"{self.name} did not start; see {log}")

    def stop(self) -> None:
        """Stops the server."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_ms(self) -> float:
        """The processor time of the server and its children, in milliseconds."""
        if self.process is None:
            return 0.0
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_ticks(each) for each in (str(pid), *children)) * TICK_MS

    def settle(self, within: float = 20.0) -> None:
        """Waits until the server is idle."""
        until, before, quiet = time.monotonic() + within, self.cpu_ms(), 0
        while time.monotonic() < until and quiet < 3:
            time.sleep(0.05)
            now = self.cpu_ms()
            quiet, before = (quiet + 1 if now == before else 0), now


def _ticks(pid: str) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def consentql_server(address: str, token: str) -> Server:
    """ConsentQL with one worker, on the database of this PostgreSQL server."""
    port = free_port()
    arguments = command("serve", "--host", "127.0.0.1", "--port", str(port))
    return Server(OURS, "ours", arguments, ROOT, environment(address), token, port)


class Peers:
    """The peers of a folder, with the commands of its `bench.py`."""

    def __init__(self, folder: Path) -> None:
        sys.dont_write_bytecode = True  # leaves the folder unchanged
        python = folder / "venv" / "bin" / "python"
        os.environ.setdefault("PEERS_PYTHON", str(python if python.exists() else sys.executable))
        sys.path.insert(0, str(folder))
        self._known: dict[str, dict[str, Any]] = importlib.import_module("bench").PEERS
        self.address = str(importlib.import_module("common").PG).rpartition("/")[0]
        self._folder = folder

    def named(self, short: str) -> Server:
        """The peer with this name, or with this part before the first hyphen."""
        for name, peer in self._known.items():
            if short in (name, name.partition("-")[0]):
                port = free_port()
                arguments = [part.format(port=port) for part in peer["cmd"]]
                variables = {**os.environ, **peer["env"], "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
                api = peer.get("api", "graphql")
                return Server(name, api, arguments, self._folder / peer["cwd"], variables, PEERS_TOKEN, port)
        raise SystemExit(f"There is no peer {short}. Choose from {', '.join(self._known)}")

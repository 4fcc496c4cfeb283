"""Servers under test: each a process pinned to one core, alone in being asked, gone at the end."""

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
    """How one server is started and asked."""

    name: str
    api: str
    arguments: list[str]
    folder: Path
    variables: dict[str, str]
    token: str
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def request(self, query: str) -> asked.Request:
        """A question to this server."""
        return asked.request(self.api, query, f"http://127.0.0.1:{self.port}", self.token)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What it answers now."""
        return asked.rows(self.api, query, asked.answered(self.request(query)))

    def start(self) -> None:
        """Starts it on core 0 and waits for its first answer."""
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
        """Ends it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_ms(self) -> float:
        """What it and its children have used of the processor."""
        if self.process is None:
            return 0.0
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_ticks(each) for each in (str(pid), *children)) * TICK_MS

    def settle(self, within: float = 20.0) -> None:
        """Waits until what nobody waits for any more is answered."""
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
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ours(address: str, token: str) -> Server:
    """Our server, one worker, on the database at this PostgreSQL."""
    port = free_port()
    arguments = command("serve", "--host", "127.0.0.1", "--port", str(port))
    return Server(OURS, "ours", arguments, ROOT, environment(address), token, port)


class Peers:
    """The peers of a folder, as its own `bench.py` starts them."""

    def __init__(self, folder: Path) -> None:
        sys.dont_write_bytecode = True  # the folder stays as it is
        python = folder / "venv" / "bin" / "python"
        os.environ.setdefault("PEERS_PYTHON", str(python if python.exists() else sys.executable))
        sys.path.insert(0, str(folder))
        self._known: dict[str, dict[str, Any]] = importlib.import_module("bench").PEERS
        self.address = str(importlib.import_module("common").PG).rpartition("/")[0]
        self._folder = folder

    def named(self, short: str) -> Server:
        """One peer by the part of its name before the first hyphen, or by all of it."""
        for name, peer in self._known.items():
            if short in (name, name.partition("-")[0]):
                port = free_port()
                arguments = [part.format(port=port) for part in peer["cmd"]]
                variables = {**os.environ, **peer["env"], "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
                api = peer.get("api", "graphql")
                return Server(name, api, arguments, self._folder / peer["cwd"], variables, PEERS_TOKEN, port)
        raise SystemExit(f"no peer is called {short}; there are {', '.join(self._known)}")

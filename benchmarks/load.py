"""Loads a server with wrk, from one core."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Final

from asked import Request
from servers import Server

CONNECTIONS: Final = 8
SLOW: Final = 20.0
"""Requests per second below which a window is too short for enough answers."""

LONGER: Final = 3.0
REPORT: Final = """
done = function(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """The results of one server in one window."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def script(asked: Request) -> str:
    """The Lua script of wrk for a request."""
    lines = [f'wrk.method = "{asked.method}"', f'wrk.headers["authorization"] = "Bearer {asked.token}"']
    if asked.body:
        lines += ['wrk.headers["content-type"] = "application/json"', f"wrk.body = [==[{asked.body}]==]"]
    return "\n".join([*lines, REPORT])


def turn(server: Server, query: str, seconds: float) -> Turn:
    """Loads the server for one window. Fails if any status is not 200."""
    asked = server.request(query)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(asked))
        file.flush()
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", file.name, asked.url]
        before = server.cpu_ms()
        told = subprocess.run(
            ["taskset", "-c", "1", "wrk", *options], capture_output=True, text=True, timeout=seconds + 60, check=True
        ).stdout
        used = server.cpu_ms() - before
    server.settle()
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", told)
    number, microseconds, p50, p99, errors = map(int, found.groups()) if found else (0, 1, 0, 0, 1)
    if errors or not number:
        raise RuntimeError(f"{server.name} failed under load:\n{told}")
    return Turn(number / microseconds * 1e6, p50 / 1000, p99 / 1000, used / number)


def window(server: Server, query: str, seconds: float) -> float:
    """Warms up the server, and returns a longer window for a slow one."""
    return seconds if turn(server, query, 2).per_second > SLOW else seconds * LONGER

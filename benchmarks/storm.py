"""Measures how much 50 concurrent sign-ins slow down reads, compared with quiet seconds.

The sign-ins come from a separate process with low priority, because in reality they come from other machines.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, TypeVar

import httpx
from servers import free_port

from app.commands.people.demo_people import PASSWORD

T = TypeVar("T")

MAX_RATIO: Final = 2.0
READERS: Final = 4
QUIET: Final = 2.0
"""Seconds of reads without sign-ins. With sign-ins, reads are timed until the last one is answered."""

EMAIL: Final = "member@demo.example.org"
READER: Final = "support@demo.example.org"
"""Another person, because only the newest 20 sessions of a person stay valid."""

READ: Final = {"query": "{ me { user { email firstName } consents { purpose granted } } }"}
LOGIN: Final = """mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) {
  __typename ... on SignedIn { accessToken } ... on Refusal { code retryAfterSeconds } } }"""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server with the people of the demonstration, on SQLite and without rate limits."""
    settings = {
        "CONSENTQL_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'storm.db'}",
        "CONSENTQL_SECRET_KEYS": "a key for a benchmark that is long enough",
        "CONSENTQL_MAIL_URL": str(folder / "mail"),
        "CONSENTQL_RATE_LIMITS": "off",
    }
    command = [str(Path(sys.executable).with_name("consentql"))]
    known, port = {**os.environ, **settings}, free_port()
    subprocess.run([*command, "demo"], env=known, check=True, capture_output=True)
    serving = [*command, "serve", "--port", str(port)]
    process = subprocess.Popen(serving, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


async def ready(client: httpx.AsyncClient) -> None:
    """Waits until the server answers."""
    for _ in range(200):
        try:
            await client.get("/health/live")
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


async def login(client: httpx.AsyncClient, email: str = EMAIL) -> dict[str, Any]:
    """Signs in and returns the answer."""
    variables = {"e": email, "p": PASSWORD}
    answer = (await client.post("/graphql", json={"query": LOGIN, "variables": variables}, timeout=60)).json()
    return dict(answer["data"]["login"])


async def reads(client: httpx.AsyncClient, token: str, until: asyncio.Event) -> list[float]:
    """Reads every 10 ms until `until` is set. Returns the milliseconds of each read."""
    found, headers = [], {"Authorization": f"Bearer {token}"}
    while not until.is_set():
        before = time.perf_counter()
        (await client.post("/graphql", json=READ, headers=headers)).raise_for_status()
        found.append((time.perf_counter() - before) * 1000)
        await asyncio.sleep(0.01)
    return found


class SignInProcess:
    """A process that sends concurrent sign-ins."""

    def __init__(self, address: str) -> None:
        command = [sys.executable, __file__, "--sign-ins", address]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes)

    async def send(self, many: int) -> list[str]:
        """Sends this many sign-ins. Returns `SignedIn` or the refusal code of each."""
        return await asyncio.to_thread(self._send, many)

    def _send(self, many: int) -> list[str]:
        assert self._process.stdin
        assert self._process.stdout
        print(many, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().split()

    def stop(self) -> None:
        """Stops the process."""
        self._process.communicate()


async def run_sign_ins(address: str) -> None:
    """Runs in the process: reads a number per line, and prints a line with the result of each sign-in."""
    os.nice(19)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, limits=limits) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            answers = await asyncio.gather(*(login(client) for _ in range(int(line))))
            print(*(answer.get("code", answer["__typename"]) for answer in answers), flush=True)


async def measured(client: httpx.AsyncClient, token: str, meanwhile: Awaitable[T]) -> tuple[list[float], T]:
    """Reads until `meanwhile` is done. Returns the times of the reads and its result."""
    until = asyncio.Event()
    readers = [asyncio.create_task(reads(client, token, until)) for _ in range(READERS)]
    result = await meanwhile
    until.set()
    return [each for reader in readers for each in await reader], result


def p99(found: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(found, n=100)[98]


async def compared(address: str, rounds: int, storm: int) -> tuple[list[float], list[float]]:
    """Measures quiet and busy seconds in turn. Every sign-in must get a session or TRY_LATER."""
    sign_ins = SignInProcess(address)
    async with httpx.AsyncClient(base_url=address) as client:
        await ready(client)
        token = (await login(client, READER))["accessToken"]
        all_quiet: list[float] = []
        all_busy: list[float] = []
        for _ in range(rounds):
            quiet, _ = await measured(client, token, asyncio.sleep(QUIET))
            busy, answers = await measured(client, token, sign_ins.send(storm))
            if len(answers) != storm or set(answers) - {"SignedIn", "TRY_LATER"}:
                raise SystemExit(f"a sign-in got no answer: {sorted(set(answers))}")
            later = answers.count("TRY_LATER")
            print(f"p99 {p99(quiet):.1f} ms quiet, {p99(busy):.1f} ms with sign-ins; {later} got TRY_LATER")
            all_quiet += quiet
            all_busy += busy
    sign_ins.stop()
    return all_quiet, all_busy


def main() -> None:
    """Prints the ratio over all rounds, and fails if it is above the maximum."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--rounds", type=int, default=10)
    command.add_argument("--logins", type=int, default=50)
    command.add_argument("--sign-ins", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = command.parse_args()
    if options.sign_ins:
        asyncio.run(run_sign_ins(options.sign_ins))
        return
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as address:
        quiet, busy = asyncio.run(compared(address, options.rounds, options.logins))
    ratio = p99(busy) / p99(quiet)
    print(f"{options.logins} sign-ins: p99 of reads is {ratio:.2f} times the quiet one (at most {MAX_RATIO})")
    if ratio > MAX_RATIO:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

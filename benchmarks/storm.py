"""What fifty sign-ins at once do to everybody else: the slowest reads while they last, beside those of quiet seconds.

The crowd is a process of its own, which makes way for the others: it stands for fifty machines elsewhere.
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

MOST: Final = 2.0
READERS: Final = 4
QUIET: Final = 2.0
"""Seconds in which reads are timed with nobody signing in; a storm is timed until its last answer."""

EMAIL: Final = "member@demo.example.org"
READER: Final = "support@demo.example.org"
"""Somebody else: of the sessions of one person only the newest twenty live."""

READ: Final = {"query": "{ me { user { email firstName } consents { purpose granted } } }"}
LOGIN: Final = """mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) {
  __typename ... on SignedIn { accessToken } ... on Refusal { code retryAfterSeconds } } }"""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Our own, with the demonstration's people, on SQLite and without limits."""
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
    """Returns once the server answers."""
    for _ in range(200):
        try:
            await client.get("/health/live")
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


async def login(client: httpx.AsyncClient, email: str = EMAIL) -> dict[str, Any]:
    """What one sign-in is answered."""
    variables = {"e": email, "p": PASSWORD}
    answer = (await client.post("/graphql", json={"query": LOGIN, "variables": variables}, timeout=60)).json()
    return dict(answer["data"]["login"])


async def reads(client: httpx.AsyncClient, token: str, until: asyncio.Event) -> list[float]:
    """Milliseconds of each read of one reader who asks every ten milliseconds until told to stop."""
    found, headers = [], {"Authorization": f"Bearer {token}"}
    while not until.is_set():
        before = time.perf_counter()
        (await client.post("/graphql", json=READ, headers=headers)).raise_for_status()
        found.append((time.perf_counter() - before) * 1000)
        await asyncio.sleep(0.01)
    return found


class Crowd:
    """People who sign in at once whenever they are told to."""

    def __init__(self, address: str) -> None:
        command = [sys.executable, __file__, "--crowd", address]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes)

    async def sign_in(self, many: int) -> list[str]:
        """What each of so many was answered: `SignedIn` or why not."""
        return await asyncio.to_thread(self._told, many)

    def _told(self, many: int) -> list[str]:
        assert self._process.stdin
        assert self._process.stdout
        print(many, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().split()

    def disperse(self) -> None:
        """Ends the process."""
        self._process.communicate()


async def gathered(address: str) -> None:
    """The crowd's side: one line in, how many; one line out, what each was answered."""
    os.nice(19)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, limits=limits) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            answers = await asyncio.gather(*(login(client) for _ in range(int(line))))
            print(*(answer.get("code", answer["__typename"]) for answer in answers), flush=True)


async def measured(client: httpx.AsyncClient, token: str, meanwhile: Awaitable[T]) -> tuple[list[float], T]:
    """Reads for as long as something else takes, and what that came to."""
    until = asyncio.Event()
    readers = [asyncio.create_task(reads(client, token, until)) for _ in range(READERS)]
    came = await meanwhile
    until.set()
    return [each for reader in readers for each in await reader], came


def p99(found: list[float]) -> float:
    """The hundredth part that waited longest began here."""
    return quantiles(found, n=100)[98]


async def compared(address: str, rounds: int, storm: int) -> tuple[list[float], list[float]]:
    """Quiet and stormy in turn; every sign-in has an answer, a session or a time to come back."""
    crowd = Crowd(address)
    async with httpx.AsyncClient(base_url=address) as client:
        await ready(client)
        token = (await login(client, READER))["accessToken"]
        all_quiet: list[float] = []
        all_stormy: list[float] = []
        for _ in range(rounds):
            quiet, _ = await measured(client, token, asyncio.sleep(QUIET))
            stormy, answers = await measured(client, token, crowd.sign_in(storm))
            if len(answers) != storm or set(answers) - {"SignedIn", "TRY_LATER"}:
                raise SystemExit(f"a sign-in was lost: {sorted(set(answers))}")
            later = answers.count("TRY_LATER")
            print(f"p99 {p99(quiet):.1f} ms quiet, {p99(stormy):.1f} ms in a storm; {later} come later")
            all_quiet += quiet
            all_stormy += stormy
    crowd.disperse()
    return all_quiet, all_stormy


def main() -> None:
    """Prints the ratio over all rounds, and fails where the storm is felt more than it may."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--rounds", type=int, default=10)
    command.add_argument("--logins", type=int, default=50)
    command.add_argument("--crowd", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = command.parse_args()
    if options.crowd:
        asyncio.run(gathered(options.crowd))
        return
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as address:
        quiet, stormy = asyncio.run(compared(address, options.rounds, options.logins))
    ratio = p99(stormy) / p99(quiet)
    print(f"{options.logins} sign-ins at once: reads' p99 is {ratio:.2f} times the quiet one (at most {MOST})")
    if ratio > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

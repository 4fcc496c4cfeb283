"""Runs jobs in child processes that are killed at a step: before a statement, a commit, or a write to disk.

    python -m tests.killed_at_step < job.json

A job names an act and, for each run, a database and a step. A run without a step completes and returns the number of
steps.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.commands.people import import_users
from app.commands.server.retention import ErasurePlaces, erase
from app.operations.erasure_register import ErasureRegister
from models.database import Database
from resolvers.erasure import retention_run
from tests.world import services_on


class Steps:
    """Counts the steps of this process, and kills it at the last one."""

    def __init__(self, last: int | None) -> None:
        self.last, self.taken = last, 0
        for name in ("before_cursor_execute", "commit"):
            event.listen(Engine, name, self.step)
        self.sync = os.fsync
        os.fsync = self.synced  # type: ignore[assignment]

    def step(self, *_: Any) -> None:
        """Counts a step, or kills the process."""
        if self.taken == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.taken += 1

    def synced(self, descriptor: int) -> None:
        """Counts a step before and after a file is synced to disk."""
        self.step()
        self.sync(descriptor)
        self.step()


async def _retention(url: str, job: dict[str, Any]) -> None:
    database = Database(url)
    services = services_on(database, now=lambda: datetime.fromisoformat(job["now"]))
    places = ErasurePlaces(ErasureRegister(Path(job["folder"]) / (url.rpartition("/")[2] + ".erasures")))
    await erase(services, places)
    services.hashing.close()
    await database.close()


def act(url: str, job: dict[str, Any]) -> None:
    """Runs the act of the job."""
    retention_run.BATCH, retention_run.READINGS_AT_ONCE, import_users.BATCH = 2, 1, 3  # type: ignore[misc]  # for a test
    if job["act"] == "retention":
        asyncio.run(_retention(url, job))
    else:
        os.environ["CONSENTQL_DATABASE_URL"] = url
        import_users.import_users(Path(job["file"]), as_json=False)


def run(url: str, last: int | None, job: dict[str, Any]) -> int:
    """Runs the job in a child process. Returns the number of steps, or the negative signal that killed it."""
    told, tell = os.pipe()
    if child := os.fork():
        os.close(tell)
        with os.fdopen(told) as answer:
            steps = answer.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return int(steps) if status == 0 else status
    sys.stderr = Path(os.devnull).open("w") if last is not None else sys.stderr  # noqa: SIM115  # the process ends
    steps_taken = Steps(last)
    act(url, job)
    os.write(tell, str(steps_taken.taken).encode())
    os._exit(0)


def main() -> None:
    """Prints the results of all runs as a JSON list."""
    job = json.loads(sys.stdin.read())
    print(json.dumps([run(url, last, job) for url, last in job["runs"]]))  # noqa: T201


if __name__ == "__main__":
    main()

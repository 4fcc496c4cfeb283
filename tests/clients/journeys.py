"""Runs the programs in `examples/clients/` against one service."""

import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.commands.people.demo_people import DOMAIN, PASSWORD
from tests.serving import ROOT

EXAMPLES: Final = ROOT / "examples" / "clients"
EMAIL: Final = f"member@{DOMAIN}"
PATH: Final = f"{os.environ['PATH']}:{Path(sys.executable).parent}"
LAPSE: Final = "lapse"
END: Final = "end"
"""What a journey prints to have its access token expire, or its session end. It waits for an answer."""


def run(*command: str, folder: Path = EXAMPLES, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a program in the folder of the examples, or in a copy of it."""
    environment = {**os.environ, "PATH": PATH, **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@dataclass(frozen=True)
class Service:
    """A server, the SQLite file behind it, and the port of an app that its settings allow."""

    url: str
    database: Path
    app_port: int

    def journey(self, name: str, folder: Path = EXAMPLES, **variables: str) -> list[str]:
        """The steps that a journey says it has done. A journey that fails is a failure here."""
        known = {"PATH": PATH, "API": self.url, "EMAIL": EMAIL, "PASSWORD": PASSWORD}
        environment = {**os.environ, **known, **variables}
        command = ["node", f"journeys/{name}.js"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as journey:
            assert journey.stdin
            assert journey.stdout
            assert journey.stderr
            steps = []
            for line in map(str.strip, journey.stdout):
                if line not in (LAPSE, END):
                    steps.append(line)
                    continue
                (self.let_access_tokens_expire if line == LAPSE else self.end_sessions)()
                journey.stdin.write("done\n")
                journey.stdin.flush()
            problems = journey.stderr.read()
        assert journey.returncode == 0, problems
        return steps

    def let_access_tokens_expire(self) -> None:
        """What 15 minutes do to every session."""
        self._set_tokens("secret_expires_at = created_at")

    def end_sessions(self) -> None:
        """What a change of the password does to every session."""
        self._set_tokens("revoked_at = created_at")

    def _set_tokens(self, change: str) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(f"UPDATE access_tokens SET {change}")
        connection.close()

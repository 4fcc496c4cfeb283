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
"""What a journey prints to have its access token expire. It waits for an answer."""


def run(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a program in the folder of the examples."""
    environment = {**os.environ, "PATH": PATH, **variables}
    return subprocess.run(
        command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@dataclass(frozen=True)
class Service:
    """A server, the SQLite file behind it, and the port of an app that its settings allow."""

    url: str
    database: Path
    app_port: int

    def journey(self, name: str) -> list[str]:
        """The steps that a journey says it has done. A journey that fails is a failure here."""
        environment = {**os.environ, "PATH": PATH, "API": self.url, "EMAIL": EMAIL, "PASSWORD": PASSWORD}
        command = ["node", f"journeys/{name}.js"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=EXAMPLES, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as journey:
            assert journey.stdin
            assert journey.stdout
            assert journey.stderr
            steps = []
            for line in map(str.strip, journey.stdout):
                steps.append(line)
                if line == LAPSE:
                    self.let_access_tokens_expire()
                    journey.stdin.write("done\n")
                    journey.stdin.flush()
            problems = journey.stderr.read()
        assert journey.returncode == 0, problems
        return [step for step in steps if step != LAPSE]

    def let_access_tokens_expire(self) -> None:
        """What 15 minutes do to every session."""
        with sqlite3.connect(self.database) as connection:
            connection.execute("UPDATE access_tokens SET secret_expires_at = created_at")
        connection.close()

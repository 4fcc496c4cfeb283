"""Commands of the operator write their security events to standard error, without what was typed."""

import json
from pathlib import Path

import pytest

from models.database import Database
from permissions.events.kinds import EventKind
from tests.serving import consentql
from tests.world import world_of

EMAIL = "canary@canary.example"
COMMANDS = {
    ("grant-role", EMAIL, "SUPPORT", "--expires", "30d"): EventKind.ROLE_GRANTED,
    ("token", "SUPPORT", "--holder", EMAIL): EventKind.TOKEN_ISSUED,
    ("unlock", EMAIL): EventKind.SIGN_IN_UNLOCKED,
    ("export", EMAIL, "--out", "canary.json"): EventKind.DATA_EXPORTED,
    ("processor-export", "MAILCHIMP", "--out", "canary.csv"): EventKind.DATA_EXPORTED,
    ("rotate-keys",): EventKind.KEYS_ROTATED,
    ("disable", EMAIL): EventKind.ACCOUNT_DISABLED,
    ("enable", EMAIL): EventKind.ACCOUNT_ENABLED,
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_each_command_writes_its_event(database: Database, tmp_path: Path) -> None:
    id = await world_of(database).person(EMAIL)
    people = set()
    for command, kind in COMMANDS.items():
        done = consentql(database.url, *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        (line,) = (each for each in lines if each["event"] == kind)
        assert line["source"] == "command line", command
        assert not {"actor", "network"} & set(line), "nobody is signed in"
        people.add(line.get("subject"))
        assert not any(text in done.stderr for text in ("canary", id)), command
    assert len(people - {None}) == 1, "one person has one pseudonym in every command"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_that_fails_writes_no_event(database_url: str, tmp_path: Path) -> None:
    done = consentql(database_url, "disable", EMAIL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "No account has this e-mail address.\n")

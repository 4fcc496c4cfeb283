"""The commands `token`, `grant-role`, `schema` and `policy`, and reports as JSON."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from models.database import Database
from models.tables import ACCESS_TOKENS, CHAIN_HEADS
from tests.commands.test_import_users import write_lines
from tests.serving import consentql
from tests.world import world_of


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_token_requires_a_holder_with_the_role(database: Database, tmp_path: Path) -> None:
    await world_of(database).person("p@example.org")
    for arguments in (
        ("token", "SUPPORT"),
        ("token", "SUPPORT", "--holder", "p@example.org"),
        ("token", "SUPPORT", "--holder", "nobody@example.org"),
        ("token", "MEMBER"),
        ("token", "ANONYMOUS", "--holder", "p@example.org"),
        ("token", "PROCESSOR"),
        ("token", "PROCESSOR", "--processor", "INTERCOM", "--holder", "p@example.org"),
        ("token", "MEMBER", "--holder", "p@example.org", "--expires", "soon"),
        ("grant-role", "p@example.org", "MEMBER", "--expires", "30d"),
        ("grant-role", "nobody@example.org", "SUPPORT", "--expires", "30d"),
        ("grant-role", "p@example.org", "SUPPORT", "--expires", "0d"),
    ):
        refused = consentql(database.url, *arguments, cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, ""), arguments
        assert "Traceback" not in refused.stderr


async def test_a_granted_role_can_get_a_token(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    id = await world.person("p@example.org")
    assert (
        consentql(database.url, "grant-role", "P@example.org", "SUPPORT", "--expires", "30d", cwd=tmp_path).returncode
        == 0
    )
    token = consentql(database.url, "token", "SUPPORT", "--holder", "p@example.org", cwd=tmp_path).stdout.strip()
    assert (await world.data("{ viewer { role user { id } } }", token))["viewer"] == {
        "role": "SUPPORT",
        "user": {"id": id},
    }
    session = consentql(database.url, "token", "MEMBER", "--holder", "p@example.org", cwd=tmp_path).stdout.strip()
    sessions = (await world.data("{ me { sessions { current } } }", session))["me"]["sessions"]
    assert sessions == [{"current": True}]
    async with database.reading() as connection:
        doors = (await connection.execute(select(ACCESS_TOKENS.c.issued_by))).scalars().all()
    assert set(doors) == {"command line"}, "every token says which door it came from"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_schema_and_policy_print_without_a_database(database_url: str, tmp_path: Path) -> None:
    nowhere = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    assert consentql(nowhere, "schema", cwd=tmp_path).stdout.startswith('"""')
    table = consentql(nowhere, "policy", cwd=tmp_path).stdout.splitlines()
    assert len(table) == 17
    assert len(json.loads(consentql(nowhere, "policy", "--format", "json", cwd=tmp_path).stdout)["fields"]) == 16


async def test_json_reports_are_alone_on_standard_output(database: Database, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "users.jsonl", {"email": "good@example.org"}, {"email": "bad"})
    told = {}
    for command in (("import", file), ("verify-log",), ("rotate-keys",), ("release-statistics",)):
        done = consentql(database.url, *command, "--json", cwd=tmp_path)
        assert done.returncode == (1 if file in command else 0), done.stderr
        told[command[0]] = json.loads(done.stdout)
    assert told["import"] == {"imported": 1, "present": 0, "rejected": 1}
    assert told["verify-log"] == {"faults": []}
    assert told["rotate-keys"] == {
        "sealed": 0,
        "unreadable": 0,
        "passwords_of_older_keys": 0,
        "role_grants": 0,
        "role_grants_without_a_right_seal": 0,
    }
    assert (told["release-statistics"]["made"], told["release-statistics"]["next_at"][-1]) == (True, "Z")
    async with database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "consent").values(sequence=9))
    broken = consentql(database.url, "verify-log", "--json", cwd=tmp_path)
    assert (broken.returncode, len(json.loads(broken.stdout)["faults"])) == (1, 1)

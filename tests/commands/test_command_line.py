"""The command line: what it prints where, what it refuses with status 2, and an import that is whole line by line."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, update

from models.database import Database
from models.logs import hash_chain
from models.tables import ACCESS_TOKENS, ACCOUNTS, CHAIN_HEADS, CONSENT_RECORDS, CREDENTIALS
from permissions.version_numbers import current_version
from tests.serving import COMMAND, consentql, environment, serving
from tests.world import PASSWORD, line, world_of

HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def written(path: Path, *lines: Any) -> str:
    """A file of lines; text stands as it is."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_text("\n".join(texts) + "\n")
    return str(path)


async def people(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(ACCOUNTS))).scalar_one())


async def test_an_import_is_whole_line_by_line_and_may_be_run_again(database: Database, tmp_path: Path) -> None:
    granted = {"purpose": "SOCIAL", "granted": True, "policyVersion": current_version().name}
    good = line("good@example.org", passwordHash=HASH, consents=[{**granted, "at": "2026-11-02T08:00:00+02:00"}])
    file = written(
        tmp_path / "users.jsonl",
        good,
        {"email": "bare@example.org"},
        {"email": "clear@example.org", "password": PASSWORD, "emailVerified": True},
        "",
        {**good, "email": "GOOD@Example.org", "profile": {"firstName": "Other"}},
        {"email": "late@example.org", "consents": [{**granted, "at": "2999-01-01T00:00:00Z"}]},
        "not json",
    )
    first = consentql(database.url, "import", file, cwd=tmp_path)
    assert first.returncode == 1
    assert first.stdout == ""
    rejected = [text for text in first.stderr.splitlines() if text.startswith("line ")]
    assert rejected == ["line 6: consents.0.at: is in the future", "line 7: line: is not JSON"]
    assert "3 imported, 1 already present, 2 rejected" in first.stderr
    again = consentql(database.url, "import", file, cwd=tmp_path)
    assert "0 imported, 4 already present, 2 rejected" in again.stderr
    assert await people(database) == 3

    world = world_of(database)
    login = "mutation ($e: String!) { login(input: {email: $e, password: %s}) { ... on SignedIn { accessToken } } }"
    for email in ("good@example.org", "clear@example.org"):
        signed = (await world.data(login % json.dumps(PASSWORD), None, {"e": email}))["login"]
        me = "{ me { emailVerified hiddenFromMembers user { firstName } consents { status since } } }"
        seen = (await world.data(me, signed["accessToken"]))["me"]
        if email == "good@example.org":
            assert (seen["user"]["firstName"], seen["hiddenFromMembers"]) == ("Amara", [])
            assert seen["consents"][1] == {"status": "GRANTED", "since": "2026-11-02T06:00:00.000000Z"}
        else:
            assert seen["hiddenFromMembers"] == ["EMAIL", "MOBILE_PHONE", "STREET_ADDRESS"]
    assert (await world.data(login % json.dumps(""), None, {"e": "bare@example.org"}))["login"] == {}
    world.services.hashing.close()


GRANT = {"purpose": "SOCIAL", "granted": True, "policyVersion": current_version().name}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_each_rejected_line_is_told_by_field_and_reason_and_never_by_value(database_url: str, tmp_path: Path) -> None:
    faults: list[tuple[Any, str]] = [
        ({}, "email"),
        ({"email": "S3cr3t"}, "email"),
        ({"email": 1}, "email"),
        ({"email": "a@example.org", "shoe": "S3cr3t"}, "shoe"),
        ({"email": "a@example.org", "password": "S3cr3t", "passwordHash": HASH}, "passwordHash"),
        ({"email": "a@example.org", "passwordHash": "$2b$12$S3cr3t"}, "passwordHash"),
        ({"email": "a@example.org", "passwordHash": HASH.replace("m=8,", "m=9999999,")}, "passwordHash"),
        ({"email": "a@example.org", "passwordHash": HASH + "\0"}, "passwordHash"),
        ({"email": "a@example.org", "password": ""}, "password"),
        ({"email": "a@example.org", "ipAddress": "S3cr3t"}, "ipAddress"),
        ({"email": "a@example.org", "emailVerified": "S3cr3t"}, "emailVerified"),
        ({"email": "a@example.org", "hidden": ["S3cr3t"]}, "hidden"),
        ({"email": "a@example.org", "profile": {"shoe": 1}}, "profile.shoe"),
        ({"email": "a@example.org", "profile": {"country": "S3cr3t"}}, "profile.country"),
        ({"email": "a@example.org", "profile": {"firstName": "S3cr3t\0"}}, "profile.firstName"),
        ({"email": "a@example.org", "profile": ["S3cr3t"]}, "profile"),
        ({"email": "a@example.org", "profile": {"placeCountry": "EE"}}, "profile.placeCountry"),
        ({"email": "a@example.org", "preRegistration": {"jobRole": 5}}, "preRegistration.jobRole"),
        ({"email": "a@example.org", "consents": "S3cr3t"}, "consents"),
        ({"email": "a@example.org", "consents": [{**GRANT, "purpose": "SERVICE"}]}, "consents.0.purpose"),
        ({"email": "a@example.org", "consents": [{**GRANT, "policyVersion": "S3cr3t"}]}, "consents.0.policyVersion"),
        ({"email": "a@example.org", "consents": [{**GRANT, "at": "2026-11-02T08:00:00"}]}, "consents.0.at"),
        ({"email": "a@example.org", "consents": [{**GRANT, "note": 1}]}, "consents.0.note"),
        ("[]", "line"),
        ('{"email": "\\ud800"}', "line"),
        ("x" * 300_000, "line"),
    ]
    file = written(tmp_path / "users.jsonl", *(fault for fault, _ in faults))
    done = consentql(database_url, "import", file, cwd=tmp_path)
    told = [text.split(": ")[:2] for text in done.stderr.splitlines() if text.startswith("line ")]
    assert told == [[f"line {number}", name] for number, (_, name) in enumerate(faults, start=1)]
    assert done.returncode == 1
    assert "S3cr3t" not in done.stderr + done.stdout


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_an_import_that_was_interrupted_goes_on_where_it_stopped(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "users.jsonl", *({"email": f"p{number}@example.org"} for number in range(12_000)))
    process = subprocess.Popen(  # noqa: ASYNC220  # there is nothing else to do meanwhile
        [*COMMAND, "import", file], env=environment(database.url), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while await people(database) == 0:  # noqa: ASYNC110  # another process fills it
        await asyncio.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    part = await people(database)
    assert 0 < part < 12_000
    done = consentql(database.url, "import", file, cwd=tmp_path)
    assert f"{12_000 - part} imported, {part} already present, 0 rejected" in done.stderr
    assert done.returncode == 0


async def test_imported_data_without_consent_is_for_its_subject_alone_and_says_when_it_goes(
    database: Database, tmp_path: Path
) -> None:
    file = written(tmp_path / "users.jsonl", line("p@example.org", (), passwordHash=HASH))
    assert consentql(database.url, "import", file, cwd=tmp_path).returncode == 0
    world = world_of(database)
    async with database.reading() as connection:
        id = (await connection.execute(select(ACCOUNTS.c.id))).scalar_one()
    token = await world.token(holder=id)
    asked = "{ me { user { firstName } consents { purpose status granted erasesAt } } }"
    me = (await world.data(asked, token))["me"]
    assert me["user"]["firstName"] == "Amara"
    assert [(each["status"], each["erasesAt"] is not None) for each in me["consents"]] == [
        ("GRANTED", False),
        ("NEVER_ASKED", True),
        ("NEVER_ASKED", True),
    ]


async def test_the_demonstration_is_the_same_for_the_same_seed_and_signs_in_as_every_role(
    database: Database, second_url: str, tmp_path: Path
) -> None:
    done = consentql(database.url, "demo", "--users", "40", "--seed", "9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert PASSWORD in done.stderr
    assert consentql(second_url, "demo", "--users", "40", "--seed", "9", cwd=tmp_path).returncode == 0
    refused = consentql(database.url, "demo", cwd=tmp_path)
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)

    async def everyone(on: Database) -> list[Any]:
        async with on.reading() as connection:
            columns = (ACCOUNTS.c.id, ACCOUNTS.c.email, ACCOUNTS.c.hidden, ACCOUNTS.c.social_version)
            return [tuple(row) for row in await connection.execute(select(*columns).order_by(ACCOUNTS.c.id))]

    second = Database(second_url)
    assert await everyone(database) == await everyone(second)
    async with second.reading() as connection:
        with_password = select(func.count()).where(CREDENTIALS.c.password_hash.is_not(None))
        assert (await connection.execute(with_password)).scalar_one() == 5
    await second.close()
    with serving(database.url, tmp_path) as server:
        for role in ("MEMBER", "SUPPORT", "ANALYTICS", "COMPLIANCE", "OPERATIONS"):
            issued = consentql(
                database.url, "token", role, "--holder", f"{role.lower()}@demo.example.org", cwd=tmp_path
            )
            assert await _role(server.url, issued.stdout) == role
        issued = consentql(database.url, "token", "PROCESSOR", "--processor", "INTERCOM", cwd=tmp_path)
        assert await _role(server.url, issued.stdout) == "PROCESSOR"


async def _role(url: str, printed: str) -> str:
    assert printed.count("\n") == 1, "the token stands alone on standard output"
    headers = {"Authorization": f"Bearer {printed.strip()}"}
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{url}/graphql", json={"query": "{ viewer { role } }"}, headers=headers)
    return str(response.json()["data"]["viewer"]["role"])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_token_names_its_holder_who_holds_the_role(database: Database, tmp_path: Path) -> None:
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


async def test_a_granted_role_is_a_token_away(database: Database, tmp_path: Path) -> None:
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


async def test_what_a_program_reads_is_one_document_alone_on_standard_output(
    database: Database, tmp_path: Path
) -> None:
    file = written(tmp_path / "users.jsonl", {"email": "good@example.org"}, {"email": "bad"})
    told = {}
    for command in (("import", file), ("verify-log",), ("rotate-keys",), ("release-statistics",)):
        done = consentql(database.url, *command, "--json", cwd=tmp_path)
        assert done.returncode == (1 if file in command else 0), done.stderr
        told[command[0]] = json.loads(done.stdout)
    assert told["import"] == {"imported": 1, "present": 0, "rejected": 1}
    assert told["verify-log"] == {"faults": []}
    assert told["rotate-keys"] == {"sealed": 0, "unreadable": 0, "passwords_of_older_keys": 0}
    assert (told["release-statistics"]["made"], told["release-statistics"]["next_at"][-1]) == (True, "Z")
    async with database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "consent").values(sequence=9))
    broken = consentql(database.url, "verify-log", "--json", cwd=tmp_path)
    assert (broken.returncode, len(json.loads(broken.stdout)["faults"])) == (1, 1)


async def test_imported_consents_are_chained_like_all_others(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "users.jsonl", *(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(5)))
    consentql(database.url, "import", file, cwd=tmp_path)
    async with database.reading() as connection:
        rows = (await connection.execute(select(CONSENT_RECORDS).order_by(CONSENT_RECORDS.c.sequence))).mappings().all()
    assert len(rows) == 10
    keys = world_of(database).services.keys
    assert hash_chain.first_break(keys, hash_chain.CONSENT, [dict(row) for row in rows]) is None

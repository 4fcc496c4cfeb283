"""The command `consentql import`."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, text

from models.database import Database
from models.logs import hash_chain
from models.tables import ACCOUNTS, CONSENT_RECORDS
from permissions.version_numbers import current_version
from tests.serving import COMMAND, consentql, environment
from tests.world import PASSWORD, line, world_of


async def test_a_failed_import_prints_no_row(database: Database, tmp_path: Path) -> None:
    column = "email" if database.is_sqlite else "email::text"
    async with database.writing() as connection:
        if database.is_sqlite:
            await connection.execute(
                text(
                    "CREATE TRIGGER no BEFORE INSERT ON accounts WHEN NEW.email LIKE '%leakme%' "
                    "BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
            )
        else:
            await connection.execute(text(f"ALTER TABLE accounts ADD CHECK ({column} NOT LIKE '%leakme%')"))
    file = tmp_path / "users.jsonl"
    file.write_text(json.dumps(line("leakme@example.org")) + "\n")
    done = consentql(database.url, "import", str(file), cwd=tmp_path)
    assert done.returncode == 2
    assert "leakme" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_concurrent_imports_store_each_person_once(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps({"email": f"p{number}@example.org"}) + "\n" for number in range(3000)))
    both = await asyncio.gather(
        *(asyncio.to_thread(consentql, database.url, "import", str(file), cwd=tmp_path) for _ in range(2))
    )
    assert [done.returncode for done in both] == [0, 0], both
    async with database.reading() as connection:
        assert len((await connection.execute(select(ACCOUNTS.c.id))).all()) == 3000


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_import_accepts_a_byte_order_mark_and_refuses_extreme_dates(database_url: str, tmp_path: Path) -> None:
    far = {
        "purpose": "SOCIAL",
        "granted": True,
        "policyVersion": current_version().name,
        "at": "0001-01-01T00:00:00+14:00",
    }
    lines = [{"email": "first@example.org"}, {"email": "far@example.org", "consents": [far]}]
    twice = '{"email": "a@example.org", "email": "b@example.org"}'
    file = tmp_path / "users.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*map(json.dumps, lines), twice]).encode())
    done = consentql(database_url, "import", str(file), cwd=tmp_path)
    told = [text for text in done.stderr.splitlines() if text.startswith("line ")]
    assert told == [
        "line 2: consents.0.at: is not a date and time with an offset (RFC 3339)",
        "line 3: line: is not JSON",
    ]
    assert "1 imported" in done.stderr


HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def write_lines(path: Path, *lines: Any) -> str:
    """A file of lines; text is written unchanged."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_text("\n".join(texts) + "\n")
    return str(path)


async def count_people(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(ACCOUNTS))).scalar_one())


async def test_an_import_stores_each_valid_line_and_can_be_repeated(database: Database, tmp_path: Path) -> None:
    granted = {"purpose": "SOCIAL", "granted": True, "policyVersion": current_version().name}
    good = line("good@example.org", passwordHash=HASH, consents=[{**granted, "at": "2026-11-02T08:00:00+02:00"}])
    file = write_lines(
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
    assert await count_people(database) == 3

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
def test_a_rejected_line_is_reported_without_its_value(database_url: str, tmp_path: Path) -> None:
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
    file = write_lines(tmp_path / "users.jsonl", *(fault for fault, _ in faults))
    done = consentql(database_url, "import", file, cwd=tmp_path)
    told = [text.split(": ")[:2] for text in done.stderr.splitlines() if text.startswith("line ")]
    assert told == [[f"line {number}", name] for number, (_, name) in enumerate(faults, start=1)]
    assert done.returncode == 1
    assert "S3cr3t" not in done.stderr + done.stdout


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_an_interrupted_import_can_be_repeated(
    database: Database, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    many = sized(12_000, 100_000)
    file = write_lines(tmp_path / "users.jsonl", *({"email": f"p{number}@example.org"} for number in range(many)))
    process = subprocess.Popen(  # noqa: ASYNC220  # there is nothing else to do meanwhile
        [*COMMAND, "import", file], env=environment(database.url), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while await count_people(database) == 0:  # noqa: ASYNC110  # another process fills it
        await asyncio.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    part = await count_people(database)
    assert 0 < part < many
    done = consentql(database.url, "import", file, cwd=tmp_path)
    assert f"{many - part} imported, {part} already present, 0 rejected" in done.stderr
    assert done.returncode == 0


async def test_imported_data_without_consent_is_visible_only_to_its_subject(database: Database, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "users.jsonl", line("p@example.org", (), passwordHash=HASH))
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


async def test_imported_consents_are_in_the_hash_chain(database: Database, tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "users.jsonl", *(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(5))
    )
    consentql(database.url, "import", file, cwd=tmp_path)
    async with database.reading() as connection:
        rows = (await connection.execute(select(CONSENT_RECORDS).order_by(CONSENT_RECORDS.c.sequence))).mappings().all()
    assert len(rows) == 10
    keys = world_of(database).services.keys
    assert hash_chain.first_break(keys, hash_chain.CONSENT, [dict(row) for row in rows]) is None

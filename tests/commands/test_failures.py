"""A command that fails says in one sentence what failed, and each kind of failure has its own."""

import errno
import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from app.commands.console import failures
from app.commands.console.failures import SQLITE, STATES, sentence_of
from models.database import Database
from tests.serving import COMMAND, consentql, environment
from tests.world import world_of

EMAIL = "p@example.org"
CANARY = "canary of a row"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_an_output_file_that_cannot_be_written_is_named_with_the_reason(
    database: Database, tmp_path: Path
) -> None:
    await world_of(database).person(EMAIL)
    (tmp_path / "file").write_text("")
    for out, reason in {
        str(tmp_path / "nowhere" / "me.json"): "the folder does not exist",
        str(tmp_path / "file" / "me.json"): f"{tmp_path / 'file'} is not a folder",
        str(tmp_path / ("n" * 300)): "its name is too long",
        "/proc/me.json": "the folder takes no new files",
        "/dev/full": "the disk is full",
    }.items():
        done = consentql(database.url, "export", EMAIL, "--out", out, cwd=tmp_path)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"Cannot write {out}: {reason}."), done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("part", ["TABLE failed_sign_ins", "COLUMN failures"])
async def test_a_missing_table_or_column_is_named_as_an_outdated_schema(
    part: str, database: Database, tmp_path: Path
) -> None:
    await world_of(database).person(EMAIL)
    async with database.writing() as connection:
        await connection.execute(text(f"{'' if part[0] == 'T' else 'ALTER TABLE failed_sign_ins '}DROP {part}"))
    done = consentql(database.url, "unlock", EMAIL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{failures.OUTDATED}\n")


def test_a_server_that_does_not_run_is_named_as_that(tmp_path: Path) -> None:
    done = consentql("postgresql+asyncpg://nobody:secret@127.0.0.1:1/none", "unlock", EMAIL, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), "secret" in done.stderr) == (2, 1, False)
    assert done.stderr.startswith("The database cannot be reached (")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_database_that_does_not_exist_is_named_as_that(database_url: str, tmp_path: Path) -> None:
    nowhere = make_url(database_url).set(database="nowhere").render_as_string(hide_password=False)
    done = consentql(nowhere, "unlock", EMAIL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{failures.NO_DATABASE}\n")


def test_a_file_that_is_no_database_is_named_as_that(tmp_path: Path) -> None:
    (tmp_path / "site.db").write_bytes(b"no database" * 1000)
    done = consentql(f"sqlite+aiosqlite:///{tmp_path / 'site.db'}", "unlock", EMAIL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{failures.DAMAGED}\n")


def test_a_full_database_is_named_as_that(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'full.db'}")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (value TEXT)"))
        connection.execute(text("PRAGMA max_page_count = 2"))
        with pytest.raises(OperationalError) as full:
            connection.execute(text("INSERT INTO t VALUES (:value)"), {"value": CANARY * 10_000})
    engine.dispose()
    assert sentence_of(full.value) == failures.FULL


@pytest.mark.parametrize("state", STATES)
def test_each_state_of_postgresql_has_a_sentence_without_the_text_of_the_failure(state: str) -> None:
    original = type("PostgresError", (Exception,), {"sqlstate": state})(CANARY)
    sentence = sentence_of(DBAPIError("SELECT 1", {"value": CANARY}, original))
    assert (sentence, CANARY in sentence) == (STATES[state], False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.ECONNREFUSED, errno.ENOENT])
def test_a_full_disk_a_missing_file_and_a_lost_service_are_told_apart(number: int) -> None:
    told = {
        errno.ENOSPC: failures.DISK_FULL,
        errno.EDQUOT: failures.DISK_FULL,
        errno.ECONNREFUSED: failures.UNREACHED.format(kind="ConnectionRefusedError"),
        errno.ENOENT: "Cannot open people.jsonl: No such file.",
    }
    where = ("people.jsonl",) if number == errno.ENOENT else ()
    assert sentence_of(OSError(number, "No such file", *where)) == told[number]


def test_an_unknown_failure_shows_only_its_kind() -> None:
    problem = DBAPIError("SELECT 1", {"value": CANARY}, sqlite3.OperationalError(CANARY))
    assert sentence_of(problem) == failures.OTHER.format(kind="DBAPIError")


def test_what_an_operator_does_differs_from_failure_to_failure() -> None:
    by_kind = [failures.OUTDATED, failures.FULL, failures.READ_ONLY, failures.UNREACHED, failures.DISK_FULL]
    assert len(set(by_kind)) == len(by_kind)
    assert {*STATES.values(), *SQLITE.values()} >= {failures.OUTDATED, failures.FULL, failures.READ_ONLY}


def test_a_full_standard_output_ends_a_command_with_its_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        settings = environment(f"sqlite+aiosqlite:///{tmp_path}/none.db")
        done = subprocess.run(
            [*COMMAND, "schema"],
            cwd=tmp_path,
            env=settings,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, f"{failures.DISK_FULL}\n")

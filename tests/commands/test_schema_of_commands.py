"""What each command does to the database's schema and to SQLite's write lock before it begins."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result
from sqlalchemy import text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from app import __main__
from app.__main__ import app
from app.commands.console import process
from app.commands.console.command_error import CommandError
from app.commands.server import serve
from app.operations.schema_revision import UnknownSchema
from app.settings import Settings
from models.database import Database
from models.tokens.token_format import TokenKind, new_token
from permissions.version_numbers import current_version
from tests.commands.test_help import COMMANDS
from tests.policy.test_policy_impact import proposal
from tests.serving import consentql, environment, free_port
from tests.world import KEY

Invoke = Callable[..., Result]

VERSION: Final = current_version().name
PERSON: Final = "p@example.org"
NO_DATABASE: Final = {"", "schema", "policy", "policy lint", "documents"}
READING: Final = {
    "verify-log": (),
    "oversight": (),
    "breach": ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"),
    "policy diff": (VERSION, VERSION),
    "policy simulate": ("new.json",),
    "retention": ("--dry-run",),
}
WRITING: Final = {
    "serve": (),
    "migrate": (),
    "release-statistics": (),
    "rotate-keys": (),
    "demo": (),
    "import": ("people.jsonl",),
    "export": (PERSON,),
    "processor-export": ("INTERCOM",),
    "grant-role": (PERSON, "SUPPORT", "--expires", "1d"),
    "token": ("MEMBER", "--holder", PERSON),
    "disable": (PERSON,),
    "unlock": (PERSON,),
    "enable": (PERSON,),
}
CREATING: Final = {"serve", "migrate", "demo", "import"}
"""Commands that create a SQLite file in development."""
ALL: Final = READING | WRITING


@pytest.fixture
def invoke(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command of `ALL` on the database, in this process."""
    monkeypatch.chdir(tmp_path)
    proposal(tmp_path / "new.json")
    (tmp_path / "people.jsonl").touch()

    def act(name: str, url: str = database_url, **more: str) -> Result:
        port = ("--port", str(free_port())) if name == "serve" else ()
        token = new_token(TokenKind.ROLE) + "\n"
        return CliRunner().invoke(app, [*name.split(), *ALL[name], *port], input=token, env=environment(url, **more))

    return act


def set_revision(url: str, revision: str) -> None:
    async def act() -> None:
        database = Database(url)
        async with database.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        await database.close()

    asyncio.run(act())


def file_of(url: str) -> Path:
    return Path(str(make_url(url).database))


def test_every_command_is_listed_here() -> None:
    assert {*ALL, *NO_DATABASE} == set(COMMANDS)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_stops_at_a_schema_that_its_release_does_not_know(
    database_url: str, invoke: Invoke, name: str
) -> None:
    set_revision(database_url, "9999")
    before = file_of(database_url).read_bytes()
    done = invoke(name)
    assert isinstance(done.exception, UnknownSchema), (done.output, done.exception)
    assert "9999" in str(done.exception)
    assert file_of(database_url).read_bytes() == before


@pytest.mark.parametrize("name", ["serve", "migrate", "oversight"])
def test_an_operator_reads_one_sentence_about_a_schema_of_another_release(
    database_url: str, tmp_path: Path, name: str
) -> None:
    set_revision(database_url, "9999")
    done = consentql(database_url, name, cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith("The database has schema 9999, and this release works with ")) == (
        2,
        True,
    ), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_that_only_reads_takes_no_write_lock(database_url: str, invoke: Invoke, name: str) -> None:
    other = sqlite3.connect(file_of(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        done = invoke(name)
    finally:
        other.close()
    assert done.exception is None or isinstance(done.exception, CommandError), (done.output, done.exception)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_that_writes_says_that_others_write(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "COMMAND_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("sys.argv", ["consentql", "unlock", PERSON])
    for setting, value in environment(database_url).items():
        monkeypatch.setenv(setting, value)
    other = sqlite3.connect(file_of(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    other.close()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("The database is busy")


@pytest.mark.parametrize("name", sorted({*ALL} - CREATING - {"policy diff", "policy simulate"}))
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_names_the_file_that_does_not_exist_and_creates_none(
    tmp_path: Path, invoke: Invoke, name: str
) -> None:
    lost = tmp_path / "mount" / "lost.db"
    done = invoke(name, f"sqlite+aiosqlite:///{lost}")
    assert isinstance(done.exception, CommandError), (done.output, done.exception)
    assert str(lost) in str(done.exception)
    assert not lost.exists()


@pytest.mark.parametrize(
    ("environment", "options", "serves"),
    [("development", [], True), ("production", [], False), ("production", ["--create"], True)],
)
def test_only_development_creates_a_database_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, options: list[str], serves: bool
) -> None:
    file = tmp_path / "lost.db"
    url = f"sqlite+aiosqlite:///{file}"
    settings = Settings(environment=environment, database_url=url, secret_keys=(KEY,), metrics_address=None)
    for module in (process, serve):
        monkeypatch.setattr(module, "load", lambda: settings)
    monkeypatch.setattr(serve, "require_announced", lambda **_: None)
    served: list[Any] = []
    monkeypatch.setattr(serve.uvicorn, "run", lambda *_, **kept: served.append(kept))
    done = CliRunner().invoke(app, ["serve", *options])
    assert (len(served) == 1, file.exists()) == (serves, serves), (done.output, done.exception)
    if not serves:
        assert isinstance(done.exception, CommandError)
        assert str(file) in str(done.exception)


def test_a_worker_has_a_minute_to_import_the_program(database_url: str, invoke: Invoke, monkeypatch: Any) -> None:
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(serve.uvicorn, "run", lambda *_, **options: started.append(options))
    assert invoke("serve").exception is None
    assert started[0]["timeout_worker_healthcheck"] >= 60

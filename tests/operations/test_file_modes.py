"""Only their owner can open the files and folders that the program makes, with any umask."""

import ast
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import typer
import uvicorn
from sqlalchemy import text
from typer.testing import CliRunner

from app.__main__ import app
from app.mail.transport import FolderTransport
from app.operations.erasure_register import ErasureRegister
from models.database import Database
from models.private_files import create_file, make_folder, open_to_append, replacement
from resolvers.clock.steady_clock import utc_now
from tests.test_architecture import MODULES, ROOT, tree

MEMBER = "member@demo.example.org"
USERS = "../users.jsonl"
DOCUMENTS = "../documents.json"

COMMANDS: dict[str, tuple[str, ...]] = {
    "migrate": (),
    "demo": ("--users", "10"),
    "import": (USERS,),
    "serve": (),
    "schema": (),
    "retention": (),
    "release-statistics": (),
    "rotate-keys": (),
    "export": (MEMBER, "--out", "export.json"),
    "processor-export": ("INTERCOM", "--out", "people.csv"),
    "grant-role": (MEMBER, "SUPPORT", "--expires", "1d"),
    "token": ("MEMBER", "--holder", MEMBER, "--expires", "1h"),
    "disable": (MEMBER,),
    "enable": (MEMBER,),
    "unlock": (MEMBER,),
    "documents": (DOCUMENTS,),
    "policy": (),
    "policy lint": (),
    "policy diff": ("2026-01-01", "2026-01-01"),
    "policy simulate": (str(ROOT / "permissions" / "policy.py"),),
    "verify-log": (),
    "oversight": (),
    "breach": ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"),
}
"""A call of every command. Each makes the files that it makes; whether it finds something does not matter."""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Sets the umask of this process and of those that it starts."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def open_to_others(folder: Path, *made_by_the_test: Path) -> dict[str, str]:
    """The files and folders below this one that others can open, each with its mode."""
    found = [path for path in folder.rglob("*") if path not in made_by_the_test and not path.is_symlink()]
    modes = {str(path.relative_to(folder)): (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in found}
    return {name: oct(mode) for name, (is_folder, mode) in modes.items() if mode != (0o700 if is_folder else 0o600)}


def leaves(command: Any, name: str = "") -> Iterator[str]:
    """The names of all commands that act."""
    if name and (not getattr(command, "commands", None) or command.invoke_without_command):
        yield name
    for each, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, f"{name} {each}".strip())


def test_each_command_makes_private_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(leaves(typer.main.get_command(app))) == set(COMMANDS)
    (tmp_path / "users.jsonl").write_text('{"email": "p@example.org", "password": "violet kettle marble 9921"}\n')
    (tmp_path / "documents.json").write_text('{"a": "{ viewer { role } }"}')
    for name in [name for name in os.environ if name.startswith("CONSENTQL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: None)  # the command has prepared everything before
    # its handler would outlive the stream of this test
    monkeypatch.setattr("app.commands.server.serve.dictConfig", lambda _: None)
    monkeypatch.setenv("CONSENTQL_ERASURE_REGISTER", "var/registers/erased.jsonl")
    made: set[str] = set()
    for place, creating in (("a", "migrate"), ("b", "import"), ("c", "serve"), ("d", "demo")):
        (folder := tmp_path / place).mkdir()
        monkeypatch.chdir(folder)
        with umask(0):
            for name in (creating, *(each for each in COMMANDS if each != creating and place == "d")):
                done = CliRunner().invoke(app, [*name.split(), *COMMANDS[name]])
                assert done.exit_code in (0, 1), (name, done.output, done.exception)
                assert open_to_others(folder) == {}, name
        made |= {path.name for path in folder.rglob("*") if path.is_file()}
    assert made == {"consentql.db", "secret-keys", "export.json", "people.csv"}


async def test_a_database_a_register_and_a_letter_are_private_while_they_are_written(tmp_path: Path) -> None:
    with umask(0):
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/data/site.db")
        async with database.writing() as connection:
            await connection.execute(text("CREATE TABLE a (b INTEGER)"))
        ErasureRegister(tmp_path / "registers" / "erased.jsonl").add(["id"], utc_now())
        await FolderTransport(tmp_path / "data" / "letters").deliver("one", EmailMessage())
        assert {path.name for path in (tmp_path / "data").iterdir()} == {
            "site.db",
            "site.db-wal",
            "site.db-shm",
            "letters",
        }
        assert open_to_others(tmp_path) == {}
        await database.close()


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o777])
def test_the_mode_of_a_new_file_or_folder_does_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        make_folder(tmp_path / "a" / "b" / "c")
        with create_file(tmp_path / "d" / "e" / "created") as file:
            file.write(b"x")
        with open_to_append(tmp_path / "f" / "appended") as file:
            file.write(b"x")
        with replacement(tmp_path / "a" / "replaced") as file:
            file.write(b"x")
        assert open_to_others(tmp_path) == {}


def test_a_folder_and_a_file_of_the_operator_keep_their_mode(tmp_path: Path) -> None:
    (shared := tmp_path / "shared").mkdir()
    shared.chmod(0o755)
    (register := shared / "register").touch()
    register.chmod(0o640)
    make_folder(shared)
    open_to_append(register).close()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (shared, register)] == [0o755, 0o640]


CREATES = re.compile(
    r"\.(mkdir|touch|write_text|write_bytes)$|^(os\.(open|mkdir|makedirs)|tempfile\..*|shutil\.copy.*)$"
)
WRITES = re.compile(r"^(open|.*\.open)\((.*, )?'[rb+]*[wax]")
ALLOWED = {
    ("resolvers/hashing/breached_passwords.py", "os.open(path, os.O_RDONLY)"),
    ("app/operations/erasure_register.py", "os.open(self.path.parent, os.O_RDONLY)"),
    ("app/commands/console/output_file.py", "out.open('wb')"),  # a pipe or a device, which exists
    ("app/__main__.py", "os.open(os.devnull, os.O_WRONLY)"),  # creates nothing
    # counts without personal data, in a temporary folder that only the owner can enter
    ("app/telemetry/listener.py", "tempfile.gettempdir()"),
    (
        "app/telemetry/listener.py",
        "tempfile.TemporaryDirectory(prefix='consentql-metrics-', dir=place, ignore_cleanup_errors=True)",
    ),
    ("models/telemetry/worker_files.py", "file.open('ab')"),
}
BUILDS = {"app/web/fetch.py", "app/web/hatch_build.py"}
"""They fetch the parts of GraphiQL, which anyone may read."""


def test_no_other_module_creates_a_file() -> None:
    found = {
        (name, ast.unparse(call))
        for path in MODULES
        if (name := str(path.relative_to(ROOT))) not in BUILDS | {"models/private_files.py"}
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call) and (CREATES.search(ast.unparse(call.func)) or WRITES.search(ast.unparse(call)))
    }
    assert found == ALLOWED

"""A command that cannot run prints one sentence."""

from pathlib import Path

import pytest

from models.database import Database
from tests.serving import consentql
from tests.world import world_of


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "MEMBER", "--holder", ""),
        ("token", "MEMBER", "--holder", "p@example.org", "--expires", "999999w"),
        ("grant-role", "p@example.org", "SUPPORT", "--expires", "999999w"),
    ],
)
async def test_an_invalid_argument_prints_no_traceback(
    database: Database, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    await world_of(database).person("p@example.org")
    done = consentql(database.url, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_reading_command_creates_no_database(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "consentql.db"
    done = consentql(f"sqlite+aiosqlite:///{nowhere}", "token", "MEMBER", "--holder", "p@example.org", cwd=tmp_path)
    assert done.returncode == 2
    assert not nowhere.exists()

"""A release serves on while the next one migrates the schema, and both serve side by side until it is replaced."""

import shutil
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import func, select, text

from app.operations import schema_version
from app.operations.schema_version import migrate, newest
from models.database import Database
from models.tables import CONSENT_RECORDS
from permissions.version_numbers import current_version
from tests.serving import Server, consentql, serving
from tests.world import world_of

EXPANDS: Final = '''"""Adds a column and a table."""

import sqlalchemy as sa
from alembic import op

revision = "0001.1"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("added", sa.Column("id", sa.String(32), primary_key=True))
    op.add_column("accounts", sa.Column("extra", sa.String(10), nullable=False, server_default="new"))
    op.add_column("consent_records", sa.Column("extra", sa.String(10)))
'''
READ: Final = "query ($id: ID!) { user(id: $id) { firstName } }"
WITHDRAW: Final = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
GRANT: Final = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"


def next_release(folder: Path, *works_with: str) -> list[str]:
    """The command of a release with the migrations of this folder."""
    program = (
        "from pathlib import Path\n"
        "from app.operations import schema_revision, schema_version\n"
        f"schema_version.MIGRATIONS = Path({str(folder)!r})\n"
        f"schema_revision.WORKS_WITH = {works_with!r}\n"
        "from app.__main__ import main\n"
        "main()\n"
    )
    return [sys.executable, "-c", program]


def post(server: Server, document: str, token: str, **variables: Any) -> Any:
    body = {"query": document, "variables": variables}
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{server.url}/graphql", json=body, headers=headers, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def is_ready(server: Server) -> bool:
    return httpx.get(f"{server.url}/health/ready", timeout=60).status_code == 200


def takes_turns(first: Server, second: Server, subject: str, mine: str, other: str) -> None:
    """What one process writes, the other reads."""
    for writer, reader in ((first, second), (second, first)):
        post(writer, WITHDRAW, mine)
        assert post(reader, READ, other, id=subject)["user"] is None
        post(writer, GRANT, mine, v=current_version().name)
        assert post(reader, READ, other, id=subject)["user"]["firstName"] == "Amara"


async def test_a_release_and_the_next_one_serve_the_expanded_schema_together(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema_version.MIGRATIONS, folder)
    (folder / "versions" / "0001_1.py").write_text(EXPANDS.format(before=newest()))
    world = world_of(database)
    subject, mine = await world.member("subject@example.org")
    _, other = await world.member("reader@example.org")
    with serving(database.url, tmp_path) as old:
        monkeypatch.setattr(schema_version, "MIGRATIONS", folder)
        await migrate(database)
        assert is_ready(old)
        with serving(database.url, tmp_path, program=next_release(folder, "0001.1")) as new:
            takes_turns(old, new, subject, mine, other)
        assert consentql(database.url, "verify-log", cwd=tmp_path).returncode == 0, "of the older release"
    async with database.reading() as connection:
        changes = select(func.count()).select_from(CONSENT_RECORDS)
        assert (await connection.execute(changes.where(CONSENT_RECORDS.c.subject_id == subject))).scalar_one() == 5
        filled = text("SELECT count(*) FROM accounts WHERE extra = 'new'")
        assert (await connection.execute(filled)).scalar_one() == 2
    world.services.hashing.close()

"""The migrations make the tables that the models declare, and a database of another schema is refused."""

import asyncio
import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.operations import schema_version
from app.operations.schema_version import UnknownSchema, is_current, migrate, newest
from models.database import Database
from models.tables import METADATA
from tests.serving import consentql

NEXT = '''"""One more table."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{newest}"


def upgrade() -> None:
    op.create_table("added", sa.Column("id", sa.String(32), primary_key=True))
'''


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "target_metadata": METADATA}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def set_revision(url: str, revision: str) -> None:
    database = Database(url)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    await database.close()


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # only on SQLite; PostgreSQL's index is compared
async def test_the_migrations_make_the_tables_of_the_models(database_url: str) -> None:
    database = Database(database_url)
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_a_database_without_the_newest_migration_is_outdated_until_it_is_applied(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "migrations"
    shutil.copytree(schema_version.MIGRATIONS, newer)
    (newer / "versions" / "next.py").write_text(NEXT.format(newest=newest()))
    database = Database(database_url)
    assert await is_current(database)
    monkeypatch.setattr(schema_version, "MIGRATIONS", newer)
    assert not await is_current(database)
    await migrate(database)
    assert await is_current(database)
    async with database.reading() as connection:
        assert await connection.run_sync(lambda it: inspect(it).has_table("added"))
    await database.close()


async def test_a_database_with_an_unknown_schema_is_not_migrated(database_url: str) -> None:
    await set_revision(database_url, "0000")
    database = Database(database_url)
    assert not await is_current(database)
    with pytest.raises(UnknownSchema):
        await migrate(database)
    await database.close()


def test_an_operator_reads_one_sentence_about_an_unknown_schema(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    asyncio.run(set_revision(database_url, "0000"))
    told = "This version does not know the database's schema."
    outdated = "The database's schema is outdated. Run `consentql migrate`."
    for command, expected in (("migrate", told), ("serve", told if backend == "sqlite" else outdated)):
        done = consentql(database_url, command, cwd=tmp_path)
        assert (done.returncode, done.stderr.startswith(expected)) == (2, True), done.stderr
        assert "Traceback" not in done.stderr

"""The migrations make the tables that the models declare, and a database of another schema is refused."""

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.operations import schema_revision, schema_version
from app.operations.schema_revision import SchemaRevision, UnknownSchema, works_with
from app.operations.schema_version import SchemaState, migrate, newest, revision, state_of
from models.database import Database
from models.tables import METADATA

NEXT = '''"""One more table."""

import sqlalchemy as sa
from alembic import op

revision = "0001.1"
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


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release with one more migration."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema_version.MIGRATIONS, folder)
    (folder / "versions" / "next.py").write_text(NEXT.format(newest=newest()))
    monkeypatch.setattr(schema_version, "MIGRATIONS", folder)


async def state(database: Database) -> SchemaState:
    return state_of(await revision(database))


async def has_more(database: Database) -> bool:
    async with database.reading() as connection:
        return await connection.run_sync(lambda it: inspect(it).has_table("added"))


@pytest.mark.usefixtures("newer")
async def test_a_release_migrates_a_database_of_an_older_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await state(database) is SchemaState.OLDER
    monkeypatch.setattr(schema_revision, "WORKS_WITH", ("0001.1",))
    assert await state(database) is SchemaState.OUTDATED
    await migrate(database)
    assert await state(database) is SchemaState.CURRENT
    assert await has_more(database)


async def test_a_release_leaves_a_later_step_of_its_schema_as_it_is(
    database: Database, newer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database)
    monkeypatch.undo()
    assert await state(database) is SchemaState.CURRENT
    await migrate(database)
    assert (await revision(database), await has_more(database)) == ("0001.1", True)


@pytest.mark.parametrize("unknown", ["0000", "0002", "0002.1", "0001.0", "9999", "next", "1", ""])
async def test_a_database_with_an_unknown_schema_is_not_migrated(database_url: str, unknown: str) -> None:
    await set_revision(database_url, unknown)
    database = Database(database_url)
    assert await state(database) is SchemaState.UNKNOWN
    with pytest.raises(UnknownSchema):
        await migrate(database)
    await database.close()


def test_this_release_works_with_its_newest_schema() -> None:
    revision = newest()
    assert revision is not None
    assert works_with(revision)
    assert all(SchemaRevision.parse(each) for each in schema_revision.WORKS_WITH)

"""A step of the schema only adds to it, so the release before serves on. Only a new generation drops or narrows."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from app.operations import schema_revision, schema_version
from app.operations.schema_revision import SchemaRevision, works_with
from app.operations.schema_version import migrate, newest, revisions
from models.database import Database
from tests.operations.schema_shape import Shape, breaks, shape_of

MIGRATION: Final = '''"""{revision}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
{body}
'''
START: Final = """op.create_table(
        "made",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(10)),
        sa.Column("kind", sa.String(10), nullable=False, server_default="x"),
    )"""

EXPANDING: Final = (
    'op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))',
    'op.add_column("made", sa.Column("extra", sa.Text))',
    'op.add_column("made", sa.Column("extra", sa.Integer, nullable=False, server_default="0"))',
    'op.create_index("made_name", "made", ["name"])',
    'batch.alter_column("name", type_=sa.String(20), existing_type=sa.String(10))',
    'batch.alter_column("kind", nullable=True, existing_type=sa.String(10))',
    """op.execute("UPDATE made SET name = 'x'")""",
)
CONTRACTING: Final = (
    'op.drop_table("made")',
    'op.execute("ALTER TABLE made DROP COLUMN name")',
    'op.rename_table("made", "other")',
    'op.execute("ALTER TABLE made RENAME COLUMN name TO called")',
    'batch.drop_column("name")',
    'batch.add_column(sa.Column("extra", sa.Integer, nullable=False))',
    'batch.alter_column("name", new_column_name="called", existing_type=sa.String(10))',
    'batch.alter_column("name", nullable=False, existing_type=sa.String(10))',
    'batch.alter_column("name", type_=sa.String(5), existing_type=sa.String(10))',
    """batch.alter_column("name", type_=sa.Integer, existing_type=sa.String(10), postgresql_using="0")""",
    'batch.alter_column("kind", server_default=None, existing_type=sa.String(10))',
    'batch.create_unique_constraint("one_name", ["name"])',
    'batch.create_check_constraint("some", sa.text("id > 0"))',
    'op.create_index("made_name", "made", ["name"], unique=True)',
)

Release = Callable[..., None]

# SQLite does not describe an index over an expression
pytestmark = pytest.mark.filterwarnings("ignore:.*expression-based index")


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Adds migrations to a copy of the folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema_version.MIGRATIONS, folder)
    monkeypatch.setattr(schema_version, "MIGRATIONS", folder)

    def add(**bodies: str) -> None:
        for name, body in bodies.items():
            revision = name.strip("_").replace("_", ".")
            batch = 'with op.batch_alter_table("made") as batch:\n        ' if body.startswith("batch.") else ""
            text = MIGRATION.format(revision=revision, before=newest(), body=f"    {batch}{body}")
            (folder / "versions" / f"{revision}_made.py").write_text(text)

    return add


async def shape(database: Database) -> Shape:
    async with database.reading() as connection:
        return await connection.run_sync(shape_of)


async def faults_of_migrations(database: Database) -> list[str]:
    """What each step of a generation breaks. The database has the first revision."""
    first, *later = revisions()
    assert await schema_version.revision(database) == first
    found, before = [], await shape(database)
    for name in later:
        await migrate(database, name)
        after, revision = await shape(database), SchemaRevision.parse(name)
        if revision is None or revision.step:
            found += [f"{name}: {sentence}" for sentence in breaks(before, after)]
        before = after
    return found


async def test_no_step_breaks_the_release_before(database: Database) -> None:
    assert await faults_of_migrations(database) == []


def test_revisions_are_steps_or_begin_a_generation() -> None:
    parsed = [SchemaRevision.parse(each) for each in revisions()]
    for before, after in pairwise(parsed):
        assert before is not None
        assert after in {
            SchemaRevision(before.generation, before.step + 1),
            SchemaRevision(before.generation + 1),
        }


def serves_until_migrated() -> bool:
    """Whether the release works with the schema before its newest generation, from which its processes migrate."""
    *older, last = revisions()
    revision = SchemaRevision.parse(last)
    return bool(revision and (revision.step or not older or works_with(older[-1])))


def test_what_a_generation_drops_is_unused_one_release_earlier(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert serves_until_migrated(), "WORKS_WITH must name the last step of the generation before"
    release(_0001_1=EXPANDING[0], _0002=CONTRACTING[0])
    monkeypatch.setattr(schema_revision, "WORKS_WITH", ("0002",))
    assert not serves_until_migrated()
    monkeypatch.setattr(schema_revision, "WORKS_WITH", ("0001.1", "0002"))
    assert serves_until_migrated()


@pytest.mark.parametrize("body", EXPANDING)
async def test_a_step_may_add_and_widen(database: Database, release: Release, body: str) -> None:
    release(_0001_1=START, _0001_2=body)
    assert await faults_of_migrations(database) == []


@pytest.mark.parametrize("body", CONTRACTING)
async def test_a_step_that_drops_or_narrows_is_found(database: Database, release: Release, body: str) -> None:
    release(_0001_1=START, _0001_2=body)
    found = await faults_of_migrations(database)
    assert found
    assert all(each.startswith("0001.2: made") for each in found)


async def test_a_new_generation_may_drop(database: Database, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    release(_0001_1=START, _0002=CONTRACTING[0])
    monkeypatch.setattr(schema_revision, "WORKS_WITH", ("0001.1", "0002"))
    assert await faults_of_migrations(database) == []

"""The schema version of a database, and its migration to the newest one."""

from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.operations.schema_revision import UnknownSchema, works_with
from models.database import Database

MIGRATIONS = Path(__file__).parent.parent / "migrations"


class SchemaState(StrEnum):
    """What this release can do with the schema of a database."""

    MISSING = "MISSING"
    """There are no tables yet."""
    OUTDATED = "OUTDATED"
    """It must be migrated first."""
    OLDER = "OLDER"
    """This release works with it, and has a migration for it."""
    CURRENT = "CURRENT"
    """This release works with it, and has nothing to migrate. It may be a later step."""
    UNKNOWN = "UNKNOWN"
    """Another release made it."""


USABLE: Final = frozenset({SchemaState.OLDER, SchemaState.CURRENT})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def revisions() -> list[str]:
    """The revisions that this release can migrate to, oldest first."""
    return [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def newest() -> str:
    """The newest revision of this release."""
    return revisions()[-1]


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def revision(database: Database) -> str | None:
    """The revision of the database."""
    async with database.reading() as connection:
        return await connection.run_sync(_revision)


async def is_usable(database: Database) -> bool:
    """Whether this release works with the schema of the database, which may be older or newer."""
    return state_of(await revision(database)) in USABLE


def state_of(found: str | None) -> SchemaState:
    """The state of a schema with this revision."""
    if found is None:
        return SchemaState.MISSING
    *older, newest = revisions()
    if works_with(found):
        return SchemaState.OLDER if found in older else SchemaState.CURRENT
    return SchemaState.OUTDATED if found in (*older, newest) else SchemaState.UNKNOWN


async def migrate(database: Database, to: str = "head") -> None:
    """Migrates the database in one transaction. A newer schema that this release works with stays unchanged.

    Raises UnknownSchema for a schema that this release does not know.
    """

    def upgrade(connection: Connection) -> Any:
        found = _revision(connection)
        if found is not None and state_of(found) is SchemaState.UNKNOWN:
            raise UnknownSchema(found)
        if state_of(found) is SchemaState.CURRENT:
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)

    async with database.writing() as connection:
        await connection.run_sync(upgrade)

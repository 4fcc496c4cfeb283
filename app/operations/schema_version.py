"""The schema version of a database, and its migration to the newest one."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from models.database import Database

MIGRATIONS = Path(__file__).parent.parent / "migrations"


class UnknownSchema(Exception):
    """The database has a schema that this version does not know."""

    def __init__(self) -> None:
        super().__init__(
            "This version does not know the database's schema. "
            "Use the version that created it, or set CONSENTQL_DATABASE_URL to a new database."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def newest() -> str | None:
    """The newest revision of this version of the program."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def revision(database: Database) -> str | None:
    """The revision of the database."""
    async with database.reading() as connection:
        return await connection.run_sync(_revision)


async def is_current(database: Database) -> bool:
    """Whether the database has the newest revision."""
    return await revision(database) == newest()


async def migrate(database: Database) -> None:
    """Migrates the database in one transaction. Raises UnknownSchema if its revision is unknown."""

    def upgrade(connection: Connection) -> Any:
        config = _config()
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        if _revision(connection) not in {None, *known}:
            raise UnknownSchema
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.writing() as connection:
        await connection.run_sync(upgrade)

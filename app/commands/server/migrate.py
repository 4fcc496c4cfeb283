"""Migrates the database to the newest schema."""

import asyncio

import typer

from app.commands.console.process import COMMAND_WAIT_SECONDS
from app.main import make_database
from app.operations import schema_version
from app.settings import load


def migrate() -> None:
    """Applies the missing migrations in one transaction."""

    async def act() -> str | None:
        settings = load()
        database = make_database(settings, settings.command_limits)
        database.write_wait_seconds = COMMAND_WAIT_SECONDS
        try:
            await schema_version.migrate(database)
            return await schema_version.revision(database)
        finally:
            await database.close()

    typer.echo(f"The database has schema {asyncio.run(act())}.", err=True)

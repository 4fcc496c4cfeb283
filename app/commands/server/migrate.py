"""Migrates the database to the newest schema."""

import asyncio

import typer

from app.main import make_database
from app.operations import schema_version
from app.settings import load


def migrate() -> None:
    """Applies the missing migrations in one transaction."""

    async def act() -> None:
        settings = load()
        database = make_database(settings, settings.command_limits)
        try:
            await schema_version.migrate(database)
        finally:
            await database.close()

    asyncio.run(act())
    typer.echo(f"The database has schema {schema_version.newest()}.", err=True)

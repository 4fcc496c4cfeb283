"""The command line `consentql`: its groups of commands, and how a failure ends it."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from app.commands.access import group as access
from app.commands.audit import group as audit
from app.commands.console.parameters import FLAG
from app.commands.people import group as people
from app.commands.policy import group as policy
from app.commands.server import group as server
from app.settings import InvalidSettings

EPILOG = (
    "Settings come from environment variables that begin with CONSENTQL_. "
    "Exit status 0: done. 1: done, with findings that the command's own help describes. "
    "2: failed; standard error says why and what to do."
)

app = typer.Typer(
    name="consentql",
    help="A GraphQL API that enforces a data handling policy.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (server.group, people.group, access.group):
    app.add_typer(group)
app.add_typer(policy.group, name="policy", rich_help_panel=policy.PANEL)
app.add_typer(audit.group)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"consentql {version('consentql')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", metavar=FLAG, callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Declares the options before a command."""


def main() -> None:
    """Runs the command line. A failure that an operator can fix is one sentence and exit status 2."""
    from limits.errors import ConfigurationError
    from maxminddb import InvalidDatabaseError
    from sqlalchemy.exc import SQLAlchemyError

    from app.commands.console.command_error import CommandError
    from app.operations.schema_revision import UnknownSchema

    try:
        app()
    except (CommandError, UnknownSchema, InvalidSettings) as problem:
        typer.echo(str(problem), err=True)
        sys.exit(2)
    except (SQLAlchemyError, ConfigurationError, InvalidDatabaseError, OSError) as problem:
        typer.echo(_sentence(problem), err=True)
        sys.exit(2)


def _sentence(problem: Exception) -> str:
    """Names what could not be reached. The text of the failure may hold a password or a row, so it is left out."""
    from sqlalchemy.exc import DBAPIError

    from models.database import waited_too_long

    if isinstance(problem, OSError) and problem.filename is not None:
        return f"Cannot open {problem.filename}: {problem.strerror}."
    if isinstance(problem, DBAPIError) and waited_too_long(problem):
        return "The database is busy: others are changing it. Run the command again later."
    kind = type(problem).__name__
    return f"The database, Redis or another service cannot be reached ({kind}). Check the addresses in the settings."


if __name__ == "__main__":
    main()

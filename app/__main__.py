"""The command line `consentql`: its groups of commands, and how a failure ends it."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

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
    "2: failed; standard error says why and what to do. "
    "3: refused until an operator confirms it; standard error says with which option."
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
    from app.commands.console.command_error import CommandError
    from app.commands.console.failures import FAILURES, sentence_of
    from app.operations.schema_revision import UnknownSchema

    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (CommandError, UnknownSchema, InvalidSettings) as problem:
        _fail(str(problem))
    except FAILURES as problem:
        _fail(sentence_of(problem))


def _fail(sentence: str) -> NoReturn:
    """Ends the process with exit status 2. What cannot be written to a full disk is dropped."""
    typer.echo(sentence, err=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(2)


if __name__ == "__main__":
    main()

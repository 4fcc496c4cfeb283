"""Declares the commands that load, create and export people."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.console.parameters import FLAG, AsJson, Email, OutFile
from models.vocabulary import Processor

PANEL = "People"
PROCESSORS = "Processors"
group = typer.Typer()


@group.command(rich_help_panel=PANEL)
def demo(
    users: Annotated[
        int, typer.Option(metavar="NUMBER", min=10, max=1_000_000, help="Create this many people.")
    ] = 2000,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="The same seed creates the same people.")] = 1,
    *,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", metavar=FLAG, help="Do nothing if the database already has people.")
    ] = False,
) -> None:
    """Fills an empty database with made-up people and prints how to sign in as each role.

    Production refuses it.
    """
    from app.commands.people import demo as command

    command.demo(users, seed, if_empty=if_empty)


@group.command("import", rich_help_panel=PANEL)
def import_users(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A file with one JSON object on each line."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Imports the users of another platform, each line whole or not at all.

    It can run again: people who are already present are left unchanged.

    Exit status 1: at least one line was rejected. Standard error names each line, the field and the reason.
    """
    from app.commands.people import import_users as command

    raise typer.Exit(command.import_users(file, as_json=as_json))


@group.command(rich_help_panel=PANEL)
def export(email: Email, out: OutFile = None) -> None:
    """Writes everything held about one person as JSON, to answer a written request.

    The export is recorded in the disclosure ledger first.
    """
    from app.commands.people import export as command

    command.export(email, out)


@group.command("processor-export", rich_help_panel=PROCESSORS)
def processor_export(
    processor: Annotated[Processor, typer.Argument(metavar="PROCESSOR", help="The processor.")],
    out: OutFile = None,
) -> None:
    """Writes the fields that a processor may read, in the format that its import takes.

    Each subject in it is recorded in the disclosure ledger first.
    """
    from app.commands.people import processor_export as command

    command.processor_export(processor, out)

"""Declares the commands that check the logs and list what is overdue."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.console.parameters import AsJson

PANEL = "Audit"
group = typer.Typer()


@group.command("verify-log", rich_help_panel=PANEL)
def verify_log(
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="Compare with the checkpoints in this log file."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Checks the consent history and the disclosure ledger for tampering, and the accounts against them.

    An account must agree with its last consent records, open restriction and objections, and granted roles.

    With --checkpoint it also notices that the newest entries were cut off. The server logs a checkpoint every minute.

    Exit status 1: an entry was changed, deleted, inserted, reordered or cut off, or an account does not agree.
    Standard error names the first entry and the ids of the accounts.
    """
    from app.commands.audit import verify_log as command

    raise typer.Exit(command.verify_log(checkpoint, as_json=as_json))


@group.command(rich_help_panel=PANEL)
def oversight(*, as_json: AsJson = False) -> None:
    """Lists what is overdue, accounts that contradict their records, and the person behind each staff pseudonym."""
    from app.commands.audit import oversight as command

    command.oversight(as_json=as_json)


@group.command(rich_help_panel=PANEL)
def documents(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The list of trusted documents.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Lists the personal fields that each trusted document can reach, per audience.

    It checks the documents as the server does when it starts. Consent and hiding can withhold more.
    """
    from app.commands.audit import documents as command

    command.documents(file, as_json=as_json)


@group.command(rich_help_panel=PANEL)
def breach(
    since: Annotated[
        str, typer.Option("--from", metavar="INSTANT", help="The first instant, for example 2026-11-02T08:00:00Z.")
    ],
    until: Annotated[str, typer.Option("--to", metavar="INSTANT", help="The first instant after the period.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Lists the people and fields that a leaked token showed (GDPR Art. 33 and 34).

    Reads the token from standard input.
    """
    from app.commands.audit import breach as command

    command.breach(since, until, as_json=as_json)

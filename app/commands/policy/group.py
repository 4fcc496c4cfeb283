"""Declares the commands about the policy."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.console.parameters import AsJson
from app.commands.policy.show import Format, render_policy

PANEL = "Policy"
group = typer.Typer(invoke_without_command=True)


@group.callback()
def policy(
    context: typer.Context,
    form: Annotated[
        Format,
        typer.Option(
            "--format", metavar="FORMAT", help="table; json; or record, the record of processing (GDPR Art. 30)."
        ),
    ] = Format.TABLE,
) -> None:
    """Prints the policy that is enforced."""
    if context.invoked_subcommand is None:
        typer.echo(render_policy(form))


@group.command()
def lint(*, as_json: AsJson = False) -> None:
    """Checks the policy for contradictions.

    Also compares it with what was published.

    Exit status 1: the policy has at least one fault.
    """
    from app.commands.policy import lint as command

    raise typer.Exit(command.lint(as_json=as_json))


@group.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The name of a published policy version.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The name of the version to compare it with.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compares two policy versions: who may read more or less, and how many subjects each change affects."""
    from app.commands.policy import compare as command

    command.diff(before, after, as_json=as_json)


@group.command()
def simulate(
    new: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="A policy as `consentql policy --format json` prints it."
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Compares the current policy with one that is not published yet.

    Also counts the subjects who would have to grant consent again.
    """
    from app.commands.policy import compare as command

    command.simulate(new, as_json=as_json)

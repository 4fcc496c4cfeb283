"""Prints the policy as it is enforced, from the table that decides, and groups what is asked about it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.commands.console.json_report import AsJson
from app.commands.console.table import align
from app.settings import Settings, from_environment
from models.vocabulary import Audience
from permissions.policy import ROWS
from permissions.policy_text import current_policy
from permissions.versions import published
from permissions.versions.diff import cell_text

group = typer.Typer(help="Prints the policy as enforced: field by audience.", invoke_without_command=True)


class Format(StrEnum):
    """For people, for programs, or for a supervisory authority."""

    TABLE = "table"
    JSON = "json"
    RECORD = "record"


@group.callback()
def policy(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Prints the policy as enforced: field by audience."""
    if context.invoked_subcommand is None:
        typer.echo(render_policy(form))


@group.command()
def lint(*, as_json: AsJson = False) -> None:
    """Says where the policy does not agree with itself; exit status 1 if it does not."""
    from app.commands.policy import lint as command

    raise typer.Exit(command.lint(as_json=as_json))


@group.command()
def diff(before: str, after: str, *, as_json: AsJson = False) -> None:
    """Says who gains or loses sight of what between two versions, and how many subjects each touches."""
    from app.commands.policy import compare as command

    command.diff(before, after, as_json=as_json)


@group.command()
def simulate(
    new: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As `policy --format json` prints one.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Says what a new policy would change, and how many subjects would have to grant again."""
    from app.commands.policy import compare as command

    command.simulate(new, as_json=as_json)


def render_policy(form: Format, settings: Settings | None = None) -> str:
    """The whole policy in this form."""
    if form is Format.TABLE:
        return _table()
    settings = settings or from_environment()
    if form is Format.JSON:
        return published.policy_json(current_policy(settings.retention_periods))
    from app.commands.policy.record import record

    return record(current_policy(settings.retention_periods), settings)


def _table() -> str:
    head = ["field", "collected for", *(audience.value for audience in Audience)]
    body = [
        [row.field.value, ", ".join(row.purposes), *(cell_text(row.cells.get(audience)) for audience in Audience)]
        for row in ROWS
    ]
    return align([head, *body])

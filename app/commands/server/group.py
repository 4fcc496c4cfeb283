"""Declares the commands that run and maintain the service."""

from typing import Annotated

import typer

from app.commands.console.parameters import FLAG, AsJson

PANEL = "Server"
group = typer.Typer()


@group.command(rich_help_panel=PANEL)
def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Listen on this port.")] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=1, max=64, help="Run this many processes. More than one needs CONSENTQL_REDIS_URL."
        ),
    ] = 1,
    *,
    create: Annotated[
        bool, typer.Option("--create", metavar=FLAG, help="Create the SQLite database if it does not exist.")
    ] = False,
) -> None:
    """Serves the API.

    Migrates a SQLite database first. In production it creates one only with `--create`, since the file may be on a disk
    that is not mounted. With an outdated PostgreSQL database it does not start: run `consentql migrate`.
    """
    from app.commands.server import serve as command

    command.serve(host, port, workers, create=create)


@group.command(rich_help_panel=PANEL)
def migrate() -> None:
    """Creates the database or brings it to the newest schema, in one transaction."""
    from app.commands.server import migrate as command

    command.migrate()


@group.command(rich_help_panel=PANEL)
def schema() -> None:
    """Prints the GraphQL schema (SDL)."""
    from schema.build import build

    typer.echo(build().as_str())


@group.command(rich_help_panel=PANEL)
def retention(
    *,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", metavar=FLAG, help="Count what is due, with the same exit status, and change nothing."
        ),
    ] = False,
    accept_clock: Annotated[
        bool,
        typer.Option("--accept-clock", metavar=FLAG, help="Confirm that the clock is right after a jump or long stop."),
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", metavar=FLAG, help="Confirm that an unusual share of the accounts loses data.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erases everything whose retention period has ended.

    Run it every night. It can run again, and while the service runs.

    Exit status 1: the rows are erased, but files may still hold bytes of them. Standard error names the files.

    Exit status 3: nothing is erased. Either the clock may be wrong: host and database differ by more than 5 minutes,
    or the clock is more than 2 days past the newest sign of the service. Or data of more than CONSENTQL_ERASURE_SHARE
    percent of the accounts is due. Standard error says which, and what to do. `consentql oversight` says it, too.
    """
    from app.commands.server import retention as command

    raise typer.Exit(command.retention(dry_run=dry_run, accept_clock=accept_clock, accept=accept, as_json=as_json))


@group.command("release-statistics", rich_help_panel=PANEL)
def release_statistics(*, as_json: AsJson = False) -> None:
    """Makes the next release of statistics now.

    Without it, the first query of a quarter makes the release.
    """
    from app.commands.server import release_statistics as command

    command.release_statistics(as_json=as_json)


@group.command("rotate-keys", rich_help_panel=PANEL)
def rotate_keys(*, as_json: AsJson = False) -> None:
    """Re-encrypts secrets and seals role grants again with the newest key.

    Also prints how many passwords still need an older key. It can run again, and while the service runs.
    """
    from app.commands.server import rotate_keys as command

    command.rotate_keys(as_json=as_json)

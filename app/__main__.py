"""`consentql`: one command an act."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.commands.console.json_report import AsJson
from app.commands.policy import show as policy_command
from app.settings import InvalidSettings
from models.vocabulary import Processor, Role

app = typer.Typer(
    name="consentql",
    help="A GraphQL API in which the data handling policy is the program.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"consentql {version('consentql')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Holds the options that stand before a command."""


def _stop(problem: object) -> NoReturn:
    typer.echo(str(problem), err=True)
    raise typer.Exit(2)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64)] = 1,
) -> None:
    """Serves the API."""
    from app.commands.server import serve as command

    command.serve(host, port, workers)


@app.command()
def migrate() -> None:
    """Brings the database to the newest schema."""
    from app.commands.server import migrate as command

    command.migrate()


@app.command()
def demo(
    users: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many people.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 1,
    *,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Leave a database with people in it as it is.")] = False,
) -> None:
    """Fills an empty database with a made-up population."""
    from app.commands.people import demo as command

    command.demo(users, seed, if_empty=if_empty)


@app.command("import")
def import_users(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One JSON object a line.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Loads existing users of a platform, all or nothing per line; may be run again."""
    from app.commands.people import import_users as command

    raise typer.Exit(command.import_users(file, as_json=as_json))


@app.command("grant-role")
def grant_role(
    email: str, role: Role, expires: Annotated[str, typer.Option(help="For how long, such as 30d.")]
) -> None:
    """Gives a person a staff role."""
    from app.commands.access import grant_role as command

    command.grant_role(email, role, expires)


@app.command()
def token(
    role: Role,
    holder: Annotated[str | None, typer.Option(help="The holder's e-mail address.")] = None,
    processor: Annotated[Processor | None, typer.Option()] = None,
    expires: Annotated[str, typer.Option(help="For how long, such as 8h.")] = "8h",
) -> None:
    """Prints one role-scoped token, alone on standard output."""
    from app.commands.access import token as command

    typer.echo(command.token(role, holder, processor, expires))


@app.command()
def disable(email: str) -> None:
    """Keeps an account from acting; its sessions and tokens end."""
    from app.commands.access import disable as command

    command.disable(email)


@app.command()
def enable(email: str) -> None:
    """Lets a disabled account act again."""
    from app.commands.access import disable as command

    command.enable(email)


@app.command("rotate-keys")
def rotate_keys(*, as_json: AsJson = False) -> None:
    """Seals with the newest key what an older one still seals."""
    from app.commands.server import rotate_keys as command

    command.rotate_keys(as_json=as_json)


@app.command()
def schema() -> None:
    """Prints the GraphQL schema (SDL)."""
    from schema.build import build

    typer.echo(build().as_str())


app.add_typer(policy_command.group, name="policy")


@app.command()
def breach(
    since: Annotated[str, typer.Option("--from", help="The first instant, such as 2026-11-02T08:00:00Z.")],
    until: Annotated[str, typer.Option("--to", help="The first instant after it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Says whom a leaked token, read from standard input, showed what (GDPR Art. 33, 34)."""
    from app.commands.audit import breach as command

    command.breach(since, until, as_json=as_json)


@app.command("processor-export")
def processor_export(
    processor: Processor, out: Annotated[Path | None, typer.Option(dir_okay=False, help="A file, else output.")] = None
) -> None:
    """Writes a processor's own columns in the shape that its import takes; each subject goes into the ledger."""
    from app.commands.people import processor_export as command

    command.processor_export(processor, out)


@app.command()
def export(
    email: str, out: Annotated[Path | None, typer.Option(dir_okay=False, help="A file, else output.")] = None
) -> None:
    """Writes everything held on one person, for a written request; an entry of the ledger says so."""
    from app.commands.people import export as command

    command.export(email, out)


@app.command("release-statistics")
def release_statistics(*, as_json: AsJson = False) -> None:
    """Makes the next release of statistics, before a question would."""
    from app.commands.server import release_statistics as command

    command.release_statistics(as_json=as_json)


@app.command()
def retention(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is due, and touch nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erases what is due; may be run again, and while the service runs. Exit status 1: bytes of it may remain."""
    from app.commands.server import retention as command

    raise typer.Exit(command.retention(dry_run=dry_run, as_json=as_json))


@app.command("verify-log")
def verify_log(
    checkpoint: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Lines of a log that hold checkpoints.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Checks the tamper evidence of the consent history and the disclosure ledger."""
    from app.commands.audit import verify_log as command

    raise typer.Exit(command.verify_log(checkpoint, as_json=as_json))


@app.command()
def oversight(*, as_json: AsJson = False) -> None:
    """Says what is overdue, and who stands behind each pseudonym."""
    from app.commands.audit import oversight as command

    command.oversight(as_json=as_json)


def _names_are_ours() -> None:
    """Five plain top-level names: another package of the same name would silently take over."""
    import models
    import permissions
    import resolvers
    import schema as schema_package

    here = Path(__file__).resolve().parent.parent
    for package in (models, permissions, resolvers, schema_package):
        if Path(package.__file__ or "").resolve().parent.parent != here:
            _stop(f"another package is in the way of `{package.__name__}`: use an environment of its own")


def main() -> None:
    """The command line; a fault of the operator's is one sentence and exit status 2."""
    from limits.errors import ConfigurationError
    from maxminddb import InvalidDatabaseError
    from sqlalchemy.exc import SQLAlchemyError

    from app.commands.console.command_error import CommandError
    from app.operations.schema_version import UnknownSchema

    _names_are_ours()
    try:
        app()
    except (CommandError, UnknownSchema, InvalidSettings) as problem:
        typer.echo(str(problem), err=True)
        sys.exit(2)
    except (SQLAlchemyError, ConfigurationError, InvalidDatabaseError, OSError) as problem:
        # its kind alone: the text of such a failure may hold an address with its password, or a row
        typer.echo(f"The database or another service is out of reach ({type(problem).__name__}).", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

"""Declares the commands that grant, issue and end access."""

from typing import Annotated

import typer

from app.commands.console.parameters import Email
from models.vocabulary import STAFF, Processor, Role

PANEL = "Access"
group = typer.Typer()


@group.command("grant-role", rich_help_panel=PANEL)
def grant_role(
    email: Email,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help=f"The staff role: {', '.join(STAFF)}.")],
    expires: Annotated[str, typer.Option(metavar="DURATION", help="End the role after this time, for example 30d.")],
) -> None:
    """Gives a person a staff role for a limited time.

    It replaces an earlier grant of the same role.
    """
    from app.commands.access import grant_role as command

    command.grant_role(email, role, expires)


@group.command(rich_help_panel=PANEL)
def token(
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="The token's role. ANONYMOUS needs no token.")],
    holder: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="The holder's e-mail address. Required unless ROLE is PROCESSOR."),
    ] = None,
    processor: Annotated[
        Processor | None,
        typer.Option(metavar="PROCESSOR", help=f"Required if ROLE is PROCESSOR: {', '.join(Processor)}."),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="DURATION", help="End the token after this time, for example 8h.")
    ] = "8h",
) -> None:
    """Issues a token for one role and prints only the token.

    A staff token needs a holder who holds that role.
    """
    from app.commands.access import token as command

    typer.echo(command.token(role, holder, processor, expires))


@group.command(rich_help_panel=PANEL)
def disable(email: Email) -> None:
    """Disables an account.

    Its sessions and tokens end at once. What others may read of the person does not change.
    """
    from app.commands.access import disable as command

    command.disable(email)


@group.command(rich_help_panel=PANEL)
def unlock(email: Email) -> None:
    """Unlocks sign-in after 100 wrong passwords in a row.

    Use it for staff, who cannot reset their password by e-mail.
    """
    from app.commands.access import unlock as command

    command.unlock(email)


@group.command(rich_help_panel=PANEL)
def enable(email: Email) -> None:
    """Enables a disabled account.

    The person can sign in again. Sessions and tokens that ended stay ended.
    """
    from app.commands.access import disable as command

    command.enable(email)

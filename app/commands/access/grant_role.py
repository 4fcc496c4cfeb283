"""Grants a staff role to a person."""

import typer

from app.commands.console.command_error import CommandError
from app.commands.console.process import find_person, run
from app.durations import parse_duration
from models.tokens import token_rows
from models.tokens.authority_locks import key_of_role, lock_exclusively
from models.vocabulary import STAFF, Role
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Services


def grant_role(email: str, role: Role, expires: str) -> None:
    """Grants the role for a duration. It replaces an earlier grant of the role."""
    if role not in STAFF:
        raise CommandError(f"The role must be one of {', '.join(STAFF)}.")
    try:
        lifetime = parse_duration(expires)
    except ValueError as problem:
        raise CommandError(f"--expires {problem}") from None

    async def act(services: Services) -> None:
        now = services.now()
        async with services.database.writing() as connection:
            subject_id = await find_person(connection, email)
            await lock_exclusively(connection, (key_of_role(subject_id, role),))
            if not await token_rows.lock_remaining_account(connection, subject_id):
                raise CommandError("This person asked to be erased, and cannot get a role.")
            await token_rows.grant_role(
                connection, services.keys, token_rows.NewGrant(subject_id, role, now=now, expires_at=now + lifetime)
            )
            record(EventKind.ROLE_GRANTED, subject=subject_id, role=role)

    run(act)
    typer.echo(f"{role.value} is granted for {expires}.", err=True)

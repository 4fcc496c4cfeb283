"""Issues one role-scoped token from the operator's shell; the row that is kept says that it came from here."""

from datetime import timedelta

from app.commands.console.command_error import CommandError
from app.commands.console.process import find_person, run
from app.durations import parse_duration
from models.tokens.token_rows import NewToken, issue_token, lock_role_grant
from models.vocabulary import STAFF, Processor, Role
from resolvers.context import Services

ISSUED_BY = "command line"


def token(role: Role, holder: str | None, processor: Processor | None, expires: str) -> str:
    """The token, known from now on by its digest alone."""
    lasting = _lifetime(role, holder, processor, expires)

    async def act(services: Services) -> str:
        now = services.now()
        async with services.database.writing() as connection:
            holder_id = await find_person(connection, holder) if holder is not None else None
            if holder_id and role in STAFF and not await lock_role_grant(connection, holder_id, role, now):
                raise CommandError(f"That person does not hold {role.value}; `consentql grant-role` grants it.")
            issued, _ = await issue_token(
                connection, NewToken(role, ISSUED_BY, now, now + lasting, holder_id, processor, name=ISSUED_BY)
            )
        return issued

    return run(act)


def _lifetime(role: Role, holder: str | None, processor: Processor | None, expires: str) -> timedelta:
    if role is Role.ANONYMOUS:
        raise CommandError("ANONYMOUS is whoever sends no token.")
    if role is Role.PROCESSOR and (processor is None or holder is not None):
        raise CommandError("A PROCESSOR token names its --processor and has no --holder.")
    if role is not Role.PROCESSOR and (holder is None or processor is not None):
        raise CommandError(f"A {role.value} token names its --holder and has no --processor.")
    try:
        return parse_duration(expires)
    except ValueError as problem:
        raise CommandError(f"--expires {problem}") from None

"""Issues one role-scoped token from the operator's shell; the row that is kept says that it came from here."""

from datetime import timedelta

from app.commands.console.failure import Fault
from app.commands.console.process import person_of, run
from app.durations import duration
from models.tokens.token_rows import NewToken, issue_token, lock_role_grant
from models.vocabulary import STAFF, Processor, Role
from resolvers.context import Services

DOOR = "command line"


def token(role: Role, holder: str | None, processor: Processor | None, expires: str) -> str:
    """The token, known from now on by its digest alone."""
    lasting = _checked(role, holder, processor, expires)

    async def act(services: Services) -> str:
        now = services.now()
        async with services.database.writing() as connection:
            holder_id = await person_of(connection, holder) if holder is not None else None
            if holder_id and role in STAFF and not await lock_role_grant(connection, holder_id, role, now):
                raise Fault(f"That person does not hold {role.value}; `consentql grant-role` grants it.")
            issued, _ = await issue_token(
                connection, NewToken(role, DOOR, now, now + lasting, holder_id, processor, name=DOOR)
            )
        return issued

    return run(act)


def _checked(role: Role, holder: str | None, processor: Processor | None, expires: str) -> timedelta:
    if role is Role.ANONYMOUS:
        raise Fault("ANONYMOUS is whoever sends no token.")
    if role is Role.PROCESSOR and (processor is None or holder is not None):
        raise Fault("A PROCESSOR token names its --processor and has no --holder.")
    if role is not Role.PROCESSOR and (holder is None or processor is not None):
        raise Fault(f"A {role.value} token names its --holder and has no --processor.")
    try:
        return duration(expires)
    except ValueError as problem:
        raise Fault(f"--expires {problem}") from None

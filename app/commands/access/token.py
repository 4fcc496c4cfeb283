"""Issues a token for a role. Its row records that the command line issued it."""

from datetime import timedelta

from app.commands.console.command_error import CommandError
from app.commands.console.process import find_person, run
from app.durations import parse_duration
from models.tokens.token_rows import NewToken, issue_token, lock_role_grant
from models.vocabulary import STAFF, Processor, Role
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Services

ISSUED_BY = "command line"


def token(role: Role, holder: str | None, processor: Processor | None, expires: str) -> str:
    """Returns the token. The database stores only its digest."""
    lifetime = _lifetime(role, holder, processor, expires)

    async def act(services: Services) -> str:
        now = services.now()
        async with services.database.writing() as connection:
            holder_id = await find_person(connection, holder) if holder is not None else None
            if holder_id and role in STAFF and not await lock_role_grant(connection, holder_id, role, now):
                raise CommandError(
                    f"This person does not have the role {role.value}. Grant it with `consentql grant-role`."
                )
            issuance = NewToken(role, ISSUED_BY, now, now + lifetime, holder_id, processor, name=ISSUED_BY)
            issued, row = await issue_token(connection, issuance)
            record(EventKind.TOKEN_ISSUED, subject=holder_id, record=row["id"], role=role, processor=processor)
        return issued

    return run(act)


def _lifetime(role: Role, holder: str | None, processor: Processor | None, expires: str) -> timedelta:
    if role is Role.ANONYMOUS:
        raise CommandError("ANONYMOUS has no token: send the request without one.")
    if role is Role.PROCESSOR and (processor is None or holder is not None):
        raise CommandError("A PROCESSOR token requires --processor and has no --holder.")
    if role is not Role.PROCESSOR and (holder is None or processor is not None):
        raise CommandError(f"A {role.value} token requires --holder and has no --processor.")
    try:
        return parse_duration(expires)
    except ValueError as problem:
        raise CommandError(f"--expires {problem}") from None

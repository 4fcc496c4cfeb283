"""Who the caller is, by their token alone."""

from strawberry.types.info import Info

from models.outcome import SessionState, Viewer
from permissions.caller import Caller
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.subjects import read_subjects


async def viewer(info: Info[Context, None]) -> Viewer:
    """Never fails once the token is accepted: what the token says needs no reading."""
    context = info.context
    return Viewer(
        role=context.caller.role,
        user=await _holder(context, context.asked(info).bits),
        session=session_of(context.caller),
        expires_at=context.caller.expires_at,
        processor=context.caller.processor,
    )


async def _holder(context: Context, bits: int) -> Subject | None:
    caller = context.caller
    if caller.subject_id is None:
        return None
    return await own_record(context, caller, bits) if caller.is_member else read_subjects.named_only(caller.subject_id)


async def own_record(context: Context, caller: Caller, bits: int) -> Subject:
    """A member's own record; the database is asked only for what the document asks."""
    if not bits or caller.subject_id is None:
        return read_subjects.oneself(caller)
    async with context.database.reading() as connection:
        found = await read_subjects.read_as(connection, caller, caller.subject_id, bits)
    return found or read_subjects.oneself(caller)


def session_of(caller: Caller) -> SessionState | None:
    """The session that a member's token is; no other token is one."""
    if not caller.is_member or caller.token_id is None or caller.created_at is None or caller.session_ends_at is None:
        return None
    return SessionState(
        id=caller.token_id,
        created_at=caller.created_at,
        last_used_at=caller.last_used_at,
        expires_at=caller.session_ends_at,
        client=caller.client,
        current=True,
    )

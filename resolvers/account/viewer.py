"""Reads who the caller is from their token."""

from strawberry.types.info import Info

from models.mutation_outcomes import Viewer
from permissions.errors import ApiError
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.sessions.session_state import session_of_caller, viewer_id
from resolvers.subjects import read_subjects
from resolvers.subjects.own_record import own_record


async def viewer(info: Info[Context, None]) -> Viewer:
    """Returns the caller as the authentication read them. Only `user` is read here, and fails if the token ended."""
    context = info.context
    return Viewer(
        id=viewer_id(context.services.keys, context.caller),
        role=context.caller.role,
        user=await _holder(context, context.requested_fields(info).bits),
        session=session_of_caller(context.caller),
        expires_at=context.caller.expires_at,
        processor=context.caller.processor,
    )


async def _holder(context: Context, bits: int) -> Subject | ApiError | None:
    """Returns the holder of the token, or the error that replaces them: `viewer` itself is never null."""
    caller = context.caller
    if caller.subject_id is None:
        return None
    if not caller.is_member:
        return read_subjects.withheld_subject(caller.subject_id)
    try:
        return await own_record(context, caller, bits)
    except ApiError as problem:
        return problem

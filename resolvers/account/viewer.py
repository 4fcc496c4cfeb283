"""Reads who the caller is from their token."""

from typing import Final

from strawberry.types.info import Info

from models.mutation_outcomes import Viewer
from permissions.errors import ApiError
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.sessions.session_state import session_of_caller, viewer_id
from resolvers.subjects import read_subjects
from resolvers.subjects.own_record import own_record

NULLABLE: Final = frozenset(f"Viewer.{name}" for name in ("user", "session", "expiresAt", "processor"))
"""What an ended token no longer shows. The id and the role say with which token the request came."""


async def viewer(info: Info[Context, None]) -> Viewer:
    """Returns the caller as the authentication read them, and checks again if the document has other root fields.

    Without others, it is answered right after the authentication. With others, it may wait for its turn.
    """
    context, asked = info.context, info.context.requested_fields(info)
    caller, problem = context.caller, None
    if caller.token_id and len(context.selection.root_fields) > 1 and not NULLABLE.isdisjoint(asked.coordinates):
        problem = await _ended(context)
    holder = await _holder(context, asked.bits) if problem is None else caller.subject_id and problem
    return Viewer(
        id=viewer_id(context.services.keys, caller),
        role=caller.role,
        user=holder,
        session=(session := session_of_caller(caller)) and (problem or session),
        expires_at=caller.expires_at and (problem or caller.expires_at),
        processor=caller.processor and (problem or caller.processor),
    )


async def _ended(context: Context) -> ApiError | None:
    """The error that replaces each part, if the caller's authority has ended."""
    try:
        await context.database.check()
    except ApiError as problem:
        return problem
    return None


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

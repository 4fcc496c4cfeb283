"""Reads the caller's own record."""

from permissions.caller import Caller
from permissions.subject import Subject
from resolvers.context import Context
from resolvers.subjects import read_subjects


async def own_record(context: Context, caller: Caller, bits: int) -> Subject:
    """Returns a member's own record, with the fields in `bits`. Without fields it reads nothing."""
    if not bits or caller.subject_id is None:
        return read_subjects.own_subject(caller)
    async with context.database.reading() as connection:
        found = await read_subjects.read_without_ground(connection, caller, caller.subject_id, bits)
    return found or read_subjects.own_subject(caller)

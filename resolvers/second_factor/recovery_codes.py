"""Recovery codes. Each replaces the authenticator for one sign-in and is stored as a keyed hash."""

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from models.pasted_text import plain
from models.tables import RECOVERY_CODES
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import CodeKind

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, which has no letter that looks like a digit."""

LENGTH: Final = 24
"""120 bits, so a fast keyed hash is enough: NIST SP 800-63B-4, 3.1.2.2, requires a slow one below 112 bits."""

GROUP_LENGTH: Final = 6
CODES_PER_SUBJECT: Final = 10
MAX_WRITTEN: Final = 128
"""A longer text is not a code."""

LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


async def replace_all(connection: AsyncConnection, keys: KeyRing, subject_id: str) -> list[str]:
    """Replaces all codes of a person and returns the new ones, which are not stored in plain text."""
    await delete_all(connection, subject_id)
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(CODES_PER_SUBJECT)]
    rows = [{"subject_id": subject_id, "digest": _digest(keys, subject_id, code, 0)} for code in codes]
    await connection.execute(insert(RECOVERY_CODES), rows)
    return ["-".join(code[start : start + GROUP_LENGTH] for start in range(0, LENGTH, GROUP_LENGTH)) for code in codes]


async def delete_all(connection: AsyncConnection, subject_id: str) -> None:
    """Deletes all codes of a person."""
    await connection.execute(delete(RECOVERY_CODES).where(RECOVERY_CODES.c.subject_id == subject_id))


async def spend(connection: AsyncConnection, keys: KeyRing, subject_id: str, written: str, now: datetime) -> bool:
    """Uses a code. Returns whether it was unused; a single statement uses it, so only one attempt succeeds."""
    typed = plain(written) if len(written) <= MAX_WRITTEN else ""
    code = typed.upper().translate(LOOKALIKES) if typed.isascii() else ""
    if len(code) != LENGTH:
        record(EventKind.SECOND_FACTOR_WRONG, subject=subject_id, code=CodeKind.RECOVERY)
        return False
    digests = [_digest(keys, subject_id, code, place) for place in range(len(keys))]
    mine = (RECOVERY_CODES.c.subject_id == subject_id) & RECOVERY_CODES.c.digest.in_(digests)
    unused = update(RECOVERY_CODES).where(mine, RECOVERY_CODES.c.used_at.is_(None))
    if (await connection.execute(unused.values(used_at=now))).rowcount == 1:
        return True
    was_used = (await connection.execute(select(RECOVERY_CODES.c.used_at).where(mine))).first() is not None
    kind = EventKind.SECOND_FACTOR_REUSED if was_used else EventKind.SECOND_FACTOR_WRONG
    record(kind, subject=subject_id, code=CodeKind.RECOVERY)
    return False


def _digest(keys: KeyRing, subject_id: str, code: str, place: int) -> str:
    return keys.tag("recovery code", f"{subject_id}|{code}".encode(), place)

"""Counts wrong passwords and codes in a row, also for addresses without an account."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.inserts import insert_into
from models.key_ring import KeyRing
from models.letters import Notice
from models.tables import FAILED_SIGN_INS
from models.tokens.mailed_tokens import write_letter

MAX_WRONG_PASSWORDS: Final = 100
"""After this many wrong passwords in a row, no password signs in there (NIST SP 800-63B-4, 3.2.2)."""

REPORTED_CODES: Final = 3
LETTER_INTERVAL: Final = timedelta(days=1)
USE: Final = "failed sign-ins"


class Failure(StrEnum):
    """What failed, and where. Each has a separate count."""

    UNKNOWN_DEVICE = "password on an unknown device"
    KNOWN_DEVICE = "password on a known device"
    CODE = "code after the right password"


CountKeys = tuple[str, ...]
"""The keys of one count: the present one, then those from before each rotation of the secret keys."""


def failure_keys(keys: KeyRing, failure: Failure, whose: str) -> CountKeys:
    """The keys of the count of a canonical address, or of a subject id for codes."""
    return tuple(keys.tag(USE, f"{failure.value} {whose}".encode(), place) for place in range(len(keys)))


async def count_failure(connection: AsyncConnection, keys: CountKeys, now: datetime) -> Any:
    """Counts a failure. Returns the row, whose `failures` include this one."""
    present, *earlier = keys
    before, told_at = await _take_earlier(connection, earlier) if earlier else (0, None)
    counted = insert_into(connection, FAILED_SIGN_INS).values(
        key=present, failures=before + 1, last_failed_at=now, told_at=told_at
    )
    counted = counted.on_conflict_do_update(
        index_elements=[FAILED_SIGN_INS.c.key],
        set_={"failures": FAILED_SIGN_INS.c.failures + counted.excluded.failures, "last_failed_at": now},
    )
    return (await connection.execute(counted.returning(*FAILED_SIGN_INS.c))).one()


async def _take_earlier(connection: AsyncConnection, earlier: list[str]) -> tuple[int, datetime | None]:
    """Removes the rows under earlier keys. Returns their failures and the time of their last letter."""
    removed = delete(FAILED_SIGN_INS).where(FAILED_SIGN_INS.c.key.in_(earlier)).returning(*FAILED_SIGN_INS.c)
    rows = (await connection.execute(removed)).all()
    told = [row.told_at for row in rows if row.told_at is not None]
    return sum(row.failures for row in rows), max(told, default=None)


async def take_back_failure(connection: AsyncConnection, keys: CountKeys) -> None:
    """Takes back a count of an attempt that was never checked."""
    counted = (FAILED_SIGN_INS.c.key == keys[0]) & (FAILED_SIGN_INS.c.failures > 0)
    await connection.execute(update(FAILED_SIGN_INS).where(counted).values(failures=FAILED_SIGN_INS.c.failures - 1))


async def tell_owner(connection: AsyncConnection, row: Any, subject_id: str, notice: Notice, now: datetime) -> None:
    """Writes to the owner of a count, at most once a day."""
    if row.told_at is not None and now - row.told_at < LETTER_INTERVAL:
        return
    told = update(FAILED_SIGN_INS).where(FAILED_SIGN_INS.c.key == row.key)
    await connection.execute(told.values(told_at=now))
    await write_letter(connection, subject_id=subject_id, notice=notice, now=now)


async def clear_failures(connection: AsyncConnection, *cleared: CountKeys) -> None:
    """Sets counts to zero. The time of the last letter stays."""
    rows = FAILED_SIGN_INS.c.key.in_([key for keys in cleared for key in keys])
    await connection.execute(update(FAILED_SIGN_INS).where(rows).values(failures=0))


def password_keys(keys: KeyRing, email: str) -> tuple[CountKeys, CountKeys]:
    """The keys of both counts of wrong passwords of a canonical address."""
    return failure_keys(keys, Failure.UNKNOWN_DEVICE, email), failure_keys(keys, Failure.KNOWN_DEVICE, email)

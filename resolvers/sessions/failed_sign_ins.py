"""Counts wrong passwords and codes in a row, also for addresses without an account."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from models.letters import Notice
from models.tables import FAILED_SIGN_INS
from models.tokens.mailed_tokens import write_letter

MAX_WRONG_PASSWORDS: Final = 100
"""After this many wrong passwords in a row, no password signs in there (NIST SP 800-63B-4, 3.2.2)."""

REPORTED_CODES: Final = 3
LETTER_INTERVAL: Final = timedelta(days=1)
USE: Final = "failed sign-ins"
INSERTS: Final[dict[str, Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class Failure(StrEnum):
    """What failed, and where. Each has a separate count."""

    UNKNOWN_DEVICE = "password on an unknown device"
    KNOWN_DEVICE = "password on a known device"
    CODE = "code after the right password"


def failure_key(keys: KeyRing, failure: Failure, whose: str) -> str:
    """The key of the count of a canonical address, or of a subject id for codes."""
    return keys.tag(USE, f"{failure.value} {whose}".encode())


async def count_failure(connection: AsyncConnection, key: str, now: datetime) -> Any:
    """Counts a failure. Returns the row, whose `failures` include this one."""
    insert = INSERTS[connection.dialect.name](FAILED_SIGN_INS)
    counted = insert.values(key=key, failures=1, last_failed_at=now).on_conflict_do_update(
        index_elements=[FAILED_SIGN_INS.c.key],
        set_={"failures": FAILED_SIGN_INS.c.failures + 1, "last_failed_at": now},
    )
    return (await connection.execute(counted.returning(*FAILED_SIGN_INS.c))).one()


async def take_back_failure(connection: AsyncConnection, key: str) -> None:
    """Takes back a count of an attempt that was never checked."""
    counted = (FAILED_SIGN_INS.c.key == key) & (FAILED_SIGN_INS.c.failures > 0)
    await connection.execute(update(FAILED_SIGN_INS).where(counted).values(failures=FAILED_SIGN_INS.c.failures - 1))


async def tell_owner(connection: AsyncConnection, row: Any, subject_id: str, notice: Notice, now: datetime) -> None:
    """Writes to the owner of a count, at most once a day."""
    if row.told_at is not None and now - row.told_at < LETTER_INTERVAL:
        return
    told = update(FAILED_SIGN_INS).where(FAILED_SIGN_INS.c.key == row.key)
    await connection.execute(told.values(told_at=now))
    await write_letter(connection, subject_id=subject_id, notice=notice, now=now)


async def clear_failures(connection: AsyncConnection, *cleared: str) -> None:
    """Sets counts to zero. The time of the last letter stays."""
    await connection.execute(update(FAILED_SIGN_INS).where(FAILED_SIGN_INS.c.key.in_(cleared)).values(failures=0))


def password_keys(keys: KeyRing, email: str) -> tuple[str, str]:
    """The keys of both counts of wrong passwords of a canonical address."""
    return failure_key(keys, Failure.UNKNOWN_DEVICE, email), failure_key(keys, Failure.KNOWN_DEVICE, email)

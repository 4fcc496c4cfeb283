"""TOTP codes (RFC 6238). A code is accepted once, and only if it is later than every code accepted before."""

import logging
import re
from datetime import datetime
from typing import Any, Final

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing, UnsealError
from models.pasted_text import plain
from models.tables import AUTHENTICATORS
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import CodeKind

log = logging.getLogger(__name__)

USE: Final = "totp secret"
MAX_DRIFT_STEPS: Final = 1
"""How many steps of 30 seconds a clock may be off."""

MAX_FAILURES: Final = 100
"""After this many wrong codes in a row the authenticator is blocked (NIST SP 800-63B-4, 3.2.2)."""

MAX_WRITTEN: Final = 64
"""A longer text is not a code."""

CODE: Final = re.compile("[0-9]{6}")


def parse_code(written: str) -> str | None:
    """The six ASCII digits of a code as it was typed or pasted, or None."""
    digits = plain(written).replace(" ", "") if len(written) <= MAX_WRITTEN else ""
    return digits if CODE.fullmatch(digits) else None


def seal_secret(keys: KeyRing, secret: str, subject_id: str, id: str) -> str:
    """Encrypts a secret for storage. It can be decrypted only with this subject id and authenticator id."""
    return keys.seal(USE, secret.encode(), f"{subject_id}|{id}")


def reseal_secret(keys: KeyRing, authenticator: Any) -> str:
    """Encrypts the secret with the newest key. Raises an error if no key decrypts it."""
    return seal_secret(keys, _unseal_secret(keys, authenticator), authenticator.subject_id, authenticator.id)


def _unseal_secret(keys: KeyRing, authenticator: Any) -> str:
    return keys.unseal(USE, authenticator.secret, f"{authenticator.subject_id}|{authenticator.id}").decode()


async def confirmed_authenticator(connection: AsyncConnection, subject_id: str) -> Any:
    """The confirmed authenticator of a person, or None. The caller holds the lock of the account."""
    confirmed = (AUTHENTICATORS.c.subject_id == subject_id) & AUTHENTICATORS.c.confirmed_at.is_not(None)
    return (await connection.execute(select(AUTHENTICATORS).where(confirmed))).one_or_none()


async def accept_code(
    connection: AsyncConnection, keys: KeyRing, authenticator: Any, written: str, now: datetime
) -> bool:
    """Uses a code. Returns whether it is current and later than every code accepted before."""
    row_update = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == authenticator.id)
    step = _matching_step(keys, authenticator, written, now)
    if step is not None:
        accepted = row_update.where(AUTHENTICATORS.c.last_step < step, AUTHENTICATORS.c.failures < MAX_FAILURES)
        if (await connection.execute(accepted.values(last_step=step, failures=0))).rowcount == 1:
            return True
    _record_failure(authenticator, is_current=step is not None)
    failed = row_update.where(AUTHENTICATORS.c.failures < MAX_FAILURES)
    await connection.execute(failed.values(failures=AUTHENTICATORS.c.failures + 1))
    return False


def _record_failure(authenticator: Any, *, is_current: bool) -> None:
    """Records a code that was not accepted. A current one was used before: someone may have observed it."""
    kind = EventKind.SECOND_FACTOR_REUSED if is_current else EventKind.SECOND_FACTOR_WRONG
    if authenticator.failures >= MAX_FAILURES:
        kind = EventKind.SECOND_FACTOR_LOCKED
    record(kind, subject=authenticator.subject_id, code=CodeKind.TOTP)


def _matching_step(keys: KeyRing, authenticator: Any, written: str, now: datetime) -> int | None:
    if (code := parse_code(written)) is None:
        return None
    try:
        return pyotp.TOTP(_unseal_secret(keys, authenticator)).verify_and_get_timecode(
            code, for_time=now, valid_window=MAX_DRIFT_STEPS
        )
    except UnsealError:
        log.error("the secret of an authenticator cannot be decrypted")
        return None
    except OTPVerificationError:
        return None

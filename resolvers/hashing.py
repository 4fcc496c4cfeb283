"""Passwords as argon2id (RFC 9106), off the event loop, in a queue that is bounded and sheds when full."""

import asyncio
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

MEMORY_KIB: Final = 19456
"""OWASP's floor for argon2id with two passes and one lane."""

WAITING: Final = 32
NICENESS: Final = 10

WRITTEN: Final = re.compile(r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
MAX_MEMORY_KIB: Final = 256 * 1024
MAX_PASSES: Final = 10
MAX_LANES: Final = 16


class Busy(Exception):
    """More people sign in than the machine can hash for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right, and its new hash where the old one's parameters are too low."""

    right: bool
    rehashed: str | None = None


class Hashing:
    """One niced thread: reads keep their pace while many sign in (argon2 releases the interpreter's lock)."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="argon2", initializer=_be_nice)
        self._nobody = self._hasher.hash(os.urandom(16))
        self._waiting = 0

    def hash(self, password: str) -> str:
        """The hash to store; for the command line, which may block."""
        return self._hasher.hash(password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Does the same work whether or not there is anything to compare with."""
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._verify, stored, password)
        finally:
            self._waiting -= 1

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        old = self._hasher.check_needs_rehash(stored)
        return Verdict(right=True, rehashed=self._hasher.hash(password) if old else None)

    def close(self) -> None:
        """Ends the thread; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def acceptable_hash(stored: str) -> bool:
    """Whether this is an argon2id hash that may be verified here without harm to the machine."""
    if not WRITTEN.fullmatch(stored):
        return False
    try:
        parameters = extract_parameters(stored)
    except (InvalidHashError, ValueError):
        return False
    return (
        parameters.type is Type.ID
        and parameters.memory_cost <= MAX_MEMORY_KIB
        and parameters.time_cost <= MAX_PASSES
        and parameters.parallelism <= MAX_LANES
    )


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

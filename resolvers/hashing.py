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
HEAVY: Final = 4
"""Hashes from elsewhere that cost more than so many of ours wait in a line of their own."""

HEAVY_WAITING: Final = 4
NICENESS: Final = 10

WRITTEN: Final = re.compile(r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
SHORTEST_SALT: Final = 8
SHORTEST_HASH: Final = 4
LONGEST_PASSWORD: Final = 1024

MAX_MEMORY_KIB: Final = 256 * 1024
MAX_PASSES: Final = 10
MAX_LANES: Final = 16


class Busy(Exception):
    """More people sign in than the machine can hash for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right, and its new hash where the old one costs less than ours."""

    right: bool
    rehashed: str | None = None


class Hashing:
    """One niced thread: reads keep their pace while many sign in (argon2 releases the interpreter's lock)."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="argon2", initializer=_be_nice)
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="argon2-heavy", initializer=_be_nice)
        self._nobody = self._hasher.hash(os.urandom(16))
        self._waiting = {False: 0, True: 0}

    def hash(self, password: str) -> str:
        """The hash to store; for the command line, which may block."""
        return self._hasher.hash(password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Does our usual work where there is nothing to compare with; a hash from elsewhere costs what it costs."""
        heavy = stored is not None and _cost(stored) > HEAVY * self._hasher.memory_cost * self._hasher.time_cost
        if self._waiting[heavy] >= (HEAVY_WAITING if heavy else WAITING):
            raise Busy
        self._waiting[heavy] += 1
        try:
            pool = self._heavy if heavy else self._pool
            return await asyncio.get_running_loop().run_in_executor(pool, self._verify, stored, password)
        finally:
            self._waiting[heavy] -= 1

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        return Verdict(right=True, rehashed=self._hasher.hash(password) if self._is_weaker(stored) else None)

    def _is_weaker(self, stored: str) -> bool:
        """Whether ours costs an attacker more; a stronger hash from elsewhere is left as it is."""
        return _cost(stored) < self._hasher.memory_cost * self._hasher.time_cost

    def close(self) -> None:
        """Ends the thread; what waits is dropped."""
        for pool in (self._pool, self._heavy):
            pool.shutdown(wait=False, cancel_futures=True)


def _cost(stored: str) -> int:
    """Memory by passes; what is no hash costs nothing."""
    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return 0
    return int(parameters.memory_cost * parameters.time_cost)


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
        and 1 <= parameters.parallelism <= MAX_LANES
        and 8 * parameters.parallelism <= parameters.memory_cost <= MAX_MEMORY_KIB
        and 1 <= parameters.time_cost <= MAX_PASSES
        and parameters.salt_len >= SHORTEST_SALT
        and parameters.hash_len >= SHORTEST_HASH
    )


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

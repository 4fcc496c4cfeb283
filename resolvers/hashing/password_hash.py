"""Passwords as argon2id (RFC 9106) over a keyed digest, off the event loop, in lines that are bounded and shed."""

import asyncio
import os
import re
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from models.keys import KeyRing
from resolvers.hashing.anonymous_queue import standing_aside

P = ParamSpec("P")
T = TypeVar("T")

MEMORY_KIB: Final = 19456
PASSES: Final = 2
FLOOR_KIB: Final = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
"""OWASP's floors for argon2id with one lane, by passes; more passes than five need no less memory."""

LONGEST_PASSWORD: Final = 1024
"""Bytes of UTF-8, looked at before anything else is done to a password."""

WAITING: Final = 32
HEAVY: Final = 4
"""Hashes from elsewhere that cost more than so many of ours wait in a line of their own."""

HEAVY_WAITING: Final = 4
PATIENCE_SECONDS: Final = 2.0
NICENESS: Final = 10
LONGEST_REST_SECONDS: Final = 0.02
"""A thread rests as long as it worked, so that a crowd leaves half a core of it to reads; not longer than this."""

WRITTEN: Final = re.compile(r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
SHORTEST_SALT: Final = 8
SHORTEST_HASH: Final = 4
LEAST_MEMORY_KIB: Final = 8

MAX_MEMORY_KIB: Final = 256 * 1024
MAX_PASSES: Final = 10
MAX_LANES: Final = 16


class Busy(Exception):
    """More people sign in than the machine can hash for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right, and its new hash where the old one is not as ours are now."""

    right: bool
    rehashed: str | None = None


class Line:
    """Niced threads and a bounded queue: reads keep their pace while many wait (argon2 releases the interpreter)."""

    def __init__(self, name: str, threads: int, room: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_be_nice)
        self._room = room
        self._taken = 0
        self._thread = threading.local()

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now is sent away."""
        return self._taken >= self._room

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work returns; Busy where the line is full or does not get there in time."""
        if self.is_full:
            raise Busy
        job = self._pool.submit(self._rested, partial(work, *args, **kwargs))
        self._taken += 1
        try:
            result = asyncio.wrap_future(job)
            async with standing_aside():
                done, _ = await asyncio.wait([result], timeout=PATIENCE_SECONDS)
                if not done and job.cancel():
                    raise Busy
                return await result  # what has begun is waited for
        finally:
            job.cancel()
            self._taken -= 1

    def _rested(self, work: Callable[[], T]) -> T:
        time.sleep(max(0.0, getattr(self._thread, "rests_until", 0.0) - time.monotonic()))
        began = time.monotonic()
        try:
            return work()
        finally:
            ended = time.monotonic()
            self._thread.rests_until = ended + min(ended - began, LONGEST_REST_SECONDS)

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Hashing:
    """Stores `<key id>$argon2id$…` over HMAC-SHA-256 of the NFC password; what came from elsewhere has no key id."""

    def __init__(self, keys: KeyRing, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._keys = keys
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        threads = max(1, (os.cpu_count() or 2) // 2)
        self._usual = Line("argon2", threads, WAITING * threads)
        self._heavy = Line("argon2-heavy", 1, HEAVY_WAITING)
        self._nobody = self._hasher.hash(os.urandom(32).hex())

    def hash(self, password: str) -> str:
        """The hash to store; for the command line, which may block."""
        if too_long(password):
            raise ValueError("nothing is stored for a password that nobody could sign in with")
        return f"{self._keys.id()}{self._hasher.hash(self._secret(password, 0))}"

    async def hash_soon(self, password: str) -> str:
        """The hash to store, made in the line; Busy where it is full."""
        return await self._usual.run(self.hash, password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Does our usual work where there is nothing to compare with; a dear hash from elsewhere takes its time."""
        if too_long(password):
            return Verdict(right=False)
        heavy = stored is not None and _cost(_parts(stored)[1]) > HEAVY * self._our_cost
        return await (self._heavy if heavy else self._usual).run(self._verify, stored, password)

    async def soon(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Other work on a password that must not stall the event loop, in the same line."""
        return await self._usual.run(work, *args, **kwargs)

    @property
    def is_full(self) -> bool:
        """Whether a sign-in that comes now is told to try again, so that nothing needs to be looked up for it."""
        return self._usual.is_full

    def close(self) -> None:
        """Ends the threads."""
        self._usual.close()
        self._heavy.close()

    @property
    def _our_cost(self) -> int:
        return self._hasher.memory_cost * self._hasher.time_cost

    def _verify(self, stored: str | None, password: str) -> Verdict:
        id, hashed = _parts(stored or "")
        place = self._keys.place_of(id) if id else None
        if not hashed or (id and place is None):  # nobody's, no hash, or of a key that is gone
            hashed, place, stored = self._nobody, 0, None
        try:
            self._hasher.verify(hashed, self._secret(password, place))
        except (VerificationError, InvalidHashError):
            self._make_up_for(hashed, password)
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        return Verdict(right=True, rehashed=self.hash(password) if self._is_outdated(place, hashed) else None)

    def _secret(self, password: str, place: int | None) -> str:
        """What argon2 is given: without the key, a stolen table of hashes cannot be searched for passwords."""
        normal = unicodedata.normalize("NFC", password)
        return normal if place is None else self._keys.tag("password", normal.encode(), place)

    def _is_outdated(self, place: int | None, hashed: str) -> bool:
        """Whether ours by the newest key costs an attacker more; a stronger hash from elsewhere is left as it is."""
        if place is None:
            return _cost(hashed) <= self._our_cost
        return place != 0 or _cost(hashed) < self._our_cost

    def _make_up_for(self, hashed: str, password: str) -> None:
        """A wrong password against a cheap old hash takes as long as against none at all."""
        memory = (self._our_cost - _cost(hashed)) // self._hasher.time_cost
        if memory >= LEAST_MEMORY_KIB:
            PasswordHasher(self._hasher.time_cost, memory, 1).hash(password)


def too_long(password: str) -> bool:
    """Whether a password is refused before any work is done on it: normalising marks takes time that grows as n²."""
    return len(password) > LONGEST_PASSWORD or len(password.encode()) > LONGEST_PASSWORD


def is_below_floor(memory_kib: int, passes: int) -> bool:
    """Whether OWASP advises against these parameters."""
    return passes < 1 or memory_kib < FLOOR_KIB[min(passes, max(FLOOR_KIB))]


def _parts(stored: str) -> tuple[str, str]:
    """The key id and the hash; empty where there is none that can be verified."""
    id, dollar, rest = stored.partition("$")
    return (id, dollar + rest) if WRITTEN.fullmatch(dollar + rest) else ("", "")


def _cost(hashed: str) -> int:
    """Memory by passes; what is no hash costs nothing."""
    try:
        parameters = extract_parameters(hashed)
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
        and LEAST_MEMORY_KIB * parameters.parallelism <= parameters.memory_cost <= MAX_MEMORY_KIB
        and 1 <= parameters.time_cost <= MAX_PASSES
        and parameters.salt_len >= SHORTEST_SALT
        and parameters.hash_len >= SHORTEST_HASH
    )


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

"""Hashes and verifies passwords with argon2id over a keyed digest, off the event loop."""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from models.key_ring import KeyRing
from resolvers.hashing.argon2_parameters import ARGON2_MIN_MEMORY_KIB, MEMORY_KIB, PASSES, cost, split_key_id
from resolvers.hashing.queue_metrics import PoolName
from resolvers.hashing.worker_pool import WorkerPool

P = ParamSpec("P")
T = TypeVar("T")

MAX_PASSWORD_BYTES: Final = 1024
"""Bytes of UTF-8. The length is checked before any other work on a password."""

QUEUE_PER_THREAD: Final = 32
HEAVY_FACTOR: Final = 4
"""An imported hash that costs more than this many times the usual cost runs in a separate pool."""

HEAVY_QUEUE: Final = 4


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a password was right, and its new hash if the stored one is outdated."""

    right: bool
    rehashed: str | None = None


class Hashing:
    """Stores `<key id>$argon2id$…` over HMAC-SHA-256 of the NFC password; an imported hash has no key id."""

    def __init__(self, keys: KeyRing, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._keys = keys
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        threads = max(1, (os.cpu_count() or 2) // 2)
        self._usual = WorkerPool(PoolName.USUAL, threads, QUEUE_PER_THREAD * threads)
        self._heavy = WorkerPool(PoolName.HEAVY, 1, HEAVY_QUEUE)
        self._known = WorkerPool(PoolName.KNOWN, 1, QUEUE_PER_THREAD)
        self._decoy = self._hasher.hash(os.urandom(32).hex())

    def hash(self, password: str) -> str:
        """The hash to store; blocks, so only the command line and the pool call it."""
        if is_too_long(password):
            raise ValueError(f"a password has at most {MAX_PASSWORD_BYTES} bytes")
        return f"{self._keys.id()}{self._hasher.hash(self._secret(_spellings(password)[0], 0))}"

    async def hash_in_pool(self, password: str) -> str:
        """The hash to store; raises PoolFull."""
        return await self._usual.run(self.hash, password)

    async def verify(
        self, stored: str | None, password: str, *, known_device: bool = False, refuses: bool = False
    ) -> Verification:
        """Verifies a password; raises PoolFull.

        If there is no stored hash, a decoy is verified, which takes the same time. Sign-ins from known devices have a
        separate pool, so that strangers do not delay them. With `refuses` no password is
        right, and each costs as much as a wrong one.
        """
        if is_too_long(password):
            return Verification(right=False)
        heavy = stored is not None and cost(split_key_id(stored)[1]) > HEAVY_FACTOR * self._our_cost
        usual = self._known if known_device else self._usual
        return await (self._heavy if heavy else usual).run(self._verify, stored, password, refuses=refuses)

    async def run_in_pool(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs other work on a password in the same pool; raises PoolFull."""
        return await self._usual.run(work, *args, **kwargs)

    async def is_alive(self) -> bool:
        """Whether the threads for usual sign-ins take jobs."""
        return all(await asyncio.gather(self._usual.is_alive(), self._known.is_alive()))

    def is_full(self, *, known_device: bool = False) -> bool:
        """Whether the pool refuses a new sign-in, so that the caller can answer without a database query."""
        return (self._known if known_device else self._usual).is_full

    def close(self) -> None:
        """Ends the threads."""
        self._usual.close()
        self._heavy.close()
        self._known.close()

    @property
    def _our_cost(self) -> int:
        return self._hasher.memory_cost * self._hasher.time_cost

    def _verify(self, stored: str | None, password: str, *, refuses: bool) -> Verification:
        id, hashed = split_key_id(stored or "")
        place = self._keys.index_of(id) if id else None
        if not hashed or (id and place is None):  # no account, no valid hash, or the key was removed
            hashed, place, refuses = self._decoy, 0, True
        for form, spelled in enumerate(_spellings(password)):
            if self._matches(hashed, spelled, place):
                if refuses:  # do the rest of the work of a wrong password
                    self._pad_work(hashed, spelled)
                    continue
                renews = form > 0 or self._is_outdated(place, hashed)
                return Verification(right=True, rehashed=self.hash(password) if renews else None)
        return Verification(right=False)

    def _matches(self, hashed: str, spelled: str, place: int | None) -> bool:
        try:
            return self._hasher.verify(hashed, self._secret(spelled, place))
        except (VerificationError, InvalidHashError):
            self._pad_work(hashed, spelled)
            return False

    def _secret(self, spelled: str, place: int | None) -> str:
        """The input of argon2. It is keyed, so a stolen table of hashes cannot be searched without the key."""
        return spelled if place is None else self._keys.tag("password", spelled.encode(), place)

    def _is_outdated(self, place: int | None, hashed: str) -> bool:
        """Whether a new hash under the newest key is stronger; a stronger imported hash is kept."""
        if place is None:
            return cost(hashed) <= self._our_cost
        return place != 0 or cost(hashed) < self._our_cost

    def _pad_work(self, hashed: str, password: str) -> None:
        """Adds work after a cheap old hash, so that a wrong password always takes the same time."""
        memory = (self._our_cost - cost(hashed)) // self._hasher.time_cost
        if memory >= ARGON2_MIN_MEMORY_KIB:
            PasswordHasher(self._hasher.time_cost, memory, 1).hash(password)


def _spellings(password: str) -> tuple[str, ...]:
    """The password in NFC, then in NFD if that differs: another platform may have hashed it as macOS types it.

    Each is tried with every hash, so that a wrong password takes the same time for every account and for none.
    """
    return tuple(dict.fromkeys(unicodedata.normalize(form, password) for form in ("NFC", "NFD")))


def is_too_long(password: str) -> bool:
    """Whether a password is refused before any work on it, because normalizing takes quadratic time."""
    return len(password) > MAX_PASSWORD_BYTES or len(password.encode()) > MAX_PASSWORD_BYTES

"""Fixtures for tests of hashing."""

from collections.abc import Callable, Iterator

import pytest

from models.key_ring import KeyRing
from resolvers.hashing.password_hash import Hashing


@pytest.fixture
def make_hashing() -> Iterator[Callable[..., Hashing]]:
    """Makes a `Hashing` with these keys, the newest first, and closes it after the test."""
    all: list[Hashing] = []

    def make(*keys: str, memory_kib: int = 64, passes: int = 1) -> Hashing:
        all.append(Hashing(KeyRing(keys), memory_kib=memory_kib, passes=passes))
        return all[-1]

    yield make
    for each in all:
        each.close()

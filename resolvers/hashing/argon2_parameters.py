"""Which argon2id parameters (RFC 9106) this service uses, and which imported hashes it accepts."""

import re
from typing import Final

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

MEMORY_KIB: Final = 19456
PASSES: Final = 2
MIN_MEMORY_KIB: Final = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
"""OWASP's minimum memory for argon2id with one lane, by passes. Five passes or more need the same memory."""

ARGON2_MIN_MEMORY_KIB: Final = 8
MIN_SALT_BYTES: Final = 8
MIN_HASH_BYTES: Final = 4
MAX_MEMORY_KIB: Final = 256 * 1024
MAX_PASSES: Final = 10
MAX_LANES: Final = 16

HASH_FORMAT: Final = re.compile(r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")


def is_below_minimum(memory_kib: int, passes: int) -> bool:
    """Whether these parameters are weaker than OWASP's minimum."""
    return passes < 1 or memory_kib < MIN_MEMORY_KIB[min(passes, max(MIN_MEMORY_KIB))]


def is_acceptable_hash(stored: str) -> bool:
    """Whether this is an argon2id hash that is cheap enough to verify here."""
    if not HASH_FORMAT.fullmatch(stored):
        return False
    try:
        parameters = extract_parameters(stored)
    except (InvalidHashError, ValueError):
        return False
    return (
        parameters.type is Type.ID
        and 1 <= parameters.parallelism <= MAX_LANES
        and ARGON2_MIN_MEMORY_KIB * parameters.parallelism <= parameters.memory_cost <= MAX_MEMORY_KIB
        and 1 <= parameters.time_cost <= MAX_PASSES
        and parameters.salt_len >= MIN_SALT_BYTES
        and parameters.hash_len >= MIN_HASH_BYTES
    )


def cost(hashed: str) -> int:
    """The cost of a hash: memory in KiB times passes, or 0 if it is not an argon2 hash."""
    try:
        parameters = extract_parameters(hashed)
    except InvalidHashError:
        return 0
    return int(parameters.memory_cost * parameters.time_cost)


def split_key_id(stored: str) -> tuple[str, str]:
    """Splits a stored hash into key id and argon2id hash; both are empty if there is no valid hash."""
    id, dollar, rest = stored.partition("$")
    return (id, dollar + rest) if HASH_FORMAT.fullmatch(dollar + rest) else ("", "")

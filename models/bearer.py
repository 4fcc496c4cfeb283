"""Bearer tokens: 256 random bits with a checksum, known to us by their SHA-256 alone."""

import hashlib
import secrets
import zlib
from typing import Final

PREFIX: Final = "cql_"
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6


def new_token() -> str:
    """A token to be shown once: prefix, 43 letters of secret, 6 of CRC-32, so that scanners know it at sight."""
    secret = _base62(secrets.randbits(256), SECRET_LENGTH)
    return PREFIX + secret + _check(secret)


def is_well_formed(token: str) -> bool:
    """Whether this could be a token of ours; what is not need not be looked up."""
    body = token.removeprefix(PREFIX)
    if len(body) != SECRET_LENGTH + CHECK_LENGTH or body == token or not body.isascii():
        return False
    return body[SECRET_LENGTH:] == _check(body[:SECRET_LENGTH])


def digest_of(token: str) -> str:
    """What is stored; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(reversed(letters))

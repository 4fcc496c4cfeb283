"""The format of bearer tokens: kind, 256 random bits and checksum. Only the SHA-256 digest is stored."""

import hashlib
import secrets
import zlib
from enum import StrEnum
from typing import Final

PREFIX: Final = "cql_"
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6


class TokenKind(StrEnum):
    """The kind of a token. A token of one kind is never accepted as another."""

    SESSION = "us"
    REFRESH = "rf"
    CHALLENGE = "mf"
    ROLE = "rl"
    PROCESSOR = "pr"
    BROWSER = "br"
    MAILED = "ml"
    DEVICE = "dv"


def new_token(kind: TokenKind) -> str:
    """Returns a new token: prefix, kind, 43 letters of secret and 6 of CRC-32, so that scanners recognize it."""
    return format_token(kind, secrets.token_bytes(32))


def format_token(kind: TokenKind, secret: bytes) -> str:
    """Returns the token for these 32 bytes."""
    body = f"{kind.value}_{_base62(int.from_bytes(secret, 'big'), SECRET_LENGTH)}"
    return PREFIX + body + _check(body)


def kind_of(token: str) -> TokenKind | None:
    """Returns the token's kind, or None if the text is not a well-formed token."""
    body, check = token.removeprefix(PREFIX)[:-CHECK_LENGTH], token[-CHECK_LENGTH:]
    if not token.isascii() or not token.startswith(PREFIX) or check != _check(body):
        return None
    kind, _, secret = body.partition("_")
    return TokenKind(kind) if kind in tuple(TokenKind) and len(secret) == SECRET_LENGTH and secret.isalnum() else None


def secret_of(token: str) -> bytes:
    """Returns the 32 bytes of a well-formed token."""
    number = 0
    for letter in token[-CHECK_LENGTH - SECRET_LENGTH : -CHECK_LENGTH]:
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    return (number & (1 << 256) - 1).to_bytes(32, "big")


def digest_of(token: str) -> str:
    """Returns the digest to store. 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(reversed(letters))

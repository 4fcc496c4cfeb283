"""Derives a separate key for each use from `SECRET_KEYS` (HKDF, RFC 5869), to sign and encrypt."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_LENGTH: Final = 12


class UnsealError(Exception):
    """The value was changed or moved, or its key is not in the ring."""


class KeyRing:
    """The secret keys, newest first. The newest signs and encrypts; every key verifies and decrypts."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._derived: dict[tuple[str, int], bytes] = {}
        self._sealers: dict[tuple[str, int], AESSIV] = {}

    def __len__(self) -> int:
        return len(self._secrets)

    def derived(self, use: str, index: int = 0) -> bytes:
        """Returns the 64-byte key for this use, derived from the secret at `index`."""
        key = (use, index)
        if key not in self._derived:
            material = self._secrets[index].encode()
            self._derived[key] = HKDF(SHA256(), 64, salt=None, info=f"consentql {use}".encode()).derive(material)
        return self._derived[key]

    def mac(self, use: str, message: bytes, index: int = 0) -> bytes:
        """Returns the HMAC-SHA-256 of the message (RFC 2104)."""
        return hmac.digest(self.derived(use, index), message, "sha256")

    def tag(self, use: str, message: bytes, index: int = 0) -> str:
        """Returns the HMAC in hex."""
        return self.mac(use, message, index).hex()

    def verify_mac(self, use: str, message: bytes, mac: bytes, length: int) -> bool:
        """Returns whether `mac` is the first `length` bytes of the message's HMAC by any key. Constant time per key."""
        return any(hmac.compare_digest(mac, self.mac(use, message, index)[:length]) for index in range(len(self)))

    def verify_tag(self, use: str, message: bytes, tag: str) -> bool:
        """Returns whether `tag` is the message's HMAC by any key. Not constant time: use it for stored tags only."""
        return any(self.tag(use, message, index) == tag for index in range(len(self)))

    def tagger(self, use: str, beginning: bytes) -> Callable[[bytes], str]:
        """Returns a function that computes `tag` for messages with the same beginning, which it hashes once."""
        key = int.from_bytes(self.derived(use))
        inner, outer = (hashlib.sha256((key ^ int.from_bytes(pad * 64)).to_bytes(64)) for pad in (b"\x36", b"\x5c"))
        inner.update(beginning)

        def tag(rest: bytes) -> str:
            within, around = inner.copy(), outer.copy()
            within.update(rest)
            around.update(within.digest())
            return around.hexdigest()

        return tag

    def sealer(self, use: str, index: int = 0) -> AESSIV:
        """Returns the cipher for deterministic authenticated encryption (RFC 5297) for this use."""
        if (use, index) not in self._sealers:
            self._sealers[use, index] = AESSIV(self.derived(use, index))
        return self._sealers[use, index]

    def id(self, index: int = 0) -> str:
        """Returns the id of the key at `index`. It reveals no key material."""
        return self.derived("key id", index).hex()[:8]

    def index_of(self, id: str) -> int | None:
        """Returns the index of the key with this id, or None."""
        return next((index for index in range(len(self)) if self.id(index) == id), None)

    def seal(self, use: str, secret: bytes, bound: str) -> str:
        """Encrypts with AES-256-GCM and the newest key, bound to this use and to `bound`."""
        nonce = secrets.token_bytes(NONCE_LENGTH)
        sealed = AESGCM(self.derived(use)[:32]).encrypt(nonce, secret, bound.encode())
        return f"{self.id()}.{(nonce + sealed).hex()}"

    def unseal(self, use: str, sealed: str, bound: str) -> bytes:
        """Decrypts the result of `seal`. Raises UnsealError if it was changed or moved, or its key is gone."""
        id, _, text = sealed.partition(".")
        index = self.index_of(id)
        try:
            data = bytes.fromhex(text)
            if index is None:
                raise UnsealError
            return AESGCM(self.derived(use, index)[:32]).decrypt(
                data[:NONCE_LENGTH], data[NONCE_LENGTH:], bound.encode()
            )
        except (ValueError, InvalidTag):
            raise UnsealError from None

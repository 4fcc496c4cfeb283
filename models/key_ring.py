"""Every use of a secret has a key of its own, derived from the newest of `SECRET_KEYS` (HKDF, RFC 5869)."""

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
    """Nothing that any key of the ring has sealed for this place."""


class KeyRing:
    """Keys newest first: the newest makes, all of them recognise."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._derived: dict[tuple[str, int], bytes] = {}
        self._sealers: dict[tuple[str, int], AESSIV] = {}

    def __len__(self) -> int:
        return len(self._secrets)

    def derived(self, use: str, place: int = 0) -> bytes:
        """64 bytes for this use alone, from the key at `place`."""
        key = (use, place)
        if key not in self._derived:
            material = self._secrets[place].encode()
            self._derived[key] = HKDF(SHA256(), 64, salt=None, info=f"consentql {use}".encode()).derive(material)
        return self._derived[key]

    def mac(self, use: str, message: bytes, place: int = 0) -> bytes:
        """HMAC-SHA-256 (RFC 2104)."""
        return hmac.digest(self.derived(use, place), message, "sha256")

    def tag(self, use: str, message: bytes, place: int = 0) -> str:
        """The same in hex."""
        return self.mac(use, message, place).hex()

    def verify_mac(self, use: str, message: bytes, mac: bytes, length: int) -> bool:
        """Whether this is the first `length` bytes of what any key of the ring makes of the message."""
        return any(hmac.compare_digest(mac, self.mac(use, message, place)[:length]) for place in range(len(self)))

    def verify_tag(self, use: str, message: bytes, tag: str) -> bool:
        """Whether this, which was stored and nobody sent, is what any key of the ring makes of the message."""
        return any(self.tag(use, message, place) == tag for place in range(len(self)))

    def tagger(self, use: str, beginning: bytes) -> Callable[[bytes], str]:
        """`tag` by the newest key for messages that begin alike: key and beginning are digested once (RFC 2104)."""
        key = int.from_bytes(self.derived(use))
        inner, outer = (hashlib.sha256((key ^ int.from_bytes(pad * 64)).to_bytes(64)) for pad in (b"\x36", b"\x5c"))
        inner.update(beginning)

        def tag(rest: bytes) -> str:
            within, around = inner.copy(), outer.copy()
            within.update(rest)
            around.update(within.digest())
            return around.hexdigest()

        return tag

    def sealer(self, use: str, place: int = 0) -> AESSIV:
        """Deterministic authenticated encryption (RFC 5297) for this use."""
        if (use, place) not in self._sealers:
            self._sealers[use, place] = AESSIV(self.derived(use, place))
        return self._sealers[use, place]

    def id(self, place: int = 0) -> str:
        """A name by which what was made with a key can be told; it says nothing of the key."""
        return self.derived("key id", place).hex()[:8]

    def index_of(self, id: str) -> int | None:
        """Where the key of this name is in the ring."""
        return next((place for place in range(len(self)) if self.id(place) == id), None)

    def seal(self, use: str, secret: bytes, bound: str) -> str:
        """AES-256-GCM by the newest key, with the key's name; it opens again only for this use and `bound`."""
        nonce = secrets.token_bytes(NONCE_LENGTH)
        sealed = AESGCM(self.derived(use)[:32]).encrypt(nonce, secret, bound.encode())
        return f"{self.id()}.{(nonce + sealed).hex()}"

    def unseal(self, use: str, sealed: str, bound: str) -> bytes:
        """What was sealed; Unreadable where it was changed, moved, or sealed by a key that is gone."""
        id, _, text = sealed.partition(".")
        place = self.index_of(id)
        try:
            data = bytes.fromhex(text)
            if place is None:
                raise UnsealError
            return AESGCM(self.derived(use, place)[:32]).decrypt(
                data[:NONCE_LENGTH], data[NONCE_LENGTH:], bound.encode()
            )
        except (ValueError, InvalidTag):
            raise UnsealError from None

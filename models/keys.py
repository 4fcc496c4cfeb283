"""Every use of a secret has a key of its own, derived from the newest of `SECRET_KEYS` (HKDF, RFC 5869)."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


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

    def tag(self, use: str, message: bytes, place: int = 0) -> str:
        """HMAC-SHA-256 in hex."""
        return hmac.new(self.derived(use, place), message, hashlib.sha256).hexdigest()

    def sealer(self, use: str, place: int = 0) -> AESSIV:
        """Deterministic authenticated encryption (RFC 5297) for this use."""
        if (use, place) not in self._sealers:
            self._sealers[use, place] = AESSIV(self.derived(use, place))
        return self._sealers[use, place]

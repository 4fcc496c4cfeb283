"""A device that its owner once signed in on: its attempts are counted by themselves, whatever others do elsewhere."""

import hmac
import secrets
from typing import Final

from models.bearer import Kind, kind_of, secret_of, written
from models.keys import KeyRing

NONCE: Final = 8


def new_device(keys: KeyRing, email: str) -> str:
    """What a device keeps to be known again, for this canonical address alone."""
    nonce = secrets.token_bytes(NONCE)
    return written(Kind.DEVICE, nonce + _mac(keys, nonce, email, 0))


def device_of(keys: KeyRing, token: str | None, email: str) -> str | None:
    """The device's name where the token was made here for this address."""
    if token is None or kind_of(token) is not Kind.DEVICE:
        return None
    nonce, mac = secret_of(token)[:NONCE], secret_of(token)[NONCE:]
    made = (_mac(keys, nonce, email, place) for place in range(len(keys)))
    return nonce.hex() if any(hmac.compare_digest(mac, each) for each in made) else None


def _mac(keys: KeyRing, nonce: bytes, email: str, place: int) -> bytes:
    return hmac.digest(keys.derived("known device", place), nonce + email.encode(), "sha256")[: 32 - NONCE]

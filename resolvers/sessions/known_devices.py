"""Device tokens: a device that has signed in before has its own counter, so attempts elsewhere do not lock it out."""

import secrets
from typing import Final

from models.key_ring import KeyRing
from models.tokens.token_format import TokenKind, format_token, kind_of, secret_of

USE: Final = "known device"
NONCE_BYTES: Final = 8
MAC_BYTES: Final = 32 - NONCE_BYTES


def new_device_token(keys: KeyRing, email: str) -> str:
    """A new device token, valid only for this canonical e-mail address."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return format_token(TokenKind.DEVICE, nonce + keys.mac(USE, nonce + email.encode())[:MAC_BYTES])


def device_id(keys: KeyRing, token: str | None, email: str) -> str | None:
    """The id of the device, or None if the token was not made by this service for this address."""
    if token is None or kind_of(token) is not TokenKind.DEVICE:
        return None
    nonce, mac = secret_of(token)[:NONCE_BYTES], secret_of(token)[NONCE_BYTES:]
    return nonce.hex() if keys.verify_mac(USE, nonce + email.encode(), mac, MAC_BYTES) else None

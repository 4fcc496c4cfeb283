"""A device that its owner once signed in on: its attempts are counted by themselves, whatever others do elsewhere."""

import secrets
from typing import Final

from models.key_ring import KeyRing
from models.tokens.token_format import TokenKind, format_token, kind_of, secret_of

USE: Final = "known device"
NONCE_BYTES: Final = 8
MAC_BYTES: Final = 32 - NONCE_BYTES


def new_device_token(keys: KeyRing, email: str) -> str:
    """What a device keeps to be known again, for this canonical address alone."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return format_token(TokenKind.DEVICE, nonce + keys.mac(USE, nonce + email.encode())[:MAC_BYTES])


def device_id(keys: KeyRing, token: str | None, email: str) -> str | None:
    """The device's name where the token was made here for this address."""
    if token is None or kind_of(token) is not TokenKind.DEVICE:
        return None
    nonce, mac = secret_of(token)[:NONCE_BYTES], secret_of(token)[NONCE_BYTES:]
    return nonce.hex() if keys.verify_mac(USE, nonce + email.encode(), mac, MAC_BYTES) else None

"""A device that its owner once signed in on: its attempts are counted by themselves, whatever others do elsewhere."""

import secrets
from typing import Final

from models.keys import KeyRing
from models.tokens.token_format import Kind, kind_of, secret_of, written

USE: Final = "known device"
NONCE: Final = 8
MAC: Final = 32 - NONCE


def new_device(keys: KeyRing, email: str) -> str:
    """What a device keeps to be known again, for this canonical address alone."""
    nonce = secrets.token_bytes(NONCE)
    return written(Kind.DEVICE, nonce + keys.mac(USE, nonce + email.encode())[:MAC])


def device_of(keys: KeyRing, token: str | None, email: str) -> str | None:
    """The device's name where the token was made here for this address."""
    if token is None or kind_of(token) is not Kind.DEVICE:
        return None
    nonce, mac = secret_of(token)[:NONCE], secret_of(token)[NONCE:]
    return nonce.hex() if keys.recognises(USE, nonce + email.encode(), mac, MAC) else None

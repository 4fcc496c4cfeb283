"""Device tokens: a device that has signed in before has its own counters, so attempts elsewhere do not lock it out."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.key_ring import KeyRing
from models.tables import ACCOUNTS, KNOWN_DEVICES
from models.tokens.token_format import TokenKind, digest_of, format_token, kind_of, secret_of

OUR_DEVICE: Final = "device token"
DEVICE_OF_ADDRESS: Final = "known device"
NONCE_BYTES: Final = 8
OURS_BYTES: Final = 8
ADDRESS_BYTES: Final = 32 - NONCE_BYTES - OURS_BYTES
MAX_DEVICES: Final = 10
DEVICE_LIFETIME: Final = timedelta(days=400)
"""How long a device is known after its last sign-in: as long as browsers keep a cookie."""


@dataclass(frozen=True, slots=True)
class SigningInDevice:
    """The device of a sign-in: the canonical address that it signs in to, its token, and whether it is known."""

    email: str
    token: str | None
    known: bool

    @property
    def name(self) -> str:
        """The name of its counters."""
        return digest_of(self.token) if self.token and self.known else ""


def new_device_token(keys: KeyRing, email: str) -> str:
    """A new device token, valid only for this canonical e-mail address."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    ours = keys.mac(OUR_DEVICE, nonce)[:OURS_BYTES]
    address = keys.mac(DEVICE_OF_ADDRESS, nonce + email.encode())[:ADDRESS_BYTES]
    return format_token(TokenKind.DEVICE, nonce + ours + address)


def is_device_token(keys: KeyRing, token: object) -> bool:
    """Whether this service made the token, for any address and however long ago. Reads nothing that is stored."""
    if not isinstance(token, str) or kind_of(token) is not TokenKind.DEVICE:
        return False
    secret = secret_of(token)
    return keys.verify_mac(OUR_DEVICE, secret[:NONCE_BYTES], secret[NONCE_BYTES:-ADDRESS_BYTES], OURS_BYTES)


def device_digest(keys: KeyRing, token: str | None, email: str) -> str:
    """The digest of the token, or an empty text, which no device has, if it was not made for this address."""
    if token is None or not is_device_token(keys, token):
        return ""
    secret = secret_of(token)
    nonce, address = secret[:NONCE_BYTES], secret[-ADDRESS_BYTES:]
    made_for = keys.verify_mac(DEVICE_OF_ADDRESS, nonce + email.encode(), address, ADDRESS_BYTES)
    return digest_of(token) if made_for else ""


def is_known_device(digest: str, now: datetime) -> ColumnElement[bool]:
    """The condition that the account of a row knows the device."""
    live = (KNOWN_DEVICES.c.digest == digest) & (KNOWN_DEVICES.c.expires_at > now)
    return exists().where(KNOWN_DEVICES.c.subject_id == ACCOUNTS.c.id, live)


async def remember_device(
    connection: AsyncConnection, keys: KeyRing, subject_id: str, email: str, held: str | None, now: datetime
) -> str:
    """The token of the device that signs in: the one that it holds if it is known, else a new one.

    An account knows at most MAX_DEVICES devices. The one that was used longest ago is forgotten first.
    """
    theirs = KNOWN_DEVICES.c.subject_id == subject_id
    uses = {"used_at": now, "expires_at": now + DEVICE_LIFETIME}
    if held is not None:
        used = update(KNOWN_DEVICES).where(theirs, KNOWN_DEVICES.c.digest == device_digest(keys, held, email))
        if (await connection.execute(used.values(uses))).rowcount == 1:
            return held
    newest = select(KNOWN_DEVICES.c.id).where(theirs).order_by(KNOWN_DEVICES.c.used_at.desc(), KNOWN_DEVICES.c.id)
    surplus = list((await connection.execute(newest)).scalars())[MAX_DEVICES - 1 :]
    if surplus:
        await connection.execute(delete(KNOWN_DEVICES).where(KNOWN_DEVICES.c.id.in_(surplus)))
    token = new_device_token(keys, email)
    row = {"id": new_id(), "subject_id": subject_id, "digest": digest_of(token), "created_at": now, **uses}
    await connection.execute(insert(KNOWN_DEVICES), row)
    return token


async def forget_devices(connection: AsyncConnection, subject_id: str) -> None:
    """Makes every device of a person unknown."""
    await connection.execute(delete(KNOWN_DEVICES).where(KNOWN_DEVICES.c.subject_id == subject_id))

"""Pseudonyms of staff: a stable short name that does not reveal who the person is."""

import base64
from typing import Final

from models.key_ring import KeyRing

USE: Final = "pseudonym"
LENGTH: Final = 8


def pseudonym(keys: KeyRing, person_id: str, place: int = 0) -> str:
    """Returns eight letters and digits from a keyed hash of the person's id."""
    digest = bytes.fromhex(keys.tag(USE, person_id.encode(), place))
    return base64.b32encode(digest).decode()[:LENGTH]

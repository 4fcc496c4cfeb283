"""What subjects and colleagues are told of a member of staff: the same short name each time, and not who it is."""

import base64
from typing import Final

from models.key_ring import KeyRing

USE: Final = "pseudonym"
LENGTH: Final = 8


def pseudonym(keys: KeyRing, person_id: str, place: int = 0) -> str:
    """Eight letters and digits from a keyed hash of the person's id."""
    digest = bytes.fromhex(keys.tag(USE, person_id.encode(), place))
    return base64.b32encode(digest).decode()[:LENGTH]

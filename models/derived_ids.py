"""Ids of objects without a row. A keyed hash reveals nothing about the object that it names."""

from typing import Final

from models.key_ring import KeyRing

LENGTH: Final = 32


def derived_id(keys: KeyRing, kind: str, *parts: str) -> str:
    """Returns the id of the object of this kind that the parts identify. It is the same each time."""
    return keys.tag(f"id of {kind}", "\0".join(parts).encode())[:LENGTH]

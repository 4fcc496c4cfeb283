"""The origin of the events of this task: a request, the command line, or the service itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from models.key_ring import KeyRing
from models.vocabulary import Role
from permissions.events.values import Source

USE: Final = "security event"
LENGTH: Final = 32
"""Hexadecimal digits of a pseudonym: 128 bits."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller, and the keys of pseudonyms. `told` names the refusals of this request that already have a line."""

    source: Source = Source.SERVICE
    keys: KeyRing | None = None
    actor: str | None = None
    role: Role | None = None
    network: str | None = None
    told: set[str] = field(default_factory=set)

    def pseudonym(self, whose: str, value: str) -> str | None:
        """The keyed tag of a value. Without keys there is none."""
        return self.keys.tag(USE, f"{whose} {value}".encode())[:LENGTH] if self.keys and value else None


_ORIGIN: Final[ContextVar[Origin]] = ContextVar("the origin of the events of this task")
_SERVICE: Final = Origin()


def present_origin() -> Origin:
    """The origin of the events of this task."""
    return _ORIGIN.get(_SERVICE)


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """The events of the body, and of the tasks that it starts, have this origin."""
    before = _ORIGIN.set(origin)
    try:
        yield
    finally:
        _ORIGIN.reset(before)

"""What lets staff read one subject: cases or requests that are open now, with their extents."""

from dataclasses import dataclass
from datetime import datetime

from models.vocabulary import Audience, Lock
from permissions.decision import counts_only_own_cases


@dataclass(frozen=True, slots=True)
class Ground:
    """One open case or request: the fields it opens, why, and from when its subject may know of a reading."""

    id: str
    extent: int
    reason: str
    opened_by_subject: bool = False
    visible_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that lets one caller read one subject now."""

    audience: Audience
    each: tuple[Ground, ...]

    @property
    def extent(self) -> int:
        """The bits that any of them opens."""
        return _combined_extent(self.each)

    @property
    def own_extent(self) -> int:
        """The bits that any of those opens which the subject opened themself."""
        return _combined_extent(self._opened_by_subject())

    def under(self, locks: Lock) -> "Grounds":
        """Those that count for a subject with these locks."""
        return (
            Grounds(self.audience, self._opened_by_subject()) if counts_only_own_cases(self.audience, locks) else self
        )

    def _opened_by_subject(self) -> tuple[Ground, ...]:
        return tuple(ground for ground in self.each if ground.opened_by_subject)

    def ground_for(self, bits: int) -> Ground:
        """The one that a reading of these fields rests on: one that opens all of them, an open one before a sealed."""
        return min(self.each, key=lambda ground: ((bits & ~ground.extent).bit_count(), ground.visible_at is not None))


def _combined_extent(grounds: tuple[Ground, ...]) -> int:
    bits = 0
    for ground in grounds:
        bits |= ground.extent
    return bits

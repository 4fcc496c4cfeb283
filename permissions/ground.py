"""What lets staff read one subject: cases or requests that are open now, with their extents."""

from dataclasses import dataclass
from datetime import datetime

from models.vocabulary import Audience


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
        bits = 0
        for ground in self.each:
            bits |= ground.extent
        return bits

    @property
    def opened_by_subject(self) -> bool:
        """Whether the subject asked for one of them."""
        return any(ground.opened_by_subject for ground in self.each)

    def for_fields(self, bits: int) -> Ground:
        """The one that a reading of these fields rests on: one that opens all of them, an open one before a sealed."""
        return min(self.each, key=lambda ground: ((bits & ~ground.extent).bit_count(), ground.visible_at is not None))

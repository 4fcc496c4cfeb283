"""The open support cases or legal requests that let one caller read one subject."""

from dataclasses import dataclass
from datetime import datetime

from models.vocabulary import Audience, Lock
from permissions.decision import counts_only_own_cases


@dataclass(frozen=True, slots=True)
class Ground:
    """One open case or request: its extent, its reason, and when its subject may learn of a disclosure."""

    id: str
    extent: int
    reason: str
    opened_by_subject: bool = False
    visible_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grounds:
    """All open cases or requests that let one caller read one subject."""

    audience: Audience
    all: tuple[Ground, ...]

    @property
    def extent(self) -> int:
        """The bits of all extents together."""
        return _combined_extent(self.all)

    @property
    def own_extent(self) -> int:
        """The bits of the extents of cases that the subject opened."""
        return _combined_extent(self._opened_by_subject())

    def counting_under(self, locks: Lock) -> "Grounds":
        """Returns the grounds that count for a subject with these locks."""
        return (
            Grounds(self.audience, self._opened_by_subject()) if counts_only_own_cases(self.audience, locks) else self
        )

    def _opened_by_subject(self) -> tuple[Ground, ...]:
        return tuple(ground for ground in self.all if ground.opened_by_subject)

    def ground_for(self, bits: int) -> Ground:
        """Returns the ground to record for a disclosure of these fields.

        It prefers a ground that covers all fields, then one that its subject may know of now.
        """
        return min(self.all, key=lambda ground: ((bits & ~ground.extent).bit_count(), ground.visible_at is not None))


def _combined_extent(grounds: tuple[Ground, ...]) -> int:
    bits = 0
    for ground in grounds:
        bits |= ground.extent
    return bits

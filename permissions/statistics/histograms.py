"""The fourteen histograms of a release: three totals, six dimensions, and the country with each other dimension."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from models.statistics.dimensions import values_of
from models.vocabulary import Dimension, PersonalField, Purpose
from permissions.policy import POLICY

FIELD_OF: Final = {
    dimension: PersonalField.SPECIALIZATION if dimension is Dimension.SPECIALIZATION else PersonalField.PRE_REGISTRATION
    for dimension in Dimension
}
"""The field that holds a dimension's value: its purpose must stand for whoever is counted."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of those who stand consented to all of `purposes`, by the values of `dimensions`; without any, a total."""

    purposes: tuple[Purpose, ...]
    dimensions: tuple[Dimension, ...] = ()

    @property
    def name(self) -> str:
        """What its cells are stored under."""
        return ",".join(self.dimensions or self.purposes)

    @property
    def total(self) -> str:
        """The name of the total of those whom it counts."""
        return ",".join(self.purposes)

    @property
    def size(self) -> int:
        """How many cells it has, those left out among them."""
        return prod(len(values_of(dimension)) for dimension in self.dimensions)

    def groups(self) -> Iterable[tuple[str, ...]]:
        """The values of every cell, whether or not anybody is in it."""
        return product(*map(values_of, self.dimensions))


def _by(*dimensions: Dimension) -> Histogram:
    needed = {purpose for dimension in dimensions for purpose in POLICY[FIELD_OF[dimension]].purposes}
    return Histogram(tuple(purpose for purpose in Purpose if purpose in needed), dimensions)


TOTALS: Final = tuple(
    Histogram(purposes) for purposes in ((Purpose.SOCIAL,), (Purpose.EXPANSION,), (Purpose.SOCIAL, Purpose.EXPANSION))
)
BREAKDOWNS: Final = (
    *(_by(dimension) for dimension in Dimension),
    *(_by(Dimension.COUNTRY, other) for other in Dimension if other is not Dimension.COUNTRY),
)
"""What may be asked; more would let one person move more cells."""
HISTOGRAMS: Final = (*TOTALS, *BREAKDOWNS)
_BY_DIMENSIONS: Final = {frozenset(histogram.dimensions): histogram for histogram in BREAKDOWNS}


def histogram_of(dimensions: list[Dimension]) -> Histogram | None:
    """The histogram by these dimensions in any order, or None where no release has it."""
    found = _BY_DIMENSIONS.get(frozenset(dimensions))
    return found if found and len(found.dimensions) == len(dimensions) else None

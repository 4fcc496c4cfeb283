"""The 14 histograms of a release: 3 totals, 6 by one dimension, 5 by country and another dimension."""

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
"""The field that stores each dimension's value. Its purpose must stand for every counted subject."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of the subjects who consent to all `purposes`, by the values of `dimensions`; without any, a total."""

    purposes: tuple[Purpose, ...]
    dimensions: tuple[Dimension, ...] = ()

    @property
    def name(self) -> str:
        """The name under which its cells are stored."""
        return ",".join(self.dimensions or self.purposes)

    @property
    def total(self) -> str:
        """The name of the total of the same subjects."""
        return ",".join(self.purposes)

    @property
    def size(self) -> int:
        """The number of cells, including suppressed ones."""
        return prod(len(values_of(dimension)) for dimension in self.dimensions)

    def groups(self) -> Iterable[tuple[str, ...]]:
        """Returns the values of every cell, including empty ones."""
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
"""The allowed breakdowns. Each further one would let one person change more cells."""
HISTOGRAMS: Final = (*TOTALS, *BREAKDOWNS)
_BY_DIMENSIONS: Final = {frozenset(histogram.dimensions): histogram for histogram in BREAKDOWNS}


def histogram_of(dimensions: list[Dimension]) -> Histogram | None:
    """Returns the histogram by these dimensions, in any order, or None if releases do not have it."""
    histogram = _BY_DIMENSIONS.get(frozenset(dimensions))
    return histogram if histogram and len(histogram.dimensions) == len(dimensions) else None

"""Whether a count is published, and as what: decided alike for every cell, whoever is in it."""

import math
from functools import lru_cache
from itertools import count
from typing import Final

from models.statistics.discrete_laplace import Noise

SMALLEST_GROUP: Final = 10
ROUNDED_TO: Final = 5
ASSURED: Final = 0.95


def rounded(number: int) -> int:
    """The nearest multiple of five; an odd step has no ties."""
    return ROUNDED_TO * ((number + ROUNDED_TO // 2) // ROUNDED_TO)


def published(people: int, noise: Noise) -> int | None:
    """The count with noise, rounded, or None.

    The noise is at most its bound, so what passes the threshold is a group of ten or more, and nobody's absence from
    a smaller one can be read off.
    """
    noisy = people + noise.draw()
    return rounded(noisy) if noisy >= SMALLEST_GROUP + noise.bound else None


@lru_cache
def margin(noise: Noise) -> int:
    """The smallest distance within which 95 % of counts lie, of a group that is always shown, whatever its size."""
    drawn = range(-noise.bound, noise.bound + 1)
    weights = {x: math.exp(-noise.epsilon * abs(x)) for x in drawn}
    enough = ASSURED * sum(weights.values())

    def within(distance: int, people: int) -> float:
        return sum(weight for x, weight in weights.items() if abs(rounded(people + x) - people) <= distance)

    return next(each for each in count() if all(within(each, people) >= enough for people in range(ROUNDED_TO)))

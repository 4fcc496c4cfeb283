"""Whether a count is published, and as what: decided alike for every cell, whoever is in it."""

import math
from functools import lru_cache
from itertools import count
from typing import Final

from models.statistics.discrete_laplace import Noise

SMALLEST_GROUP: Final = 10
ROUNDING: Final = 5
CONFIDENCE: Final = 0.95


def round_count(number: int) -> int:
    """The nearest multiple of five; an odd step has no ties."""
    return ROUNDING * ((number + ROUNDING // 2) // ROUNDING)


def publishable_count(people: int, noise: Noise) -> int | None:
    """The count with noise, rounded, or None.

    The noise is at most its bound, so what passes the threshold is a group of ten or more, and nobody's absence from
    a smaller one can be read off.
    """
    noisy = people + noise.draw()
    return round_count(noisy) if noisy >= SMALLEST_GROUP + noise.bound else None


@lru_cache
def error_margin(noise: Noise) -> int:
    """The smallest distance within which 95 % of counts lie, of a group that is always shown, whatever its size."""
    drawn = range(-noise.bound, noise.bound + 1)
    weights = {x: math.exp(-noise.epsilon * abs(x)) for x in drawn}
    enough = CONFIDENCE * sum(weights.values())

    def within(distance: int, people: int) -> float:
        return sum(weight for x, weight in weights.items() if abs(round_count(people + x) - people) <= distance)

    return next(each for each in count() if all(within(each, people) >= enough for people in range(ROUNDING)))

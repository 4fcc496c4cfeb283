"""Decides whether and how a count is published, by the same rule for every cell."""

import math
from functools import lru_cache
from itertools import count
from typing import Final

from models.statistics.discrete_laplace import Noise

SMALLEST_GROUP: Final = 10
ROUNDING: Final = 5
CONFIDENCE: Final = 0.95


def round_count(number: int) -> int:
    """Returns the nearest multiple of five. An odd step has no ties."""
    return ROUNDING * ((number + ROUNDING // 2) // ROUNDING)


def publishable_count(people: int, noise: Noise) -> int | None:
    """Returns the count with noise, rounded, or None if the group is suppressed.

    The noise has a bound, so a published group has at least ten people, and no smaller group can be inferred.
    """
    noisy = people + noise.draw()
    return round_count(noisy) if noisy >= SMALLEST_GROUP + noise.bound else None


@lru_cache
def error_margin(noise: Noise) -> int:
    """Returns the smallest distance from the exact count that 95% of published counts keep, for groups of any size."""
    drawn = range(-noise.bound, noise.bound + 1)
    weights = {x: math.exp(-noise.epsilon * abs(x)) for x in drawn}
    enough = CONFIDENCE * sum(weights.values())

    def within(distance: int, people: int) -> float:
        return sum(weight for x, weight in weights.items() if abs(round_count(people + x) - people) <= distance)

    return next(each for each in count() if all(within(each, people) >= enough for people in range(ROUNDING)))

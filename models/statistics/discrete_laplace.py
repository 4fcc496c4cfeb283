"""Noise for counts: the discrete Laplace distribution, truncated at a bound, sampled with integers only.

Canonne, Kamath and Steinke, The Discrete Gaussian for Differential Privacy (2020), algorithms 1 and 2.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

RandomBelow = Callable[[int], int]
"""Returns a uniformly random integer from 0 to its argument, exclusive."""


@dataclass(frozen=True, slots=True)
class Noise:
    """P(X = x) proportional to exp(-epsilon |x|) for |x| up to the bound."""

    epsilon: Fraction = Fraction(1, 4)
    bound: int = 48
    below: RandomBelow = secrets.randbelow

    def draw(self) -> int:
        """Returns one sample of X. Samples beyond the bound are rejected, so the others keep their proportions."""
        while True:
            drawn = _laplace(self.epsilon, self.below)
            if abs(drawn) <= self.bound:
                return drawn


def _laplace(epsilon: Fraction, below: RandomBelow) -> int:
    """Returns a sample with P(x) proportional to exp(-epsilon |x|) over all integers."""
    step, scale = epsilon.numerator, epsilon.denominator
    while True:
        part = below(scale)
        if not _bernoulli_exp(part, scale, below):
            continue
        wholes = 0
        while _bernoulli_exp(1, 1, below):
            wholes += 1
        size = (part + scale * wholes) // step
        negative = bool(below(2))
        if size or not negative:  # zero has one sign
            return -size if negative else size


def _bernoulli_exp(numerator: int, denominator: int, below: RandomBelow) -> bool:
    """Returns True with probability exp(-numerator/denominator). The fraction must be from 0 to 1."""
    turn = 1
    while below(denominator * turn) < numerator:
        turn += 1
    return turn % 2 == 1

"""Noise for counts: the discrete Laplace distribution cut at a bound, drawn exactly with integers alone.

Canonne, Kamath and Steinke, The Discrete Gaussian for Differential Privacy (2020), algorithms 1 and 2.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

RandomBelow = Callable[[int], int]
"""A whole number drawn uniformly from those below its argument."""


@dataclass(frozen=True, slots=True)
class Noise:
    """P(X = x) proportional to exp(-epsilon |x|) for |x| up to the bound."""

    epsilon: Fraction = Fraction(1, 4)
    bound: int = 48
    below: RandomBelow = secrets.randbelow

    def draw(self) -> int:
        """One value of X; a larger one is drawn anew, so that the rest keep their proportions."""
        while True:
            drawn = _laplace(self.epsilon, self.below)
            if abs(drawn) <= self.bound:
                return drawn


def _laplace(epsilon: Fraction, below: RandomBelow) -> int:
    """P(x) proportional to exp(-epsilon |x|) over all whole numbers."""
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
    """True with probability exp(-numerator/denominator), which is at most 1 as the fraction lies within 0 and 1."""
    turn = 1
    while below(denominator * turn) < numerator:
        turn += 1
    return turn % 2 == 1

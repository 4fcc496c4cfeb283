"""The noise and the published counts: distribution, error margin, and what an attacker can learn."""

import math
import random
import secrets
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import InvalidSettings, Settings
from models.statistics.discrete_laplace import Noise
from models.vocabulary import Dimension
from permissions.statistics.histograms import BREAKDOWNS, HISTOGRAMS
from permissions.statistics.suppression import error_margin, publishable_count
from resolvers.statistics.release import published_cells
from tests.statistics.platform import EXACT, SMALLER, USUAL, fixed_noise, noise_id, seeded
from tests.world import KEY


def distribution(noise: Noise) -> dict[int, float]:
    """Returns the distribution that the noise must have."""
    weights = {x: math.exp(-noise.epsilon * abs(x)) for x in range(-noise.bound, noise.bound + 1)}
    return {x: weight / sum(weights.values()) for x, weight in weights.items()}


def count_distribution(people: int, noise: Noise) -> Counter[int | None]:
    """Returns the probability of each published count of a group of this size."""
    found: Counter[int | None] = Counter()
    for x, chance in distribution(noise).items():
        found[publishable_count(people, fixed_noise(x, noise.bound))] += chance  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("noise", [USUAL, SMALLER, Noise(Fraction(3, 7), 28), Noise(Fraction(1), 2)], ids=noise_id)
def test_the_noise_has_its_distribution(noise: Noise, sized: Callable[[int, int], int]) -> None:
    draws = sized(60_000, 1_000_000)
    source = seeded(noise, 7)
    found = Counter(source.draw() for _ in range(draws))
    assert set(found) <= set(distribution(noise))
    expected = {x: draws * chance for x, chance in distribution(noise).items()}
    common = [x for x in expected if expected[x] >= 10]
    seen = [*(found[x] for x in common), draws - sum(found[x] for x in common)]
    due = [*(expected[x] for x in common), max(draws - sum(expected[x] for x in common), 1.0)]
    freedom = len(common)
    assert sum((a - b) ** 2 / b for a, b in zip(seen, due, strict=True)) < freedom + 5 * math.sqrt(2 * freedom)


def test_the_noise_uses_the_secure_random_source_and_integers_only() -> None:
    assert Noise().below is secrets.randbelow
    limits: list[object] = []

    def below(limit: int) -> int:
        limits.append(limit)
        return secrets.randbelow(limit)

    results = [Noise(Fraction(3, 7), 28, below).draw() for _ in range(200)]
    assert {type(each) for each in (*limits, *results)} == {int}


@pytest.mark.parametrize("noise", [USUAL, SMALLER], ids=noise_id)
def test_a_published_group_has_ten_people_and_a_near_count(noise: Noise) -> None:
    """Tries every group size with every value of the noise."""
    for people in range(3 * noise.bound):
        for x in range(-noise.bound, noise.bound + 1):
            count = publishable_count(people, fixed_noise(x, noise.bound))
            if count is None:
                assert people < 10 + 2 * noise.bound, "a group of this size is always published"
                continue
            assert people >= 10
            assert abs(count - people) <= noise.bound + 2
            assert count % 5 == 0


@settings(max_examples=300, deadline=None)
@given(
    people=st.integers(0, 400),
    seed=st.integers(0, 2**32),
    epsilon=st.fractions(min_value="1/10", max_value=1, max_denominator=50),
)
def test_a_published_group_has_ten_people_with_any_setting(people: int, seed: int, epsilon: Fraction) -> None:
    bound = math.ceil(12 / epsilon)
    count = publishable_count(people, seeded(Noise(epsilon, bound), seed))
    assert count is None or (people >= 10 and abs(count - people) <= bound + 2)


@pytest.mark.parametrize(("noise", "known"), [(USUAL, 12), (SMALLER, 7)], ids=noise_id)
def test_the_error_margin_is_the_smallest_that_holds_for_95_percent(noise: Noise, known: int) -> None:
    sure = 10 + 2 * noise.bound

    def within(distance: int) -> float:
        return min(
            sum(
                chance
                for count, chance in count_distribution(people, noise).items()
                if abs((count or 0) - people) <= distance
            )
            for people in range(sure, sure + 20)
        )

    assert error_margin(noise) == known
    assert within(known) >= 0.95 > within(known - 1)


def test_one_person_changes_a_cell_within_epsilon_and_delta() -> None:
    """Computes (epsilon, delta) of one cell. A release of 14 histograms is (3.5, 1.1e-5)-differentially private."""
    most = math.exp(USUAL.epsilon)
    delta = 0.0
    for people in range(140):
        for one, other in permutations((count_distribution(people, USUAL), count_distribution(people + 1, USUAL))):
            delta = max(delta, sum(max(0.0, chance - most * other[count]) for count, chance in one.items()))
    assert 14 * delta <= 1.1e-5
    assert len(HISTOGRAMS) * USUAL.epsilon == Fraction(7, 2)


@pytest.mark.parametrize("others", [11, 30, 57, 60, 64, 120])
def test_an_attacker_who_knows_everyone_else_guesses_within_epsilon(others: int) -> None:
    right = guessing_rate(others, seeded(USUAL, others))
    assert right <= math.exp(USUAL.epsilon) / (1 + math.exp(USUAL.epsilon)) + 0.045


def test_the_attacker_is_always_right_without_noise() -> None:
    assert guessing_rate(57, EXACT) == 1.0


def guessing_rate(others: int, noise: Noise, releases: int = 600) -> float:
    """Returns how often the best guess from a release is right about one person's membership in a group."""
    (histogram,) = (each for each in BREAKDOWNS if each.dimensions == (Dimension.SPECIALIZATION,))
    without, with_target = count_distribution(others, noise), count_distribution(others + 1, noise)
    coins = random.Random(others)
    right = 0
    for _ in range(releases):
        there = coins.random() < 0.5
        true = {("SPECIALIZATION", "art", ""): others + there, ("SPECIALIZATION", "robotics", ""): 80}
        cells = {cell["first_value"]: cell["shown"] for cell in published_cells(histogram, true, noise)}
        seen = cells.get("art")
        guess = with_target[seen] > without[seen] if with_target[seen] != without[seen] else coins.random() < 0.5
        right += guess == there
    return right / releases


def settings_error(**changes: Any) -> str:
    try:
        Settings(secret_keys=(KEY,), **changes).validated()
    except (InvalidSettings, ValueError) as problem:
        return str(problem)
    return ""


def test_settings_with_too_little_noise_are_refused() -> None:
    assert settings_error() == ""
    assert settings_error(statistics_epsilon="0.5", statistics_bound=24) == ""
    assert "STATISTICS_BOUND" in settings_error(statistics_bound=47)
    assert "STATISTICS_BOUND" in settings_error(statistics_epsilon="0.1")
    for wrong in ("0", "-1", "1.5", "nan", "1e-9"):
        assert "statistics_epsilon" in settings_error(statistics_epsilon=wrong, statistics_bound=100_000)
    assert "statistics_releases_per_year" in settings_error(statistics_releases_per_year=0)
    strong = {"environment": "production", "statistics_epsilon": "0.5", "statistics_bound": 24}
    assert "STATISTICS" not in settings_error(**strong)
    error = settings_error(**{**strong, "statistics_epsilon": "0.51"}, statistics_releases_per_year=7)
    assert "STATISTICS_EPSILON" in error
    assert "STATISTICS_RELEASES_PER_YEAR" in error

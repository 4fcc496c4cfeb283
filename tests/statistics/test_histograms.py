"""The histograms and the closed lists of their values."""

from fractions import Fraction

from models.statistics.dimensions import CLOSED_LISTS, values_of
from models.vocabulary import Dimension
from permissions.statistics.histograms import BREAKDOWNS, HISTOGRAMS, histogram_of
from resolvers.statistics.release import published_cells
from tests.statistics.platform import FixedNoise


def test_each_person_is_in_at_most_one_cell_of_each_histogram() -> None:
    assert len(HISTOGRAMS) == 14
    assert len({each.name for each in HISTOGRAMS}) == 14
    for histogram in HISTOGRAMS:
        groups = list(histogram.groups())
        assert len(groups) == len({tuple(value.lower() for value in group) for group in groups}) == histogram.size


def test_an_empty_group_draws_noise_and_is_never_published() -> None:
    drawn_for: list[int] = []

    def below(limit: int) -> int:
        drawn_for.append(limit)
        return 48

    worst = FixedNoise(Fraction(1, 4), 48, below)
    for histogram in HISTOGRAMS:
        drawn_for.clear()
        assert list(published_cells(histogram, {}, worst)) == []
        assert len(drawn_for) == histogram.size


def test_both_databases_fold_the_closed_lists_the_same_way() -> None:
    for dimension in Dimension:
        words = values_of(dimension)
        assert words[-2:] == ("UNSPECIFIED", "OTHER")
        assert len({word.lower() for word in words}) == len(words)
        assert all(word.isascii() and word == word.strip() and 0 < len(word) <= 64 for word in words)
        assert list(CLOSED_LISTS[dimension]) == sorted(CLOSED_LISTS[dimension], key=str.lower)


def test_only_the_allowed_breakdowns_exist_in_any_order() -> None:
    assert len(BREAKDOWNS) == 11
    for one in Dimension:
        assert histogram_of([one]) is not None
        for other in Dimension:
            allowed = one is not other and Dimension.COUNTRY in (one, other)
            assert (histogram_of([one, other]) is not None) == allowed

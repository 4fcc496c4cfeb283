"""Answers the `statistics` query from the current release only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from strawberry.types.info import Info

from models.tables import STATISTICS_CELLS
from models.vocabulary import Dimension
from permissions.errors import bad_input
from permissions.statistics.histograms import BREAKDOWNS, Histogram, histogram_of
from permissions.statistics.suppression import error_margin
from resolvers.arguments import GroupBy
from resolvers.context import Context
from resolvers.statistics import release


@dataclass(frozen=True, slots=True)
class StatisticsGroup:
    """A group: its values in the order of `groupBy`, and its published count."""

    values: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """The counts of one release, grouped by one or two dimensions."""

    released_at: datetime
    next_at: datetime
    epsilon: float
    margin: int
    subjects: int | None
    groups: list[StatisticsGroup]
    suppressed_groups: bool


async def statistics(info: Info[Context, None], group_by: GroupBy) -> Statistics:
    """The current release, grouped by these dimensions."""
    histogram = _requested_histogram(group_by)
    services = info.context.services
    current = await release.current_release(services, info.context.database)
    cells = select(STATISTICS_CELLS).where(
        STATISTICS_CELLS.c.release_number == current.number,
        STATISTICS_CELLS.c.histogram.in_([histogram.name, histogram.total]),
    )
    async with info.context.database.reading() as connection:
        rows = (await connection.execute(cells)).all()
    counts = {(row.first_value, row.second_value): row.shown for row in rows if row.histogram == histogram.name}
    total = [row.shown for row in rows if row.histogram == histogram.total]
    groups = _groups(histogram, group_by, counts)
    return Statistics(
        released_at=current.released_at,
        next_at=current.next_at,
        epsilon=float(current.noise.epsilon),
        margin=error_margin(current.noise),
        subjects=total[0] if total else None,
        groups=groups,
        # depends only on the release and the public lists: empty and small groups are both left out
        suppressed_groups=len(groups) < histogram.size,
    )


def _requested_histogram(group_by: list[Dimension]) -> Histogram:
    histogram = histogram_of(group_by)
    if histogram is None:
        allowed = ", ".join(f"[{', '.join(each.dimensions)}]" for each in BREAKDOWNS)
        raise bad_input("groupBy", f"`groupBy` must be one of {allowed}, in either order.")
    return histogram


def _groups(
    histogram: Histogram, group_by: list[Dimension], counts: dict[tuple[str, str], int]
) -> list[StatisticsGroup]:
    """Groups in the order of the public lists, which reveals nothing about the subjects."""
    places = [histogram.dimensions.index(dimension) for dimension in group_by]
    found = []
    for values in histogram.groups():
        first, second = (*values, "")[:2]
        if (first, second) in counts:
            found.append(StatisticsGroup(tuple(values[place] for place in places), counts[first, second]))
    return found

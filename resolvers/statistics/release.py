"""Makes releases of statistics: when the next one is due, and what it counts."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.statistics.discrete_laplace import Noise
from models.tables import STATISTICS_CELLS, STATISTICS_RELEASES
from permissions.caller import Caller
from permissions.masked_columns import query_parameters
from permissions.statistics.count_query import count_statement
from permissions.statistics.histograms import HISTOGRAMS, Histogram
from permissions.statistics.suppression import publishable_count
from resolvers.caller_database import CallerDatabase
from resolvers.context import Services

YEAR: Final = timedelta(days=365)
Counts = Mapping[tuple[str, ...], int]
"""Number of people by histogram and values. Values are in lower case, as in SQL."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release. A query makes the next one from `next_at` on, the command from `early_from` on."""

    number: int
    released_at: datetime
    next_at: datetime
    early_from: datetime
    noise: Noise


async def newest_release(connection: AsyncConnection, per_year: int) -> Release | None:
    """Returns the newest release, or None if there is none."""
    last = select(STATISTICS_RELEASES).order_by(STATISTICS_RELEASES.c.number.desc()).limit(per_year)
    rows = (await connection.execute(last)).all()
    if not rows:
        return None
    row = rows[0]
    early_from = max(row.released_at, rows[-1].released_at + YEAR) if len(rows) == per_year else row.released_at
    next_at = max(quarter_end(row.released_at), early_from)
    return Release(row.number, row.released_at, next_at, early_from, Noise(Fraction(row.epsilon), row.bound))


def quarter_end(at: datetime) -> datetime:
    """The first instant of the next calendar quarter, in UTC."""
    quarters = 4 * at.year + (at.month - 1) // 3 + 1
    return datetime(quarters // 4, 3 * (quarters % 4) + 1, 1, tzinfo=UTC)


async def current_release(services: Services, database: CallerDatabase) -> Release:
    """Returns the release to answer from. The first query of a quarter makes it."""
    async with database.reading() as connection:
        found = await newest_release(connection, services.releases_per_year)
    if found and services.now() < found.next_at:
        return found
    await make_release(services, early=False, database=database)
    async with database.reading() as connection:
        made = await newest_release(connection, services.releases_per_year)
    if made is None:
        raise LookupError("no release is stored after one was made")
    return made


async def make_release(services: Services, *, early: bool, database: CallerDatabase | None = None) -> bool:
    """Makes the next release in one transaction. Returns False if it is not due or another process made it."""
    try:
        async with (database or services.database).writing() as connection:
            last = await newest_release(connection, services.releases_per_year)
            now = services.now()
            if last and now < (last.early_from if early else last.next_at):
                return False
            await _store_release(connection, last.number + 1 if last else 1, now, services.noise)
    except IntegrityError:
        return False  # another process made the release with this number
    return True


async def _store_release(connection: AsyncConnection, number: int, now: datetime, noise: Noise) -> None:
    row = {"number": number, "released_at": now, "epsilon": str(noise.epsilon), "bound": noise.bound}
    await connection.execute(insert(STATISTICS_RELEASES), row)
    rows = (await connection.execute(count_statement(now), query_parameters(Caller()))).all()
    true = {tuple(row[:-1]): int(row[-1]) for row in rows}
    cells = await asyncio.to_thread(
        lambda: [cell for each in HISTOGRAMS for cell in published_cells(each, true, noise)]
    )
    if cells:
        await connection.execute(insert(STATISTICS_CELLS), [{"release_number": number, **cell} for cell in cells])


def published_cells(histogram: Histogram, true: Counts, noise: Noise) -> Iterable[dict[str, Any]]:
    """Yields the published cells. Noise is drawn for empty cells too, so the work reveals nothing about the data."""
    for values in histogram.groups():
        first, second = (*values, "", "")[:2]
        people = true.get((histogram.name, first.lower(), second.lower()), 0)
        count = publishable_count(people, noise)
        if count is not None:
            yield {"histogram": histogram.name, "first_value": first, "second_value": second, "shown": count}

"""Sealed releases of statistics: what was published, and nothing of what it was made from."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Instant, Text, Whole, impersonal


class StatisticsRelease(SQLModel, table=True):
    """One release. Its number is claimed before anything is counted, so that askers who come at once share it."""

    __tablename__ = "statistics_releases"

    number: int = impersonal("a place in the row of releases", Whole, primary_key=True, numbered_by_us=True)
    released_at: datetime = impersonal("when it was released", Instant)
    epsilon: str = impersonal("a setting, as a fraction", Text(32))
    bound: int = impersonal("a setting", Whole)


class StatisticsCell(SQLModel, table=True):
    """One published count: noise added, rounded, and of many people; groups that were left out have no row."""

    __tablename__ = "statistics_cells"

    release_number: int = impersonal(
        "a place in the row of releases",
        Whole,
        primary_key=True,
        foreign_key="statistics_releases.number",
        numbered_by_us=True,
    )
    histogram: str = impersonal("words of the policy", Text(64), primary_key=True)
    first_value: str = impersonal("a word of a closed list", Text(64), primary_key=True)
    second_value: str = impersonal("a word of a closed list", Text(64), primary_key=True)
    shown: int = impersonal("a published count", Whole)

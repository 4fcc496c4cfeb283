"""Statistics releases: the published counts, never the exact ones."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, impersonal


class StatisticsRelease(SQLModel, table=True):
    """One release. Its number is reserved before the count, so that concurrent callers share a release."""

    __tablename__ = "statistics_releases"

    number: int = impersonal("a release number", Int, primary_key=True, numbered_by_us=True)
    released_at: datetime = impersonal("when it was released", UtcDateTime)
    epsilon: str = impersonal("a setting, as a fraction", Text(32))
    bound: int = impersonal("a setting", Int)


class StatisticsCell(SQLModel, table=True):
    """One published count, with noise and rounded. Suppressed groups have no row."""

    __tablename__ = "statistics_cells"

    release_number: int = impersonal(
        "a release number",
        Int,
        primary_key=True,
        foreign_key="statistics_releases.number",
        numbered_by_us=True,
    )
    histogram: str = impersonal("policy terms", Text(64), primary_key=True)
    first_value: str = impersonal("a value of a closed list", Text(64), primary_key=True)
    second_value: str = impersonal("a value of a closed list", Text(64), primary_key=True)
    shown: int = impersonal("a published count", Int)

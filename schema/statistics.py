"""Statistics: counts of many, with noise, from a sealed release."""

from datetime import datetime

import strawberry

from permissions.classification import impersonal

MANY = "published counts of many people with noise, about nobody"


@impersonal(MANY)
@strawberry.type(description="A group of people by the values asked for, in that order.")
class StatisticsGroup:
    values: list[str]
    count: int


@impersonal(MANY)
@strawberry.type(
    description="One release: the same answer to everyone until `nextAt`, unless the operator makes the next one "
    "earlier. `subjects` is null when too few. `margin`: 95 % of counts lie within it. `suppressedGroups`: a group of "
    "the policy's lists is left out, empty or small."
)
class Statistics:
    released_at: datetime
    next_at: datetime | None
    epsilon: float
    margin: int
    subjects: int | None
    groups: list[StatisticsGroup]
    suppressed_groups: bool

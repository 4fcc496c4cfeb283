"""Statistics: counts with noise, from a fixed release."""

from datetime import datetime

import strawberry

from permissions.graphql.classified_schema import impersonal

MANY = "published counts with noise, not about a person"


@impersonal(MANY)
@strawberry.type(description="A group of subjects and its published count.")
class StatisticsGroup:
    values: list[str] = strawberry.field(description="The values that the group shares, in the order of `groupBy`.")
    count: int = strawberry.field(description="The published count: noise is added, then it is rounded to 5.")


@impersonal(MANY)
@strawberry.type(description="One release. Everyone gets the same answer until the next release.")
class Statistics:
    released_at: datetime = strawberry.field(description="When the release was made.")
    next_at: datetime | None = strawberry.field(
        description="When the next release is made, unless the operator makes it earlier. Null if none is planned."
    )
    epsilon: float = strawberry.field(
        description="The privacy parameter ε of each count. A smaller value means more noise."
    )
    margin: int = strawberry.field(description="95 % of counts differ from the true count by at most this much.")
    subjects: int | None = strawberry.field(
        description="The published count of all subjects who consented to these purposes. Null if they are too few to "
        "publish."
    )
    groups: list[StatisticsGroup] = strawberry.field(
        description="The groups that are large enough to publish, in the order of the policy's lists."
    )
    suppressed_groups: bool = strawberry.field(
        description="Whether any group is left out because it is empty or too small."
    )

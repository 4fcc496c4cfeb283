"""The members' directory and the map of users."""

import strawberry

from permissions.graphql.classified_schema import impersonal
from schema.node import CURSOR, EDGES, PAGE_INFO, PageInfo
from schema.user import Place, User


@impersonal("holds a user whose own fields are guarded")
@strawberry.type(description="An item in a list of the members' directory, with its cursor.")
class UserEdge:
    node: User = strawberry.field(description="The member.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal("holds users whose own fields are guarded")
@strawberry.type(description="One page of the members' directory.")
class UserConnection:
    edges: list[UserEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


@impersonal("counts only what the same caller could count in the directory")
@strawberry.type(description="A place on the map of users.")
class MapPlace:
    place: Place = strawberry.field(description="The country and, if known, the city.")
    count: int = strawberry.field(
        description="The number of subjects at this place whose location the caller can read."
    )

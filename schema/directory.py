"""The members' directory and the map of users."""

import strawberry

from permissions.classification import impersonal
from schema.node import PageInfo
from schema.user import Place, User


@impersonal("holds a user whose own fields are guarded")
@strawberry.type
class UserEdge:
    node: User
    cursor: str


@impersonal("holds users whose own fields are guarded")
@strawberry.type
class UserConnection:
    edges: list[UserEdge]
    page_info: PageInfo


@impersonal("counts only what the same caller could count in the directory")
@strawberry.type(description="A place and how many subjects are in it.")
class MapPlace:
    place: Place
    count: int

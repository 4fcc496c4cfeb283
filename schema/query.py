"""What can be asked; each root field stands behind its row of `permissions.operations`."""

import strawberry

from permissions.admission import Admission
from resolvers import account, directory, policy, user_map, viewer
from schema.account import Account, Viewer
from schema.directory import MapPlace, UserConnection
from schema.node import Node
from schema.policy import Policy
from schema.user import User


@strawberry.type
class Query:
    node = strawberry.field(
        resolver=directory.node,
        graphql_type=Node | None,
        extensions=[Admission("Query.node")],
        description="Any object by id, to those who reach it another way.",
    )
    viewer = strawberry.field(
        resolver=viewer.viewer,
        graphql_type=Viewer,
        extensions=[Admission("Query.viewer")],
        description="Who the caller is, by their token. Never fails once the token is accepted.",
    )
    me = strawberry.field(
        resolver=account.me,
        graphql_type=Account | None,
        extensions=[Admission("Query.me")],
        description="The caller's own record; null, with FORBIDDEN, without a member's session.",
    )
    user = strawberry.field(
        resolver=directory.user,
        graphql_type=User | None,
        extensions=[Admission("Query.user")],
        description="One data subject; null for one of whom the caller may read nothing, as for an unknown id.",
    )
    users = strawberry.field(
        resolver=directory.users,
        graphql_type=UserConnection | None,
        extensions=[Admission("Query.users")],
        description="The members' directory. Only subjects who stand consented to SOCIAL appear, oneself included, and "
        "search reads only fields that the caller may read.",
    )
    user_map = strawberry.field(
        resolver=user_map.user_map,
        graphql_type=list[MapPlace] | None,
        extensions=[Admission("Query.userMap")],
        description="The map of users: places and how many subjects are in each; exactly what this caller could count "
        "in the directory.",
    )
    policy = strawberry.field(
        resolver=policy.policy,
        graphql_type=Policy | None,
        extensions=[Admission("Query.policy")],
        description="The policy as data, the current version or a named one.",
    )

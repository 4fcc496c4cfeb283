"""Tokens, and people with staff roles."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.mutation_outcomes import IssuedToken
from models.vocabulary import Processor, Role
from permissions.graphql.classified_schema import impersonal
from schema.node import CURSOR, EDGES, PAGE_INFO, PageInfo, Refusal
from schema.type_resolution import is_type_of

AUTHORITY = "lists staff and tokens by opaque ids and pseudonyms"


@impersonal(AUTHORITY)
@strawberry.type(description="A new token, shown only once.")
@is_type_of(IssuedToken)
class RoleToken:
    id: strawberry.ID = strawberry.field(
        description="The token's id, for `revokeRoleToken` and `approveProcessorToken`."
    )
    token: str = strawberry.field(description="The secret. Send it as `Authorization: Bearer …`.")
    role: Role = strawberry.field(description="The one role of the token.")
    processor: Processor | None = strawberry.field(
        description="The processor that the token belongs to. Null for a staff token."
    )
    expires_at: datetime = strawberry.field(description="When the token expires.")


@impersonal(AUTHORITY)
@strawberry.type(description="A token without its secret.")
class LiveToken:
    id: strawberry.ID = strawberry.field(
        description="The token's id, for `revokeRoleToken` and `approveProcessorToken`."
    )
    name: str | None = strawberry.field(description="What its holder says the token is for. Null for processor tokens.")
    role: Role = strawberry.field(description="The one role of the token.")
    processor: Processor | None = strawberry.field(
        description="The processor that the token belongs to. Null for a staff token."
    )
    created_at: datetime = strawberry.field(description="When the token was issued.")
    expires_at: datetime = strawberry.field(description="When the token expires.")
    last_used_at: datetime | None = strawberry.field(description="When the token was last used. Null if it never was.")


@impersonal(AUTHORITY)
@strawberry.type(description="An item in a list of tokens, with its cursor.")
class RoleTokenEdge:
    node: LiveToken = strawberry.field(description="The token, without its secret.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(AUTHORITY)
@strawberry.type(description="One page of tokens.")
class RoleTokenConnection:
    edges: list[RoleTokenEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


@impersonal(AUTHORITY)
@strawberry.type(description="A staff role that a person holds.")
class GrantedRole:
    role: Role = strawberry.field(description="The role.")
    granted_at: datetime = strawberry.field(description="When the role was granted.")
    expires_at: datetime = strawberry.field(description="When the role ends unless it is granted again.")


@impersonal(AUTHORITY)
@strawberry.type(description="A person with a staff role.")
class StaffMember:
    id: strawberry.ID = strawberry.field(description="The person's `User` id.")
    pseudonym: str = strawberry.field(description="The short name under which subjects and colleagues see this person.")
    roles: list[GrantedRole] = strawberry.field(description="The roles that the person holds now.")


@impersonal(AUTHORITY)
@strawberry.type(description="An item in a list of staff, with its cursor.")
class StaffEdge:
    node: StaffMember = strawberry.field(description="The person.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(AUTHORITY)
@strawberry.type(description="One page of staff.")
class StaffConnection:
    edges: list[StaffEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


RoleTokenResult = Annotated[
    RoleToken | Refusal, strawberry.union("RoleTokenResult", description="The new token, or a refusal.")
]

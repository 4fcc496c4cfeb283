"""Tokens without their secrets, and who is authorized."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.vocabulary import Processor, Role
from permissions.classification import impersonal
from resolvers.processor_tokens import TokenIssued
from schema.node import PageInfo, Refusal
from schema.type_resolution import shows

AUTHORITY = "says who is authorized, by opaque ids and pseudonyms"


@impersonal(AUTHORITY)
@strawberry.type(description="The token is shown this once.")
@shows(TokenIssued)
class RoleToken:
    id: strawberry.ID
    token: str
    role: Role
    processor: Processor | None
    expires_at: datetime


@impersonal(AUTHORITY)
@strawberry.type(description="A token without its secret.")
class LiveToken:
    id: strawberry.ID
    name: str | None
    role: Role
    processor: Processor | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@impersonal(AUTHORITY)
@strawberry.type
class RoleTokenEdge:
    node: LiveToken
    cursor: str


@impersonal(AUTHORITY)
@strawberry.type
class RoleTokenConnection:
    edges: list[RoleTokenEdge]
    page_info: PageInfo


@impersonal(AUTHORITY)
@strawberry.type
class GrantedRole:
    role: Role
    granted_at: datetime
    expires_at: datetime


@impersonal(AUTHORITY)
@strawberry.type(description="`id` is the person's User id.")
class StaffMember:
    id: strawberry.ID
    pseudonym: str
    roles: list[GrantedRole]


@impersonal(AUTHORITY)
@strawberry.type
class StaffEdge:
    node: StaffMember
    cursor: str


@impersonal(AUTHORITY)
@strawberry.type
class StaffConnection:
    edges: list[StaffEdge]
    page_info: PageInfo


RoleTokenResult = Annotated[RoleToken | Refusal, strawberry.union("RoleTokenResult")]

"""Support cases and legal requests, with their subjects."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.vocabulary import LegalRequestStatus, PersonalField, SupportCaseStatus
from permissions.graphql.classified_schema import impersonal
from resolvers.staff.legal_requests import RequestState
from resolvers.staff.support_case_lists import CaseState
from schema.node import CURSOR, EDGES, PAGE_INFO, Node, PageInfo, Refusal
from schema.type_resolution import is_type_of
from schema.user import User

GROUND = "describes a ground of access; the subject's own fields are guarded"


@impersonal(GROUND)
@strawberry.type(
    description="A support case about one subject. While it is open, its agent can read the fields in its extent, as "
    "far as consent allows."
)
@is_type_of(CaseState)
class SupportCase(Node):
    status: SupportCaseStatus = strawberry.field(description="Whether the case is open, closed or expired now.")
    reference: str = strawberry.field(description="The ticket number or other reference.")
    reason: str | None = strawberry.field(
        description="Why the case was opened. Null for OPERATIONS, and after the subject is erased."
    )
    extent: list[PersonalField] = strawberry.field(
        description="The fields that the agent can read at most. Empty if the subject removed all."
    )
    opened_at: datetime = strawberry.field(description="When the case was opened.")
    expires_at: datetime = strawberry.field(description="When the case expires if nobody closes it.")
    opened_by_subject: bool = strawberry.field(
        description="Whether the subject opened the case. Such a case gives access even if processing is restricted."
    )
    assigned_to: str | None = strawberry.field(
        description="The pseudonym of the assigned agent. Null if nobody is assigned."
    )
    subject: User | None = strawberry.field(
        description="The subject of the case. Null if the caller can read none of the subject's data, if no such "
        "account exists, or after erasure."
    )


@impersonal(GROUND)
@strawberry.type(description="An item in a list of support cases, with its cursor.")
class SupportCaseEdge:
    node: SupportCase = strawberry.field(description="The support case.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(GROUND)
@strawberry.type(description="One page of support cases.")
class SupportCaseConnection:
    edges: list[SupportCaseEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


@impersonal(GROUND)
@strawberry.type(
    description="A legal request for the data of one subject. COMPLIANCE can read its extent while it is approved and "
    "open."
)
@is_type_of(RequestState)
class LegalRequest(Node):
    status: LegalRequestStatus = strawberry.field(
        description="Whether the request awaits approval, is open, is closed or has expired."
    )
    authority: str = strawberry.field(description="The authority that made the request.")
    reference: str = strawberry.field(description="The authority's reference number.")
    basis: str = strawberry.field(description="The legal basis of the request.")
    extent: list[PersonalField] = strawberry.field(description="The fields that the request gives access to.")
    opened_at: datetime = strawberry.field(description="When the request was recorded.")
    expires_at: datetime = strawberry.field(description="When the request expires if nobody closes it.")
    notice_after: datetime | None = strawberry.field(
        description="When the subject may learn of this request. Null if there is no secrecy order."
    )
    subject: User | None = strawberry.field(
        description="The subject of the request. Null unless the request is open, if no such account exists, or after "
        "erasure."
    )


@impersonal(GROUND)
@strawberry.type(description="An item in a list of legal requests, with its cursor.")
class LegalRequestEdge:
    node: LegalRequest = strawberry.field(description="The legal request.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(GROUND)
@strawberry.type(description="One page of legal requests.")
class LegalRequestConnection:
    edges: list[LegalRequestEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


SupportCaseResult = Annotated[
    SupportCase | Refusal, strawberry.union("SupportCaseResult", description="The support case, or a refusal.")
]
LegalRequestResult = Annotated[
    LegalRequest | Refusal, strawberry.union("LegalRequestResult", description="The legal request, or a refusal.")
]

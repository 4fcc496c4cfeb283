"""Support cases and legal requests, and the subjects that they open."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.vocabulary import LegalRequestStatus, PersonalField, SupportCaseStatus
from permissions.classification import impersonal
from resolvers.case_states import CaseState
from resolvers.legal_requests import RequestState
from schema.node import Node, PageInfo, Refusal
from schema.type_resolution import shows
from schema.user import User

GROUND = "says why somebody may be read; its subject's own fields are guarded"


@impersonal(GROUND)
@strawberry.type(description="`reason` is null to OPERATIONS, and once the subject is erased.")
@shows(CaseState)
class SupportCase(Node):
    status: SupportCaseStatus
    reference: str
    reason: str | None
    extent: list[PersonalField]
    opened_at: datetime
    expires_at: datetime
    opened_by_subject: bool
    assigned_to: str | None = strawberry.field(description="The agent, by pseudonym; null until assigned.")
    subject: User | None = strawberry.field(
        description="Null where this caller reads nothing of the subject, nobody has the address, or the subject is "
        "erased."
    )


@impersonal(GROUND)
@strawberry.type
class SupportCaseEdge:
    node: SupportCase
    cursor: str


@impersonal(GROUND)
@strawberry.type
class SupportCaseConnection:
    edges: list[SupportCaseEdge]
    page_info: PageInfo


@impersonal(GROUND)
@strawberry.type(description="Opens its extent to COMPLIANCE once a second person has approved it.")
@shows(RequestState)
class LegalRequest(Node):
    status: LegalRequestStatus
    authority: str
    reference: str
    basis: str
    extent: list[PersonalField]
    opened_at: datetime
    expires_at: datetime
    notice_after: datetime | None
    subject: User | None


@impersonal(GROUND)
@strawberry.type
class LegalRequestEdge:
    node: LegalRequest
    cursor: str


@impersonal(GROUND)
@strawberry.type
class LegalRequestConnection:
    edges: list[LegalRequestEdge]
    page_info: PageInfo


SupportCaseResult = Annotated[SupportCase | Refusal, strawberry.union("SupportCaseResult")]
LegalRequestResult = Annotated[LegalRequest | Refusal, strawberry.union("LegalRequestResult")]

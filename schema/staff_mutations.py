"""What staff and processors change: cases, requests, tokens, views."""

import strawberry

from permissions.admission import Admission
from resolvers import case_changes, legal_requests, processor_tokens, processor_views, support_cases, withdrawals
from schema.cases import LegalRequestResult, SupportCaseResult
from schema.processors import ProcessorViewResult
from schema.token import RoleTokenResult


@strawberry.type
class AuthorityMutation:
    issue_processor_token = strawberry.field(
        resolver=processor_tokens.issue_processor_token,
        graphql_type=RoleTokenResult | None,
        extensions=[Admission("Mutation.issueProcessorToken")],
        description="A processor's token. OPERATIONS only.",
    )
    approve_processor_token = strawberry.field(
        resolver=processor_tokens.approve_processor_token,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.approveProcessorToken")],
        description="By COMPLIANCE; a processor's token works from then on.",
    )
    open_support_case = strawberry.field(
        resolver=support_cases.open_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[Admission("Mutation.openSupportCase")],
        description="Exactly one of subjectId and email; answers alike whether or not anyone has that address.",
    )
    assign_support_case = strawberry.field(
        resolver=case_changes.assign_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[Admission("Mutation.assignSupportCase")],
        description="OPERATIONS assigns; nobody is assigned a case by themself or about themself.",
    )
    close_support_case = strawberry.field(
        resolver=case_changes.close_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[Admission("Mutation.closeSupportCase")],
        description="By the member it is about, the assigned agent or OPERATIONS; counts for the next read.",
    )
    narrow_support_case = strawberry.field(
        resolver=case_changes.narrow_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[Admission("Mutation.narrowSupportCase")],
        description="By the member it is about; a case is never widened.",
    )
    open_legal_request = strawberry.field(
        resolver=legal_requests.open_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[Admission("Mutation.openLegalRequest")],
    )
    approve_legal_request = strawberry.field(
        resolver=legal_requests.approve_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[Admission("Mutation.approveLegalRequest")],
        description="By a second COMPLIANCE person; nothing is readable before.",
    )
    close_legal_request = strawberry.field(
        resolver=legal_requests.close_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[Admission("Mutation.closeLegalRequest")],
    )
    open_processor_view = strawberry.field(
        resolver=processor_views.open_processor_view,
        graphql_type=ProcessorViewResult | None,
        extensions=[Admission("Mutation.openProcessorView")],
        description="Shows a processor exactly its own columns of the named subjects, and records each as a "
        "disclosure. That processor's token only.",
    )
    acknowledge_withdrawals = strawberry.field(
        resolver=withdrawals.acknowledge_withdrawals,
        graphql_type=int | None,
        extensions=[Admission("Mutation.acknowledgeWithdrawals")],
        description="Idempotent. The number of this processor's own ids among them that are acknowledged now.",
    )

"""Mutations of staff and processors: support cases, legal requests, tokens and processor views."""

import strawberry

from permissions.graphql.root_field_access import RootFieldAccess
from resolvers.processors import tokens, views, withdrawals
from resolvers.staff import legal_requests, open_support_case, support_case_changes
from schema.cases import LegalRequestResult, SupportCaseResult
from schema.processors import ProcessorViewResult
from schema.token import RoleTokenResult


@strawberry.type
class AuthorityMutation:
    issue_processor_token = strawberry.field(
        resolver=tokens.issue_processor_token,
        graphql_type=RoleTokenResult | None,
        extensions=[RootFieldAccess("Mutation.issueProcessorToken")],
        description="Issues a token for a processor. OPERATIONS only. The token works after `approveProcessorToken`.",
    )
    approve_processor_token = strawberry.field(
        resolver=tokens.approve_processor_token,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.approveProcessorToken")],
        description="Approves a processor token, which works from then on. COMPLIANCE only, and not by the person who "
        "issued it. False if there is no such token.",
    )
    open_support_case = strawberry.field(
        resolver=open_support_case.open_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[RootFieldAccess("Mutation.openSupportCase")],
        description="Opens a support case. Members open cases about themselves, SUPPORT about anyone. The answer is "
        "the same if no account has that address or id.",
    )
    assign_support_case = strawberry.field(
        resolver=support_case_changes.assign_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[RootFieldAccess("Mutation.assignSupportCase")],
        description="Assigns an open case to a person with the role SUPPORT. OPERATIONS only. The agent must not be "
        "the caller or the subject.",
    )
    close_support_case = strawberry.field(
        resolver=support_case_changes.close_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[RootFieldAccess("Mutation.closeSupportCase")],
        description="Closes a case, which gives no access from the next read on. For its subject, the assigned agent "
        "and OPERATIONS.",
    )
    narrow_support_case = strawberry.field(
        resolver=support_case_changes.narrow_support_case,
        graphql_type=SupportCaseResult | None,
        extensions=[RootFieldAccess("Mutation.narrowSupportCase")],
        description="Removes fields from the extent of a case, from the next read on. Only the subject of the case "
        "can do this.",
    )
    open_legal_request = strawberry.field(
        resolver=legal_requests.open_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[RootFieldAccess("Mutation.openLegalRequest")],
        description="Records a legal request. COMPLIANCE only. It gives no access until a second person approves it.",
    )
    approve_legal_request = strawberry.field(
        resolver=legal_requests.approve_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[RootFieldAccess("Mutation.approveLegalRequest")],
        description="Approves a legal request, which then gives access to its extent. COMPLIANCE only, by a person "
        "who did not record it and is not its subject.",
    )
    close_legal_request = strawberry.field(
        resolver=legal_requests.close_legal_request,
        graphql_type=LegalRequestResult | None,
        extensions=[RootFieldAccess("Mutation.closeLegalRequest")],
        description="Closes a legal request, which gives no access from the next read on. COMPLIANCE only.",
    )
    open_processor_view = strawberry.field(
        resolver=views.open_processor_view,
        graphql_type=ProcessorViewResult | None,
        extensions=[RootFieldAccess("Mutation.openProcessorView")],
        description="Reads the processor's own columns of the named subjects, and records each as a disclosure. The "
        "processor's own token only.",
    )
    acknowledge_withdrawals = strawberry.field(
        resolver=withdrawals.acknowledge_withdrawals,
        graphql_type=int | None,
        extensions=[RootFieldAccess("Mutation.acknowledgeWithdrawals")],
        description="Confirms that the processor erased the data. Returns how many of the named withdrawals are its "
        "own and acknowledged now. May be repeated.",
    )

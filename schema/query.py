"""What can be asked; each root field stands behind its row of `permissions.operations`."""

import strawberry

from permissions.admission import Admission
from resolvers import (
    account,
    authorized,
    case_states,
    directory,
    legal_requests,
    policy,
    statistics,
    user_map,
    viewer,
    withdrawals,
)
from resolvers.node import node as find_node
from schema.account import Account, Viewer
from schema.cases import LegalRequestConnection, SupportCaseConnection
from schema.directory import MapPlace, UserConnection
from schema.node import Node
from schema.policy import Policy
from schema.processors import WithdrawalConnection
from schema.statistics import Statistics
from schema.token import RoleTokenConnection, StaffConnection
from schema.user import User


@strawberry.type
class Query:
    node = strawberry.field(
        resolver=find_node,
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
    statistics = strawberry.field(
        resolver=statistics.statistics,
        graphql_type=Statistics | None,
        extensions=[Admission("Query.statistics")],
        description="The newest release of aggregates over consenting subjects, noise added and small groups left out. "
        "ANALYTICS only.",
    )
    support_cases = strawberry.field(
        resolver=case_states.support_cases,
        graphql_type=SupportCaseConnection | None,
        extensions=[Admission("Query.supportCases")],
        description="Support cases, newest first: those about a member, or a support agent's assigned and open ones.",
    )
    case_queue = strawberry.field(
        resolver=case_states.case_queue,
        graphql_type=SupportCaseConnection | None,
        extensions=[Admission("Query.caseQueue")],
        description="Open cases without an agent, oldest first, without their free text. OPERATIONS only.",
    )
    staff = strawberry.field(
        resolver=authorized.staff,
        graphql_type=StaffConnection | None,
        extensions=[Admission("Query.staff")],
        description="Everyone with a staff role, by id and pseudonym. OPERATIONS and COMPLIANCE only.",
    )
    role_tokens = strawberry.field(
        resolver=authorized.role_tokens,
        graphql_type=RoleTokenConnection | None,
        extensions=[Admission("Query.roleTokens")],
        description="Role and processor tokens that are alive. OPERATIONS only.",
    )
    legal_requests = strawberry.field(
        resolver=legal_requests.legal_requests,
        graphql_type=LegalRequestConnection | None,
        extensions=[Admission("Query.legalRequests")],
        description="Legal requests that stand or wait for approval. COMPLIANCE only.",
    )
    processor_withdrawals = strawberry.field(
        resolver=withdrawals.processor_withdrawals,
        graphql_type=WithdrawalConnection | None,
        extensions=[Admission("Query.processorWithdrawals")],
        description="What a processor must erase because a subject withdrew, objected or left: unacknowledged, oldest "
        "first. That processor's token only.",
    )
    policy = strawberry.field(
        resolver=policy.policy,
        graphql_type=Policy | None,
        extensions=[Admission("Query.policy")],
        description="The policy as data, the current version or a named one.",
    )

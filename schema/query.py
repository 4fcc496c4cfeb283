"""The query type. `permissions.graphql.root_fields` says which roles may query each field."""

import strawberry

from permissions.graphql.root_field_access import RootFieldAccess
from resolvers.account import own_account, viewer
from resolvers.node import node as find_node
from resolvers.node import nodes as find_nodes
from resolvers.policy import policy_query
from resolvers.processors import withdrawals
from resolvers.profile import directory, user_map
from resolvers.staff import legal_requests, staff_list, support_case_lists
from resolvers.statistics import statistics_query
from schema.account import Account, Viewer
from schema.cases import LegalRequestConnection, SupportCaseConnection
from schema.directory import MapPlace, UserConnection
from schema.node import Node
from schema.policy import Policy
from schema.processors import WithdrawalConnection
from schema.statistics import Statistics
from schema.token import RoleTokenConnection, StaffConnection
from schema.user import User


@strawberry.type(
    description="All queries. A field that the caller may not query is null, with a FORBIDDEN error. Its "
    "`extensions.reason` says why."
)
class Query:
    node = strawberry.field(
        resolver=find_node,
        graphql_type=Node | None,
        extensions=[RootFieldAccess("Query.node")],
        description="Any object by its id. Null if no such object exists or the caller cannot reach it in another way.",
    )
    nodes = strawberry.field(
        resolver=find_nodes,
        graphql_type=list[Node | None] | None,
        extensions=[RootFieldAccess("Query.nodes")],
        description="Several objects by their ids, in the order of `ids`. Null for each that `node` would not find.",
    )
    viewer = strawberry.field(
        resolver=viewer.viewer,
        graphql_type=Viewer,
        extensions=[RootFieldAccess("Query.viewer")],
        description="Who the caller is, according to their token.",
    )
    me = strawberry.field(
        resolver=own_account.me,
        graphql_type=Account | None,
        extensions=[RootFieldAccess("Query.me")],
        description="The caller's own account. Members only.",
    )
    user = strawberry.field(
        resolver=directory.user,
        graphql_type=User | None,
        extensions=[RootFieldAccess("Query.user")],
        description="One data subject. Null if the id is unknown or the caller may read none of the subject's fields.",
    )
    users = strawberry.field(
        resolver=directory.users,
        graphql_type=UserConnection | None,
        extensions=[RootFieldAccess("Query.users")],
        description="The members' directory, by id: every subject who consents to SOCIAL, including the caller. "
        "Members with a verified address only.",
    )
    user_map = strawberry.field(
        resolver=user_map.user_map,
        graphql_type=list[MapPlace] | None,
        extensions=[RootFieldAccess("Query.userMap")],
        description="Places and how many subjects are at each. It counts exactly what the caller could count in "
        "`users`.",
    )
    statistics = strawberry.field(
        resolver=statistics_query.statistics,
        graphql_type=Statistics | None,
        extensions=[RootFieldAccess("Query.statistics")],
        description="The newest release of counts over consenting subjects, with noise and without small groups. "
        "ANALYTICS only.",
    )
    support_cases = strawberry.field(
        resolver=support_case_lists.support_cases,
        graphql_type=SupportCaseConnection | None,
        extensions=[RootFieldAccess("Query.supportCases")],
        description="Support cases, newest first: those about a member, or the open ones assigned to a support agent.",
    )
    case_queue = strawberry.field(
        resolver=support_case_lists.case_queue,
        graphql_type=SupportCaseConnection | None,
        extensions=[RootFieldAccess("Query.caseQueue")],
        description="Open cases without an agent, oldest first. OPERATIONS only.",
    )
    staff = strawberry.field(
        resolver=staff_list.staff,
        graphql_type=StaffConnection | None,
        extensions=[RootFieldAccess("Query.staff")],
        description="Everyone with a staff role, by id. OPERATIONS and COMPLIANCE only.",
    )
    role_tokens = strawberry.field(
        resolver=staff_list.role_tokens,
        graphql_type=RoleTokenConnection | None,
        extensions=[RootFieldAccess("Query.roleTokens")],
        description="Role and processor tokens that work or await approval, by id. OPERATIONS only.",
    )
    legal_requests = strawberry.field(
        resolver=legal_requests.legal_requests,
        graphql_type=LegalRequestConnection | None,
        extensions=[RootFieldAccess("Query.legalRequests")],
        description="Legal requests that are open or await approval, newest first. COMPLIANCE only.",
    )
    processor_withdrawals = strawberry.field(
        resolver=withdrawals.processor_withdrawals,
        graphql_type=WithdrawalConnection | None,
        extensions=[RootFieldAccess("Query.processorWithdrawals")],
        description="What the processor must erase and has not confirmed, oldest first. The processor's own token "
        "only.",
    )
    policy = strawberry.field(
        resolver=policy_query.policy,
        graphql_type=Policy | None,
        extensions=[RootFieldAccess("Query.policy")],
        description="The data handling policy. Null if no version of that name was published.",
    )

"""Documents about roles, cases and requests, and the calls that send them."""

from typing import Any

from tests.world import World

UNKNOWN = "0" * 32


STAFF_PAGE = """query ($first: Int, $after: String, $last: Int, $before: String) {
  staff(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id pseudonym roles { role grantedAt expiresAt } } }
    pageInfo { hasNextPage hasPreviousPage } } }"""


TOKENS_PAGE = """query ($first: Int, $after: String) { roleTokens(first: $first, after: $after) {
  edges { cursor node { id name role processor createdAt expiresAt lastUsedAt } } pageInfo { hasNextPage } } }"""


async def listed(world: World, token: str, document: str = STAFF_PAGE) -> list[Any]:
    """All items of a list, read in pages of two."""
    found: list[Any] = []
    after = None
    while True:
        (page,) = (await world.data(document, token, {"first": 2, "after": after})).values()
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["edges"][-1]["cursor"]


OPEN_CASE = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) {
  ... on SupportCase { id } } }"""


ASSIGN = """mutation ($id: ID!, $agent: ID!) { assignSupportCase(id: $id, agentId: $agent) {
  ... on SupportCase { assignedTo } } }"""


GRANT_ROLE = """mutation ($id: ID!, $role: Role!, $until: DateTime!) {
  grantRole(userId: $id, role: $role, expiresAt: $until) }"""


REVOKE = "mutation ($id: ID!, $role: Role!) { revokeRole(userId: $id, role: $role) }"


async def opened_case(world: World, subject: str, agent: str, mine: str, operations: str) -> str:
    """Opens a case as its subject and assigns it to the agent."""
    input = {"subjectId": subject, "reference": "T", "reason": "r", "extent": ["EMAIL", "FIRST_NAME"]}
    id = str((await world.data(OPEN_CASE, mine, {"input": input}))["openSupportCase"]["id"])
    assert (await world.data(ASSIGN, operations, {"id": id, "agent": agent}))["assignSupportCase"]["assignedTo"]
    return id

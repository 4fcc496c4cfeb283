"""A subject, an agent and a person of OPERATIONS, and the documents about support cases."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from models.tables import ROLE_GRANTS
from models.vocabulary import Role
from tests.world import World

OPEN = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) { __typename
  ... on SupportCase { id status extent reason openedBySubject assignedTo expiresAt openedAt subject { id } }
  ... on Refusal { code field message } } }"""


ASSIGN = """mutation ($id: ID!, $agent: ID!) { assignSupportCase(id: $id, agentId: $agent) { __typename
  ... on SupportCase { id reason assignedTo subject { id } } ... on Refusal { code field } } }"""


CLOSE = """mutation ($id: ID!) { closeSupportCase(id: $id) { __typename
  ... on SupportCase { id status subject { id } } ... on Refusal { code } } }"""


NARROW = """mutation ($id: ID!, $extent: [PersonalField!]!) { narrowSupportCase(id: $id, extent: $extent) { __typename
  ... on SupportCase { extent } ... on Refusal { code field } } }"""


READ = "query ($id: ID!) { user(id: $id) { id email firstName city withheld { field reason purpose } } }"


CASES = "{ supportCases { edges { node { id reason status assignedTo subject { id email } } } } }"


QUEUE = "{ caseQueue { edges { node { id reason subject { id } } } } }"


GRANT = "mutation ($id: ID!, $until: DateTime!) { grantRole(userId: $id, role: SUPPORT, expiresAt: $until) }"


@dataclass
class SupportDesk:
    """A subject, an agent and a person of OPERATIONS, with their tokens."""

    world: World
    subject: str
    mine: str
    agent: str
    support: str
    operations: str

    async def opened(self, token: str | None = None, **more: Any) -> Any:
        """Opens a case about the subject, by default as the agent."""
        input = {
            "subjectId": self.subject,
            "reference": "T-17",
            "reason": "It will not print.",
            "extent": ["EMAIL"],
            **more,
        }
        return (await self.world.data(OPEN, token or self.support, {"input": input}))["openSupportCase"]

    async def assigned(self, **more: Any) -> str:
        """Opens a case and assigns it to the agent."""
        id = str((await self.opened(**more))["id"])
        await self.world.data(ASSIGN, self.operations, {"id": id, "agent": self.agent})
        return id

    async def agents_role_lapses(self) -> None:
        """Lets the role of the agent expire."""
        over = update(ROLE_GRANTS).where(ROLE_GRANTS.c.subject_id == self.agent, ROLE_GRANTS.c.role == "SUPPORT")
        async with self.world.services.database.writing() as connection:
            await connection.execute(over.values(expires_at=self.world.services.now()))

    async def agent_is_granted_the_role(self) -> None:
        """Grants the role again and gives the agent a new token."""
        until = (self.world.services.now() + timedelta(days=1)).isoformat()
        await self.world.data(GRANT, self.operations, {"id": self.agent, "until": until})
        self.support = await self.world.token(Role.SUPPORT, self.agent)

    async def agents_named(self) -> dict[str, str | None]:
        """The pseudonym of the agent of each case, as the subject sees it."""
        edges = (await self.world.data(CASES, self.mine))["supportCases"]["edges"]
        return {edge["node"]["id"]: edge["node"]["assignedTo"] for edge in edges}

    async def queue(self) -> list[str]:
        """The ids of the cases without an agent."""
        edges = (await self.world.data(QUEUE, self.operations))["caseQueue"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    async def read(self) -> Any:
        """The subject as the agent reads them."""
        return (await self.world.data(READ, self.support, {"id": self.subject}))["user"]

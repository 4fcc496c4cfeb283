"""A subject and two compliance officers, and the documents about legal requests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.vocabulary import Role
from resolvers.subjects.legal_holds import held_fields
from tests.world import World

UNKNOWN = "0" * 32


REQUEST = "id status authority reference basis extent openedAt expiresAt noticeAfter"


OPEN = f"""mutation ($input: OpenLegalRequestInput!) {{ openLegalRequest(input: $input) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field message }} }} }}"""


APPROVE = f"""mutation ($id: ID!) {{ approveLegalRequest(id: $id) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field }} }} }}"""


CLOSE = f"""mutation ($id: ID!) {{ closeLegalRequest(id: $id) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field }} }} }}"""


READ = "query ($id: ID!) { user(id: $id) { id email firstName withheld { field reason purpose } } }"


LISTED = f"""query ($first: Int, $after: String, $before: String, $last: Int) {{
  legalRequests(first: $first, after: $after, last: $last, before: $before) {{
    edges {{ cursor node {{ {REQUEST} subject {{ id email }} }} }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}"""


BY_NODE = f"""query ($id: ID!) {{ node(id: $id) {{ ...Found }} nodes(ids: [$id]) {{ ...Found }} }}
  fragment Found on Node {{ id ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} }}"""


WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"


@dataclass
class ComplianceOffice:
    """A subject and two persons of COMPLIANCE, with their tokens."""

    world: World
    subject: str
    mine: str
    recorder: str
    first: str
    second: str

    async def opened(self, token: str | None = None, **more: Any) -> Any:
        """Records a request about the subject, by default as the first officer."""
        input = {
            "subjectId": self.subject,
            "authority": "Court of Tartu",
            "reference": "4-26-7",
            "basis": "A law",
            "extent": ["EMAIL"],
            "expiresAt": self.after(hours=1),
            **more,
        }
        return (await self.world.data(OPEN, token or self.first, {"input": input}))["openLegalRequest"]

    async def approved(self, **more: Any) -> str:
        """Records a request and approves it as the second officer."""
        id = str((await self.opened(**more))["id"])
        answer = (await self.world.data(APPROVE, self.second, {"id": id}))["approveLegalRequest"]
        assert answer["status"] == "OPEN", answer
        return id

    async def close(self, id: str, token: str | None = None) -> Any:
        """Closes a request, by default as the first officer."""
        return (await self.world.data(CLOSE, token or self.first, {"id": id}))["closeLegalRequest"]

    async def read(self, token: str | None = None, subject: str | None = None) -> Any:
        """The subject as COMPLIANCE reads them."""
        return (await self.world.data(READ, token or self.second, {"id": subject or self.subject}))["user"]

    async def listed(self, token: str | None = None) -> list[Any]:
        """Every request in the list of an officer."""
        edges = (await self.world.data(LISTED, token or self.second, {"first": 100}))["legalRequests"]["edges"]
        return [edge["node"] for edge in edges]

    async def node(self, id: str, token: str | None = None) -> Any:
        """Reads a request by its id, in both ways."""
        found = await self.world.data(BY_NODE, token or self.second, {"id": id})
        assert [found["node"]] == found["nodes"]
        return found["node"]

    async def held_fields_of(self, subject: str | None = None) -> int:
        """The fields under a legal hold, as bits."""
        async with self.world.services.database.reading() as connection:
            id = subject or self.subject
            return (await held_fields(connection, [id], self.world.services.now())).get(id, 0)

    def after(self, **span: float) -> str:
        """A time in the future."""
        return (self.world.services.now() + timedelta(**span)).isoformat()

    def advance_clock(self, **span: float) -> None:
        """Moves the clock of the world forward."""
        now: Callable[[], datetime] = self.world.services.now
        self.world.services.now = lambda: now() + timedelta(**span)


async def office_of(world: World, **more: Any) -> ComplianceOffice:
    """Stores a subject and two compliance officers."""
    subject, mine = await world.member("subject@example.org", **more)
    recorder = await world.person("first@example.org")
    first = await world.token(Role.COMPLIANCE, recorder)
    second = await world.token(Role.COMPLIANCE, await world.person("second@example.org"))
    return ComplianceOffice(world, subject, mine, recorder, first, second)


def refused(code: str, field: str) -> dict[str, str]:
    """A refusal without its message."""
    return {"__typename": "Refusal", "code": code, "field": field}

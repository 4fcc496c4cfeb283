"""A subject, staff and a processor who may read them, and the documents that they send."""

from dataclasses import dataclass
from typing import Any

from tests.world import World


@dataclass
class Readers:
    """A subject, an agent and a compliance person who may read them, and a processor."""

    world: World
    subject: str
    mine: str
    tokens: dict[str, str]
    holders: dict[str, str]

    async def view(self, reason: str = "A letter.", fields: str = "withheld recipients { userId email }") -> Any:
        """Mandrill opens its view of the subject."""
        document = VIEW % ("MandrillView", fields)
        return await self.world.ask(document, self.tokens["processor"], {"ids": [self.subject], "reason": reason})


VIEW = """mutation ($ids: [ID!]!, $reason: String!) { openProcessorView(input: {userIds: $ids, reason: $reason}) {
  __typename ... on %s { %s } } }"""


READ = "query ($id: ID!) { user(id: $id) { id email city mobilePhone withheld { field } } }"


DISCLOSED = "id at audience recipient fields reason receipt"


MINE = f"{{ me {{ disclosures(first: 100) {{ edges {{ cursor node {{ {DISCLOSED} }} }} }} }} }}"


PAGE = f"""query ($first: Int, $after: String, $last: Int, $before: String) {{ me {{ disclosures(first: $first,
  after: $after, last: $last, before: $before) {{ edges {{ cursor node {{ {DISCLOSED} }} }}
  pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"""


NODE = "query ($id: ID!) { node(id: $id) { __typename ... on Disclosure { id receipt } } }"


async def read_by_all(readers: Readers) -> None:
    await readers.world.data(READ, readers.tokens["support"], {"id": readers.subject})
    await readers.world.data(READ, readers.tokens["compliance"], {"id": readers.subject})
    assert "errors" not in await readers.view()

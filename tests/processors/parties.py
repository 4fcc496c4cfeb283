"""A subject, working tokens of every processor, and the documents that the tests send."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from models.tables import OBJECTIONS
from permissions.version_numbers import current_version
from tests.expectation import BITS, PROCESSORS
from tests.world import GRAPHQL_NAMES, World

UNKNOWN = "0" * 32


REASON = "to answer a question"


VIEW_TYPES = {
    "INTERCOM": ("IntercomView", "contacts", "IntercomContact"),
    "MANDRILL": ("MandrillView", "recipients", "MandrillRecipient"),
    "MAILCHIMP": ("MailchimpView", "subscribers", "MailchimpSubscriber"),
    "GOOGLE_ANALYTICS": ("GoogleAnalyticsView", "visitors", "GoogleAnalyticsVisitor"),
}


COLUMNS = {
    "INTERCOM": ("EMAIL", "FIRST_NAME"),
    "MANDRILL": ("EMAIL", "FIRST_NAME", "LAST_NAME"),
    "MAILCHIMP": ("EMAIL",),
    "GOOGLE_ANALYTICS": ("IP_ADDRESS",),
}
"""The fields of each view. The first one is the key: a subject without it is withheld."""


NAMES = {
    "INTERCOM": "Intercom",
    "MANDRILL": "Mandrill",
    "MAILCHIMP": "Mailchimp",
    "GOOGLE_ANALYTICS": "Google Analytics",
}


WITHDRAWAL = "id userId fields withdrawnAt dueAt acknowledgedAt"


WITHDRAWALS_OF = f"""query ($first: Int, $after: String) {{ processorWithdrawals(first: $first, after: $after) {{
  edges {{ cursor node {{ {WITHDRAWAL} }} }} pageInfo {{ hasNextPage }} }} }}"""


ACKNOWLEDGE = "mutation ($ids: [ID!]!) { acknowledgeWithdrawals(ids: $ids) }"


STATE = "processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt"


STATES = f"{{ me {{ processors {{ {STATE} }} }} }}"


OBJECT = f"""mutation ($p: Processor!) {{ objectToProcessor(processor: $p) {{
  ... on ObjectionChanged {{ processor {{ {STATE} }} }} }} }}"""


ALLOW = f"""mutation ($p: Processor!) {{ withdrawObjection(processor: $p) {{
  ... on ObjectionChanged {{ processor {{ {STATE} }} }} }} }}"""


GRANT = """mutation ($v: String!, $p: Purpose = SOCIAL) { grantConsent(purpose: $p, policyVersion: $v) {
  __typename ... on ConsentChanged { consents { purpose granted } } ... on Refusal { code } } }"""


WITHDRAW = "mutation ($p: Purpose = SOCIAL) { withdrawConsent(purpose: $p) { __typename } }"


LOGIN = """mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) {
  ... on SignedIn { accessToken } ... on Refusal { code } } }"""


def document(processor: str, columns: tuple[str, ...] | None = None) -> str:
    """A document that opens a view with these columns, by default all columns of the processor."""
    view, rows, _ = VIEW_TYPES[processor]
    names = " ".join(GRAPHQL_NAMES[column] for column in (COLUMNS[processor] if columns is None else columns))
    return f"""mutation ($ids: [ID!]!, $reason: String!) {{
      openProcessorView(input: {{userIds: $ids, reason: $reason}}) {{
        __typename ... on ProcessorView {{ id processor openedAt reason withheld }}
      ... on {view} {{ {rows} {{ userId {names} }} }} ... on Refusal {{ code field }} }} }}"""


@dataclass
class Parties:
    """A subject and a valid token of every processor."""

    world: World
    subject: str
    mine: str
    tokens: dict[str, str]

    async def view(
        self, processor: str, *ids: str, columns: tuple[str, ...] | None = None, reason: str = REASON
    ) -> Any:
        """Opens a view, by default of the subject."""
        asked = {"ids": list(ids or (self.subject,)), "reason": reason}
        answer = await self.world.data(document(processor, columns), self.tokens[processor], asked)
        return answer["openProcessorView"]

    async def rows(self, processor: str, *ids: str, columns: tuple[str, ...] | None = None) -> list[Any]:
        """Opens a view and returns its rows."""
        rows: list[Any] = (await self.view(processor, *ids, columns=columns))[VIEW_TYPES[processor][1]]
        return rows

    async def withdrawals(self, processor: str) -> list[Any]:
        """The unacknowledged withdrawals of the processor."""
        answer = await self.world.data(WITHDRAWALS_OF, self.tokens[processor], {"first": 100})
        return [edge["node"] for edge in answer["processorWithdrawals"]["edges"]]

    async def acknowledge(self, processor: str, *ids: str) -> int:
        """Acknowledges withdrawals and returns the count."""
        answer = await self.world.data(ACKNOWLEDGE, self.tokens[processor], {"ids": list(ids)})
        return int(answer["acknowledgeWithdrawals"])

    async def acknowledge_all(self, processor: str) -> None:
        """Acknowledges every withdrawal of the processor."""
        await self.acknowledge(processor, *(each["id"] for each in await self.withdrawals(processor)))

    async def state(self, processor: str, token: str | None = None) -> Any:
        """What the subject sees about one processor."""
        states = (await self.world.data(STATES, token or self.mine))["me"]["processors"]
        assert [each["processor"] for each in states] == list(PROCESSORS)
        return next(each for each in states if each["processor"] == processor)

    async def as_subject(self, act: str, processor: str | None = None, token: str | None = None) -> Any:
        """Sends a mutation as the subject."""
        variables = {"p": processor} if processor else {"v": current_version().name} if act == GRANT else {}
        return next(iter((await self.world.data(act, token or self.mine, variables)).values()))

    def advance_clock(self, **span: float) -> None:
        """Moves the clock of the world forward."""
        now = self.world.services.now
        self.world.services.now = lambda: now() + timedelta(**span)


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    """An answer without these keys."""
    return {name: value for name, value in answer.items() if name not in names}


def bits(*fields: str) -> int:
    """Fields as the database stores them."""
    return sum(BITS[each] for each in fields)


async def stored_objections(world: World) -> list[Any]:
    """Every stored objection: processor, source, and whether it still counts."""
    async with world.services.database.reading() as connection:
        rows = await connection.execute(select(OBJECTIONS).order_by(OBJECTIONS.c.objected_at))
        return [(row.processor, row.source, row.withdrawn_at is None) for row in rows]

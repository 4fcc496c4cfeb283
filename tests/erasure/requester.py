"""A subject who requests erasure, and the documents for it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from models.vocabulary import Processor
from tests.identity import REFUSED, STRONG, Clock, sign_in
from tests.world import USER, World

REQUEST = f"""mutation ($p: String!, $c: String) {{ requestErasure(password: $p, code: $c) {{ __typename
  ... on ErasureScheduled {{ scheduledFor kept {{ what why until }} }} {REFUSED} }} }}"""
CANCEL = f"""mutation {{ cancelErasure {{ __typename ... on ErasureCancelled {{ cancelledAt }} {REFUSED} }} }}"""
ME = f"""{{ me {{ id user {{ {USER} }} emailVerified totpEnabled roles restricted hiddenFromMembers erasureScheduledFor
  consents {{ purpose granted status withdrawable policyVersion since erasesAt }}
  processors {{ processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt }}
  consentHistory {{ edges {{ node {{ id purpose granted policyVersion recordedAt source receipt }} }} }}
  disclosures {{ edges {{ node {{ id at audience recipient fields reason receipt }} }} }} }}
  supportCases {{ edges {{ node {{ id status reference reason extent assignedTo subject {{ email }} }} }} }} }}"""
STATES = "{ me { erasureScheduledFor consents { purpose granted status erasesAt } } }"
DIRECTORY = "{ users { edges { node { id email firstName } } } userMap { count place { country } } }"
ONE = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} node(id: $id) {{ id }} nodes(ids: [$id]) {{ id }} }}"
GRANT_ROLE = "mutation ($id: ID!, $until: DateTime!) { grantRole(userId: $id, role: SUPPORT, expiresAt: $until) }"
VIEWS = {
    Processor.INTERCOM: "... on IntercomView { withheld contacts { userId } }",
    Processor.MANDRILL: "... on MandrillView { withheld recipients { userId } }",
    Processor.MAILCHIMP: "... on MailchimpView { withheld subscribers { userId } }",
    Processor.GOOGLE_ANALYTICS: "... on GoogleAnalyticsView { withheld visitors { userId } }",
}
VIEW = """mutation ($ids: [ID!]!) {{ openProcessorView(input: {{userIds: $ids, reason: "News."}}) {{ {} }} }}"""
GRANT = """mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename
  ... on ConsentChanged { consents { purpose granted status erasesAt } } } }"""
WITHDRAW = """mutation { withdrawConsent(purpose: EXPANSION) { ... on ConsentChanged {
  consents { purpose granted status erasesAt } } } }"""
GRACE = timedelta(days=30)


@dataclass
class Requester:
    """A subject with a password and a session, a clock, and the session of another member."""

    world: World
    clock: Clock
    id: str
    token: str
    fellow_token: str
    since: datetime = field(init=False)

    async def request(self, password: str = STRONG, code: str | None = None, token: str | None = None) -> Any:
        """Calls `requestErasure` and returns its answer."""
        self.since = self.clock.at
        given = {"p": password, "c": code}
        return (await self.world.data(REQUEST, token or self.token, given))["requestErasure"]

    async def cancel(self, token: str | None = None) -> Any:
        """Calls `cancelErasure` and returns its answer."""
        return (await self.world.data(CANCEL, token or self.token))["cancelErasure"]

    async def sign_in_again(self) -> str:
        """Opens a new session and returns its token."""
        self.token = (await sign_in(self.world, "p@example.org"))["accessToken"]
        return self.token

    async def request_and_return(self) -> str:
        """Requests erasure and signs in again."""
        assert (await self.request())["__typename"] == "ErasureScheduled"
        return await self.sign_in_again()

    async def leaving_since(self) -> datetime | None:
        """Reads since when the account is leaving."""
        found: datetime | None = (await self.world.account(self.id)).leaving_since
        return found

    @property
    def ends(self) -> str:
        """Returns when the account will be erased."""
        return instant_text(self.since + GRACE)


def instant_text(at: datetime) -> str:
    """Formats an instant as the API does."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

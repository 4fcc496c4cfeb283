"""Documents and people that several tests of erasure share."""

from sqlalchemy import text

from models.vocabulary import Processor, Role
from tests.retention import DAY, RetentionHarness
from tests.world import USER

VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "ticket of Amara"}) {
  ... on MandrillView { recipients { userId email firstName lastName } } } }"""
WITHDRAWN = "{ processorWithdrawals { edges { node { id userId fields } } } }"
DECIDE = """mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }"""
GRANT = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"
STATES = "{ me { consents { purpose status erasesAt } } }"
READ = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"


async def compliance_token(harness: RetentionHarness) -> str:
    """A token of READ that lasts."""
    holder = await harness.world.person("officer@example.org", profile={}, preRegistration={})
    return await harness.world.token(Role.COMPLIANCE, holder, expires_at=harness.clock.at + 400 * DAY)


async def extend_grants(harness: RetentionHarness) -> None:
    """Extends all staff roles to the end of the longest token."""
    async with harness.world.services.database.writing() as connection:
        await connection.execute(
            text("UPDATE role_grants SET expires_at = (SELECT max(expires_at) FROM access_tokens)")
        )


async def open_views(harness: RetentionHarness, many: int) -> None:
    """Opens `many` processor views of one person, so that the ledger has entries."""
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    token = await harness.world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    for _ in range(many):
        await harness.world.data(VIEW, token, {"ids": [id]})

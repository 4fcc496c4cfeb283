"""A client that does not know the outcome of a mutation may send it again: the second time changes nothing."""

from typing import Any, Final

import pytest

from models.vocabulary import Role
from permissions.graphql.root_field_rules import REPEATABLE_MUTATIONS
from permissions.version_numbers import current_version
from tests.http.requests import all_rows
from tests.processors.parties import ACKNOWLEDGE, WITHDRAW, Parties
from tests.world import PASSWORD

BY_MEMBER: Final = {
    "grantConsent": f'grantConsent(purpose: EXPANSION, policyVersion: "{current_version().name}")',
    "withdrawConsent": "withdrawConsent(purpose: SOCIAL)",
    "objectToProcessor": "objectToProcessor(processor: MAILCHIMP)",
    "withdrawObjection": "withdrawObjection(processor: INTERCOM)",
    "restrictProcessing": "restrictProcessing",
    "liftRestriction": "liftRestriction",
    "updateProfile": 'updateProfile(input: {firstName: "Ada", city: null})',
    "updatePreRegistration": 'updatePreRegistration(input: {company: "Works"})',
    "setHiddenFromMembers": "setHiddenFromMembers(fields: [CITY, ABOUT])",
    "requestErasure": f'requestErasure(password: "{PASSWORD}")',
}
BEFORE: Final = {
    "liftRestriction": "restrictProcessing",
    "withdrawObjection": "objectToProcessor(processor: INTERCOM)",
    "updatePreRegistration": BY_MEMBER["grantConsent"],
}
"""What each of them ends."""


def test_every_mutation_that_may_be_sent_again_is_tried() -> None:
    assert {*BY_MEMBER, "acknowledgeWithdrawals"} == set(REPEATABLE_MUTATIONS)


@pytest.mark.parametrize("name", BY_MEMBER)
async def test_what_a_member_sends_again_changes_nothing(parties: Parties, name: str) -> None:
    world = parties.world
    id = await world.person("again@example.org", ["SOCIAL", "EXPANSION"], password=PASSWORD)
    database = world.services.database

    async def send(field: str) -> Any:
        token = await world.token(Role.MEMBER, id)  # an erasure ends all sessions
        return await world.data(f"mutation {{ {field} {{ __typename }} }}", token)

    async def state() -> dict[str, list[Any]]:
        return {table: rows for table, rows in (await all_rows(database)).items() if table != "access_tokens"}

    if name in BEFORE:
        await send(BEFORE[name])
    untouched = await state()
    first = await send(BY_MEMBER[name])
    after = await state()
    if name != "grantConsent":
        assert after != untouched, "the first one takes effect"
    parties.advance_clock(minutes=1)
    assert await send(BY_MEMBER[name]) == first
    assert await state() == after


async def test_an_acknowledgement_sent_again_changes_nothing(parties: Parties) -> None:
    await parties.view("MAILCHIMP")
    await parties.as_subject(WITHDRAW)
    asked = {"ids": [each["id"] for each in await parties.withdrawals("MAILCHIMP")]}
    first = await parties.world.data(ACKNOWLEDGE, parties.tokens["MAILCHIMP"], asked)
    after = await all_rows(parties.world.services.database)
    parties.advance_clock(minutes=1)
    assert (
        await parties.world.data(ACKNOWLEDGE, parties.tokens["MAILCHIMP"], asked)
        == first
        == {"acknowledgeWithdrawals": 1}
    )
    assert await all_rows(parties.world.services.database) == after

"""Consent of a person with an unverified address."""

from permissions.version_numbers import current_version
from tests.world import World


async def test_an_unverified_address_stores_nothing_new_and_shows_the_erasure_date(world: World) -> None:
    _, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"), emailVerified=False)
    states = (await world.data("{ me { consents { status granted erasesAt } } }", mine))["me"]["consents"]
    assert [(each["status"], each["granted"], each["erasesAt"] is not None) for each in states[1:]] == [
        ("GRANTED", False, True)
    ] * 2
    update_one = 'mutation { updateProfile(input: {lastName: "Later"}) { ... on Refusal { code } } }'
    assert (await world.data(update_one, mine))["updateProfile"] == {"code": "EMAIL_NOT_VERIFIED"}
    again = """mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) {
      ... on ConsentChanged { consents { erasesAt } } } }"""
    changed = (await world.data(again, mine, {"v": current_version().name}))["grantConsent"]["consents"]
    assert changed[1]["erasesAt"] == states[1]["erasesAt"]

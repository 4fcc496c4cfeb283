"""A grant that does not count says what it waits for, and a refused change says the same."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from models.vocabulary import Purpose
from permissions import policy
from permissions.policy import VERSIONS, Version
from permissions.version_numbers import current_version
from tests.world import World, line

STATES = "{ me { consents { purpose granted status waitsFor } } }"
UPDATES = {
    "SOCIAL": 'mutation { updateProfile(input: { city: "Pau" }) { __typename ... on Refusal { code field } } }',
    "EXPANSION": """mutation { updatePreRegistration(input: { company: "C" }) {
      __typename ... on Refusal { code field } } }""",
}
GRANTS = ("NEVER", "WITHDRAWN", "OUTDATED", "CURRENT")


def waits(grant: str, *, verified: bool) -> str | None:
    """Returns the expected wait."""
    if grant == "OUTDATED":
        return "RENEWAL"
    return "EMAIL_VERIFICATION" if grant == "CURRENT" and not verified else None


def refusal(grant: str, *, verified: bool) -> dict[str, Any] | None:
    """Returns the expected refusal of a change that needs the grant, or None if it is allowed."""
    if grant == "CURRENT":
        return None if verified else {"code": "EMAIL_NOT_VERIFIED", "field": None}
    return {"code": "CONSENT_REQUIRED", "field": "input"}


@pytest.mark.parametrize(("purpose", "verified"), [*product(UPDATES, (True, False))])
async def test_each_state_of_a_grant_says_what_it_waits_for(
    world: World, monkeypatch: pytest.MonkeyPatch, purpose: str, verified: bool
) -> None:
    later = Version("2027-09-09", datetime(2027, 9, 9, tzinfo=UTC), (Purpose.SOCIAL, Purpose.EXPANSION))
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS, later))
    at = world.services.now() - timedelta(days=1)
    records = {
        "NEVER": [],
        "WITHDRAWN": [{"granted": True}, {"granted": False}],
        "OUTDATED": [{"granted": True, "policyVersion": VERSIONS[0].name}],
        "CURRENT": [{"granted": True}],
    }
    for grant in GRANTS:
        consents = [
            {"purpose": purpose, "policyVersion": current_version().name, "at": at.isoformat(), **record}
            for record in records[grant]
        ]
        email = f"{grant}@example.org"
        (holder,) = await world.store_people({**line(email, (), emailVerified=verified), "consents": consents})
        token = await world.token(holder=holder)
        states = {each["purpose"]: each for each in (await world.data(STATES, token))["me"]["consents"]}
        expected = waits(grant, verified=verified)
        assert {name: each["waitsFor"] for name, each in states.items()} == {
            **dict.fromkeys(states),
            purpose: expected,
        }, grant
        assert states[purpose]["granted"] is (grant == "CURRENT" and verified)
        (answer,) = (await world.data(UPDATES[purpose], token)).values()
        refused = refusal(grant, verified=verified)
        assert answer == ({"__typename": "Refusal", **refused} if refused else {"__typename": "ProfileUpdated"}), grant

"""Grants and withdrawals take effect with the next read, and the history records them."""

from typing import Any

import pytest
from sqlalchemy import select

from models.logs import hash_chain
from models.tables import CONSENT_RECORDS
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from permissions.version_numbers import current_version
from schema.build import build
from tests.identity import STRONG, Clock, enrol_authenticator, sign_in
from tests.world import World, codes

READ = "query ($id: ID!) { user(id: $id) { id firstName withheld { field } } }"
WITHDRAW = """mutation ($purpose: Purpose!) { withdrawConsent(purpose: $purpose) {
  ... on ConsentChanged { record { id granted purpose source receipt } consents { purpose granted status policyVersion
    since erasesAt withdrawable } }
  ... on Refusal { code field } } }"""
GRANT = """mutation ($purpose: Purpose!, $version: String!) { grantConsent(purpose: $purpose, policyVersion: $version) {
  ... on ConsentChanged { record { id granted } consents { purpose granted status erasesAt } }
  ... on Refusal { code field } } }"""


async def test_grants_and_withdrawals_take_effect_with_the_next_read(world: World) -> None:
    subject, mine = await world.member("subject@example.org")
    _, other = await world.member("reader@example.org")
    assert (await world.data(READ, other, {"id": subject}))["user"]["firstName"] == "Amara"
    assert len((await world.data("{ users { edges { node { id } } } }", other))["users"]["edges"]) == 2

    changed = (await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"}))["withdrawConsent"]
    assert changed["record"]["granted"] is False
    assert (await world.data(READ, other, {"id": subject}))["user"] is None
    assert len((await world.data("{ users { edges { node { id } } } }", other))["users"]["edges"]) == 1
    assert (await world.data("{ userMap { count } }", other))["userMap"] == [{"count": 1}]

    await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name})
    assert (await world.data(READ, other, {"id": subject}))["user"]["firstName"] == "Amara"
    assert (await world.data("{ userMap { count } }", other))["userMap"] == [{"count": 2}]


async def test_withdrawing_returns_the_erasure_date_and_granting_removes_it(world: World) -> None:
    _, mine = await world.member("subject@example.org")
    states = (await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"}))["withdrawConsent"]["consents"]
    social = states[1]
    assert (social["status"], social["granted"], social["withdrawable"]) == ("WITHDRAWN", False, True)
    assert social["erasesAt"] > social["since"]
    states = (await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name}))["grantConsent"][
        "consents"
    ]
    assert states[1] == {"purpose": "SOCIAL", "granted": True, "status": "GRANTED", "erasesAt": None}


async def test_withdrawing_is_as_easy_as_granting(world: World) -> None:
    """GDPR Art. 7(3): neither requires a password or code, even with two-factor sign-in, and limits are equal."""
    clock = Clock(world)
    await world.person("subject@example.org", (), password=STRONG)
    mine = (await sign_in(world, "subject@example.org"))["accessToken"]
    await enrol_authenticator(world, mine)
    clock.forward(minutes=10)
    granted = (await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name}))["grantConsent"]
    withdrawn = (await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"}))["withdrawConsent"]
    assert [each["record"]["granted"] for each in (granted, withdrawn)] == [True, False]
    fields: Any = build().graphql.type_map["Mutation"]
    taken = {name: set(fields.fields[name].args) for name in ("grantConsent", "withdrawConsent")}
    assert taken == {"grantConsent": {"purpose", "policyVersion"}, "withdrawConsent": {"purpose"}}
    grant, withdraw = (ROOT_FIELD_RULES[f"Mutation.{name}"] for name in taken)
    assert grant == withdraw


async def test_service_cannot_be_withdrawn(world: World) -> None:
    _, mine = await world.member("subject@example.org")
    answer = (await world.data(WITHDRAW, mine, {"purpose": "SERVICE"}))["withdrawConsent"]
    assert answer == {"code": "CONSENT_MANDATORY", "field": "purpose"}


async def test_a_grant_must_name_the_current_version(world: World) -> None:
    _, mine = await world.member("subject@example.org", ())
    answer = (await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": "1999-01-01"}))["grantConsent"]
    assert answer == {"code": "POLICY_VERSION_OUTDATED", "field": "policyVersion"}


async def test_repeating_a_decision_changes_nothing(world: World) -> None:
    _, mine = await world.member("subject@example.org", ())
    history = "{ me { consentHistory { edges { node { id granted } } } } }"
    first = (await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"}))["withdrawConsent"]["record"]["id"]
    again = (await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"}))["withdrawConsent"]["record"]["id"]
    assert first == again
    granted = (await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name}))["grantConsent"]
    again = (await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name}))["grantConsent"]
    assert granted["record"] == again["record"]
    edges = (await world.data(history, mine))["me"]["consentHistory"]["edges"]
    assert [edge["node"]["granted"] for edge in edges] == [True, False]


async def test_consent_records_form_a_hash_chain(world: World) -> None:
    _, mine = await world.member("subject@example.org", ("SOCIAL", "EXPANSION"))
    for _ in range(3):
        await world.data(WITHDRAW, mine, {"purpose": "SOCIAL"})
        await world.data(GRANT, mine, {"purpose": "SOCIAL", "version": current_version().name})
    async with world.services.database.reading() as connection:
        rows = (await connection.execute(select(CONSENT_RECORDS).order_by(CONSENT_RECORDS.c.sequence))).mappings().all()
    records = [dict(row) for row in rows]
    assert len(records) == 8
    assert hash_chain.first_break(world.services.keys, hash_chain.CONSENT, records) is None
    for place in range(len(records)):
        changed = [dict(record) for record in records]
        changed[place]["granted"] = not changed[place]["granted"]
        assert hash_chain.first_break(world.services.keys, hash_chain.CONSENT, changed) == place + 1
        without = records[:place] + records[place + 1 :]
        missed = hash_chain.first_break(world.services.keys, hash_chain.CONSENT, without)
        assert missed == (place + 1 if place + 1 < len(records) else None)


@pytest.mark.parametrize("role", ["SUPPORT", "ANALYTICS", "COMPLIANCE", "OPERATIONS"])
async def test_staff_tokens_cannot_change_consent(world: World, role: str) -> None:
    from models.vocabulary import Role

    holder = await world.person("staff@example.org")
    token = await world.token(Role(role), holder)
    answer = await world.ask(WITHDRAW, token, {"purpose": "SOCIAL"})
    assert answer["data"]["withdrawConsent"]["code"] == "NOT_PERMITTED"
    assert codes(answer) == []


async def test_no_purpose_stands_for_an_unverified_subject(world: World) -> None:
    subject, mine = await world.member("subject@example.org", emailVerified=False)
    _, other = await world.member("reader@example.org")
    assert (await world.data(READ, other, {"id": subject}))["user"] is None
    states = (await world.data("{ me { consents { status granted } } }", mine))["me"]["consents"]
    assert states[1] == {"status": "GRANTED", "granted": False}

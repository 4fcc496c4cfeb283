"""Fields under legal hold remain until the request ends, and nothing else does."""

import json

import pytest
from sqlalchemy import select

from models.tables import ACCOUNTS, CREDENTIALS, HELD_FORMS, HELD_PROFILES, PROFILES, READINGS
from permissions.policy import VERSIONS
from tests.erasure.documents import DECIDE, GRANT, READ, compliance_token, extend_grants
from tests.retention import DAY, RetentionHarness
from tests.world import FORM, USER


async def test_only_fields_under_legal_hold_remain_until_the_request_ends(
    harness: RetentionHarness,
) -> None:
    token = await compliance_token(harness)
    await extend_grants(harness)
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    first = await harness.open_legal_request(id, "FIRST_NAME", "PRE_REGISTRATION", "EMAIL")
    second = await harness.open_legal_request(id, "FIRST_NAME", "IP_ADDRESS", days=3)
    await harness.open_legal_request(id, "ABOUT", approved_at=None)
    assert await harness.run() == {"accounts": 1}
    assert await harness.run() == {}
    seen = (await harness.world.data(READ, token, {"id": id}))["user"]
    kept = {"email": "p@example.org", "ipAddress": "90.190.1.7", "firstName": "Amara", "preRegistration": FORM}
    assert {name: value for name, value in seen.items() if value and name not in ("id", "withheld")} == kept
    assert await harness.rows(PROFILES, PROFILES.c.subject_id == id) == []
    assert await harness.rows(CREDENTIALS, CREDENTIALS.c.subject_id == id) == []
    harness.clock.at += 3 * DAY
    assert await harness.run() == {"held_back": 1}, f"{second} expired"
    async with harness.world.services.database.reading() as connection:
        stored = (await connection.execute(select(ACCOUNTS, HELD_PROFILES).join(HELD_PROFILES))).one()
    assert {"p@example.org", "Amara"} <= set(stored)
    assert "90.190.1.7" not in stored
    await harness.close_legal_request(first)
    assert await harness.run() == {"held_back": 1}
    assert [await harness.count(table) for table in (HELD_PROFILES, HELD_FORMS)] == [0, 0]
    assert id not in [row.id for row in await harness.rows(ACCOUNTS)]


async def test_the_reasons_of_a_request_are_cleared_when_it_ends(harness: RetentionHarness) -> None:
    token = await compliance_token(harness)
    await extend_grants(harness)
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.request_erasure(id)
    request = await harness.open_legal_request(id, "FIRST_NAME")
    await harness.world.data(READ, token, {"id": id})
    harness.clock.at += 30 * DAY
    await harness.run()
    await harness.world.data(READ, token, {"id": id})
    assert [row.reason is None for row in await harness.rows(READINGS)] == [True, False]
    await harness.close_legal_request(request)
    await harness.run()
    assert [(row.reason, row.salt) for row in await harness.rows(READINGS)] == [(None, None)] * 2


async def test_a_hold_on_empty_fields_keeps_no_account(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", profile={"firstName": "Amara"}, ipAddress=None, preRegistration={})
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    await harness.open_legal_request(id, "CITY", "IP_ADDRESS", "PRE_REGISTRATION")
    assert await harness.run() == {"accounts": 1}
    assert await harness.rows(ACCOUNTS) == []


@pytest.mark.parametrize("grants_again", [False, True])
async def test_a_secret_request_is_invisible_to_its_subject(harness: RetentionHarness, grants_again: bool) -> None:
    token = await compliance_token(harness)
    await extend_grants(harness)
    twins = [await harness.world.member(f"twin{n}@example.org") for n in range(2)]
    _, other = await harness.world.member("o@example.org", profile={}, preRegistration={})
    await harness.extend_sessions()
    for _, mine in twins:
        await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 30 * DAY
    request = await harness.open_legal_request(
        twins[1][0], "FIRST_NAME", "CITY", notice_after=harness.clock.at + 200 * DAY
    )
    assert await harness.run() == {"lapsed_purposes": 4}
    if grants_again:
        for _, mine in twins:
            await harness.world.data(GRANT, mine, {"v": VERSIONS[-1].name})
    seen = []
    for n, (id, mine) in enumerate(twins):
        own = await harness.world.ask(f"{{ me {{ user {{ {USER} }} consents {{ status granted erasesAt }} }} }}", mine)
        answers = [own, *[await harness.world.ask(READ, who, {"id": id}) for who in (mine, other)]]
        seen.append(json.dumps(answers).replace(id, "ID").replace(f"twin{n}", "TWIN"))
    assert seen[0] == seen[1]
    found = (await harness.world.data(READ, token, {"id": twins[1][0]}))["user"]
    assert (found["firstName"], found["city"], found["lastName"]) == ("Amara", "Tallinn", None)
    await harness.close_legal_request(request)
    assert await harness.run() == {"held_back": 1}
    assert await harness.count(HELD_PROFILES) == 0

"""Changes to the caller's own record, and the fields that they hide."""

from typing import Any

import pytest
from sqlalchemy import func, select

from models.tables import PRE_REGISTRATIONS, PROFILES
from permissions.version_numbers import current_version
from tests.world import FORM, PROFILE, World, codes

UPDATE = """mutation ($input: ProfileInput!) { updateProfile(input: $input) {
  ... on ProfileUpdated { user { firstName lastName country city publicPages { title url body } avatarUrl } }
  ... on Refusal { code field } } }"""
FORM_UPDATE = """mutation ($input: PreRegistrationInput!) { updatePreRegistration(input: $input) {
  ... on ProfileUpdated { user { country organization preRegistration { country organization jobRole } } }
  ... on Refusal { code field } } }"""
HIDE = """mutation ($fields: [PersonalField!]!) { setHiddenFromMembers(fields: $fields) {
  ... on ProfileUpdated { user { id } } ... on Refusal { code } } }"""


async def update(world: World, token: str, input: dict[str, Any], document: str = UPDATE) -> Any:
    return next(iter((await world.data(document, token, {"input": input})).values()))


async def test_a_missing_field_is_unchanged_and_null_or_blank_clears_it(world: World) -> None:
    _, mine = await world.member("p@example.org")
    user = (await update(world, mine, {"firstName": "Béa", "lastName": None, "city": "  "}))["user"]
    assert (user["firstName"], user["lastName"], user["city"], user["country"]) == ("Béa", None, None, "EE")
    assert user["publicPages"] == PROFILE["publicPages"]
    user = (
        await update(world, mine, {"publicPages": [{"title": "T", "url": "https://t.example.org"}], "country": "fr"})
    )["user"]
    assert user["publicPages"] == [{"title": "T", "url": "https://t.example.org", "body": None}]
    assert user["country"] == "FR"


async def test_storing_a_value_requires_its_purpose(world: World) -> None:
    _, mine = await world.member("p@example.org", (), profile={}, preRegistration={})
    assert await update(world, mine, {"firstName": "Béa"}) == {"code": "CONSENT_REQUIRED", "field": "input"}
    assert await update(world, mine, {"jobRole": "x"}, FORM_UPDATE) == {"code": "CONSENT_REQUIRED", "field": "input"}
    assert "user" in await update(world, mine, {"firstName": None})
    assert "user" in await update(world, mine, {"jobRole": None}, FORM_UPDATE)
    async with world.services.database.reading() as connection:
        for table in (PROFILES, PRE_REGISTRATIONS):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0
    grant = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"
    await world.data(grant, mine, {"v": current_version().name})
    assert (await update(world, mine, {"firstName": "Béa"}))["user"]["firstName"] == "Béa"


async def test_the_form_and_the_profile_have_separate_country_and_organization(world: World) -> None:
    _, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    user = (await update(world, mine, {"country": "JP", "organization": None}, FORM_UPDATE))["user"]
    assert user == {
        "country": "EE",
        "organization": "Plate Works",
        "preRegistration": {"country": "JP", "organization": None, "jobRole": FORM["jobRole"]},
    }


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"country": "XX"}, "country"),
        ({"country": "Germany"}, "country"),
        ({"avatarUrl": "javascript:alert(1)"}, "avatarUrl"),
        ({"wallpaperUrl": "no address"}, "wallpaperUrl"),
        ({"mobilePhone": "call me"}, "mobilePhone"),
        ({"firstName": "a\0b"}, "firstName"),
        ({"firstName": "x" * 201}, "firstName"),
        ({"about": "x" * 4001}, "about"),
        ({"publicPages": [{"title": " ", "url": "https://t.example.org"}]}, "publicPages.0.title"),
        ({"publicPages": [{"title": "t", "url": "ftp://t.example.org"}]}, "publicPages.0.url"),
        ({"publicPages": [{"title": "t", "url": "https://t.example.org"}] * 21}, "publicPages"),
    ],
)
async def test_a_refused_value_is_named_and_nothing_changes(world: World, input: dict[str, Any], field: str) -> None:
    _, mine = await world.member("p@example.org")
    assert await update(world, mine, {"lastName": "Changed", **input}) == {
        "code": "INVALID_INPUT",
        "field": f"input.{field}",
    }
    assert (await world.data("{ me { user { lastName } } }", mine))["me"]["user"]["lastName"] == PROFILE["lastName"]


@pytest.mark.parametrize("smuggled", ["email", "id", "roles", "ipAddress", "hidden"])
async def test_no_other_column_can_be_set(world: World, smuggled: str) -> None:
    _, mine = await world.member("p@example.org")
    response = await world.post(UPDATE, mine, {"input": {smuggled: "S3cr3t"}})
    assert response.status_code == 400
    assert "S3cr3t" not in response.text
    assert codes(response.json()) == ["BAD_USER_INPUT"]


async def test_hidden_from_members_lists_exactly_the_hidden_fields(world: World) -> None:
    id, mine = await world.member("p@example.org")
    _, other = await world.member("o@example.org")
    read = "query ($id: ID!) { user(id: $id) { firstName city withheld { field reason } } }"
    await world.data(HIDE, mine, {"fields": ["CITY", "CITY", "ABOUT"]})
    seen = (await world.data(read, other, {"id": id}))["user"]
    assert (seen["firstName"], seen["city"]) == ("Amara", None)
    assert {"field": "CITY", "reason": "HIDDEN"} in seen["withheld"]
    assert (await world.data("{ me { hiddenFromMembers } }", mine))["me"]["hiddenFromMembers"] == ["CITY", "ABOUT"]
    await world.data(HIDE, mine, {"fields": []})
    assert (await world.data(read, other, {"id": id}))["user"]["city"] == "Tallinn"


async def test_a_subject_who_hides_every_field_is_absent(world: World) -> None:
    id, mine = await world.member("p@example.org")
    _, other = await world.member("o@example.org")
    from tests.world import EVERY_FIELD

    await world.data(HIDE, mine, {"fields": list(EVERY_FIELD)})
    assert (await world.data("query ($id: ID!) { user(id: $id) { id } }", other, {"id": id}))["user"] is None
    assert id not in str(await world.data("{ users { edges { node { id } } } }", other))
    assert id in str(await world.data("{ users { edges { node { id } } } }", mine)), "but not for themself"


async def test_a_new_account_hides_the_most_private_fields(world: World) -> None:
    from tests.world import line

    usual = line("p@example.org")
    del usual["hidden"]
    (id,) = await world.store_people(usual)
    mine = await world.token(holder=id)
    hidden = (await world.data("{ me { hiddenFromMembers } }", mine))["me"]["hiddenFromMembers"]
    assert hidden == ["EMAIL", "MOBILE_PHONE", "STREET_ADDRESS"]


async def test_each_mutation_of_a_document_commits_separately(world: World) -> None:
    _, mine = await world.member("p@example.org")
    answer = await world.ask(
        """mutation { a: updateProfile(input: {firstName: "Béa"}) { __typename }
        b: grantRole(userId: "x", role: SUPPORT, expiresAt: "2030-01-01T00:00:00Z")
        c: updateProfile(input: {country: "XX"}) { __typename }
        d: updateProfile(input: {city: "Pau"}) { __typename } }""",
        mine,
    )
    assert [answer["data"][key] and answer["data"][key]["__typename"] for key in "abcd"] == [
        "ProfileUpdated",
        None,
        "Refusal",
        "ProfileUpdated",
    ]
    assert codes(answer) == ["FORBIDDEN"]
    user = (await world.data("{ me { user { firstName city country } } }", mine))["me"]["user"]
    assert user == {"firstName": "Béa", "city": "Pau", "country": "EE"}


async def test_node_returns_every_type_only_to_callers_who_reach_it(world: World) -> None:
    id, mine = await world.member("p@example.org")
    _, other = await world.member("o@example.org")
    mine_all = (
        await world.data("{ me { id user { id } consentHistory { edges { node { id } } } sessions { id } } }", mine)
    )["me"]
    ids = {
        "Account": mine_all["id"],
        "User": mine_all["user"]["id"],
        "ConsentRecord": mine_all["consentHistory"]["edges"][0]["node"]["id"],
        "Session": mine_all["sessions"][0]["id"],
    }
    assert len(set(ids.values())) == 4
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for kind, each in ids.items():
        assert (await world.data(node, mine, {"id": each}))["node"] == {"__typename": kind, "id": each}
        foreign = await world.post(node, other, {"id": each})
        unknown = await world.post(node, other, {"id": "f" * 32})
        if kind != "User":
            assert foreign.content == unknown.content
    assert id == ids["User"]

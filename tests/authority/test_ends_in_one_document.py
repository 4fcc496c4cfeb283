"""After a root field ends the authority of its document, the later ones act no more."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from models.vocabulary import Role
from tests.world import World, codes

PROFILE_CHANGE = 'updateProfile(input: { about: "after" }) { __typename }'


async def own_token(world: World, token: str) -> str:
    """The id of a role token, as its holder in OPERATIONS lists it."""
    page = await world.data("{ roleTokens(first: 1) { edges { node { id } } } }", token)
    return str(page["roleTokens"]["edges"][0]["node"]["id"])


async def test_after_the_end_of_its_session_a_member_changes_nothing(world: World) -> None:
    id, _ = await world.member("p@example.org")
    for end in ("logout", "revokeSession(id: $id)"):
        mine = await world.token(holder=id)
        sessions = (await world.data("{ me { sessions { id current } } }", mine))["me"]["sessions"]
        (current,) = [each["id"] for each in sessions if each["current"]]
        begin = "mutation ($id: ID!)" if "$id" in end else "mutation"
        given = {"id": current} if "$id" in end else None
        invalid = 'b: updateProfile(input: { mobilePhone: "no" }) { __typename }'
        response = await world.post(f"{begin} {{ end: {end} a: {PROFILE_CHANGE} {invalid} }}", mine, given)
        answer = response.json()
        assert (response.status_code, answer["data"]) == (200, {"end": True, "a": None, "b": None})
        assert codes(answer) == ["UNAUTHENTICATED"] * 2


async def test_after_the_end_of_its_token_operations_acts_no_more(world: World) -> None:
    boss, friend = [await world.person(f"{name}@example.org") for name in ("boss", "friend")]
    token = await world.token(Role.OPERATIONS, boss)
    until = (world.services.now() + timedelta(days=1)).isoformat()
    document = """mutation ($id: ID!, $friend: ID!, $until: DateTime!) { revokeRoleToken(id: $id)
      grantRole(userId: $friend, role: SUPPORT, expiresAt: $until)
      issueProcessorToken(processor: MAILCHIMP, expiresAt: $until) { __typename } }"""
    given = {"id": await own_token(world, token), "friend": friend, "until": until}
    answer = await world.ask(document, token, given)
    assert answer["data"] == {"revokeRoleToken": True, "grantRole": None, "issueProcessorToken": None}
    assert codes(answer) == ["UNAUTHENTICATED"] * 2


async def test_after_the_end_of_its_role_operations_is_told_so(world: World) -> None:
    boss, friend = [await world.person(f"{name}@example.org") for name in ("boss", "friend")]
    token = await world.token(Role.OPERATIONS, boss)
    until = (world.services.now() + timedelta(days=1)).isoformat()
    document = """mutation ($me: ID!, $friend: ID!, $until: DateTime!) { revokeRole(userId: $me, role: OPERATIONS)
      grantRole(userId: $friend, role: SUPPORT, expiresAt: $until)
      issueProcessorToken(processor: MAILCHIMP, expiresAt: $until) { ... on Refusal { code } } }"""
    response = await world.post(document, token, {"me": boss, "friend": friend, "until": until})
    answer: dict[str, Any] = response.json()
    assert response.status_code == 200
    assert answer["data"] == {
        "revokeRole": True,
        "grantRole": None,
        "issueProcessorToken": {"code": "NOT_PERMITTED"},
    }
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]) == (["grantRole"], {"code": "FORBIDDEN", "reason": "ROLE"})


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE])
async def test_a_role_that_expires_during_a_request_reads_nothing_more(
    world: World, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, reader = [await world.person(f"{name}@example.org") for name in ("subject", "reader")]
    start = world.services.now()
    token = await world.token(role, reader, expires_at=start + timedelta(days=60))
    clock = itertools.chain([start], itertools.repeat(start + timedelta(days=31)))
    monkeypatch.setattr(world.services, "now", lambda: next(clock))  # the authentication is the first to ask
    answer = await world.ask("query ($id: ID!) { user(id: $id) { id } }", token, {"id": subject})
    assert (answer["data"], codes(answer)) == ({"user": None}, ["FORBIDDEN"])

"""A field that the caller's role can never read is refused by document and role, before any read."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values

from app.graphql.document_limits import MAX_ALIASES
from models.vocabulary import Processor, Role
from permissions.caller import Caller
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES, RootFieldRule
from schema.build import build
from tests import expectation
from tests.expectation import ALL_FIELDS, FIELDS
from tests.permissions.schemas import EVERY_SELECTION, SUBSELECTIONS
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, World, line

UNKNOWN = "0" * 32
ROLE_MAY_NOT = {"code": "FORBIDDEN", "reason": "ROLE"}


def refused_below(root: str, *fields: str) -> dict[str, Any]:
    """Returns the entry of `extensions.refusedFields` for these fields below a root field, in this order."""
    return {"path": [root], "fields": [f"User.{GRAPHQL_NAMES[field]}" for field in fields]}


def refusals_of(fields: Sequence[str] | frozenset[str], *roots: str) -> list[dict[str, Any]]:
    """Returns the entries for root fields that select every field, in the policy's order."""
    refused = [field for field in FIELDS if field in fields]
    return [refused_below(root, *refused) for root in roots] if refused else []


def refused_fields(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns `extensions.refusedFields` of an answer. Without refused fields there are no extensions."""
    extensions = answer.get("extensions", {"refusedFields": []})
    assert list(extensions) == ["refusedFields"]
    assert "extensions" not in answer or extensions["refusedFields"]
    return list(extensions["refusedFields"])


async def token_of(world: World, role: Role) -> str | None:
    """Returns a token of this role, whose holder consents to every purpose."""
    if role is Role.ANONYMOUS:
        return None
    if role is Role.PROCESSOR:
        return await world.token(role, processor=Processor.INTERCOM)
    return await world.token(role, await world.person(f"{role.value}@example.org", ("SOCIAL", "EXPANSION")))


def unreachable(role: Role) -> frozenset[str]:
    """Returns the fields that no audience of this role can ever read."""
    return ALL_FIELDS - expectation.possible_fields(*expectation.AUDIENCES_OF_ROLE[role])


@pytest.mark.parametrize("role", Role)
async def test_each_root_field_lists_the_fields_that_the_role_can_never_read(world: World, role: Role) -> None:
    token = await token_of(world, role)
    known = await world.person("subject@example.org")
    refused_root = role in (Role.ANALYTICS, Role.OPERATIONS, Role.PROCESSOR)
    for named in (known, UNKNOWN):
        answer = await world.ask(f'{{ user(id: "{named}") {{ id withheld {{ field }} {EVERY_SELECTION} }} }}', token)
        assert refused_fields(answer) == ([] if refused_root else refusals_of(unreachable(role), "user"))
        refused = [(["user"], ROLE_MAY_NOT)] if refused_root else []
        assert [(error["path"], error["extensions"]) for error in answer.get("errors", [])] == refused
        for root in (f'node(id: "{named}")', f'nodes(ids: ["{named}", "{UNKNOWN}", "{named}"])'):
            answer = await world.ask(f"{{ found: {root} {{ id ... on User {{ {EVERY_SELECTION} }} }} }}", token)
            assert refused_fields(answer) == refusals_of(unreachable(role), "found")
            assert "errors" not in answer


@pytest.mark.parametrize("role", Role)
async def test_only_a_member_reads_fields_below_viewer(world: World, role: Role) -> None:
    document = f"{{ viewer {{ role user {{ id withheld {{ field reason }} {EVERY_SELECTION} }} }} }}"
    answer = await world.ask(document, await token_of(world, role))
    refused = frozenset() if role is Role.MEMBER else ALL_FIELDS
    assert refused_fields(answer) == refusals_of(refused, "viewer")
    assert "errors" not in answer
    assert answer["data"]["viewer"]["role"] == role
    if user := answer["data"]["viewer"]["user"]:
        reasons = [{"field": field, "reason": "ROLE"} for field in FIELDS if field in refused]
        assert user["withheld"] == reasons
        assert all(user[GRAPHQL_NAMES[field]] is None for field in refused)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MEMBER])
async def test_a_refused_root_field_lists_no_fields_below_it(world: World, role: Role) -> None:
    document = """{ me { user { email } } users { edges { node { email preRegistration { country } } } }
      userMap { count } }"""
    answer = await world.ask(document, await token_of(world, role))
    assert answer["data"] == {"me": None, "users": None, "userMap": None}
    errors = sorted(answer["errors"], key=lambda error: error["path"])
    assert [(error["path"], error["extensions"]) for error in errors] == [
        ([root], ROLE_MAY_NOT) for root in ("me", "userMap", "users")
    ]
    assert all(error["locations"] for error in errors)
    assert refused_fields(answer) == []


async def test_a_refusal_as_data_lists_no_fields_below_it(world: World) -> None:
    document = """mutation { updateProfile(input: {}) { ...Result } setHiddenFromMembers(fields: []) { ...Result } }
      fragment Result on UpdateProfileResult { ... on ProfileUpdated { user { email } } ... on Refusal { code } }"""
    refusal = {"code": "NOT_PERMITTED"}
    answer = await world.ask(document)
    assert answer == {"data": {"updateProfile": refusal, "setHiddenFromMembers": refusal}}


SKIPPING = """query ($id: ID!, $yes: Boolean!, $no: Boolean = false) {
  user(id: $id) {
    a: email @skip(if: true) b: email @skip(if: false) c: email @include(if: true) d: email @include(if: false)
    e: email @skip(if: $yes) f: email @skip(if: $no) g: email @include(if: $yes) h: email @include(if: $no)
    i: email @skip(if: $no) @include(if: $yes) j: email @skip(if: $yes) @include(if: $yes)
    k: email @skip(if: $no) @include(if: $no)
    ... @skip(if: $yes) { l: email } ... @include(if: $yes) { m: email }
    ... on User @include(if: $no) { n: email } ... on User @skip(if: $no) { o: email }
    ...Skipped @skip(if: $yes) ...Included @include(if: $yes)
  }
  gone: user(id: $id) @skip(if: $yes) { email }
  ... @include(if: $no) { gone: user(id: $id) { email } }
}
fragment Skipped on User { p: email }
fragment Included on User { q: email r: email @skip(if: $yes) }"""


async def test_a_skipped_field_is_not_refused(world: World) -> None:
    known = await world.person("subject@example.org")
    answer = await world.ask(SKIPPING, None, {"id": known, "yes": True})
    assert answer["data"]["user"] == dict.fromkeys(["b", "c", "f", "g", "i", "m", "o", "q"])
    assert refused_fields(answer) == [refused_below("user", "EMAIL")]
    answer = await world.ask(SKIPPING, None, {"id": known, "yes": False, "no": True})
    assert answer["data"]["user"] == dict.fromkeys(["b", "c", "e", "h", "l", "n", "p"])
    assert refused_fields(answer) == [refused_below("user", "EMAIL"), refused_below("gone", "EMAIL")]
    nothing = (
        "query ($id: ID!, $no: Boolean!) { user(id: $id) { id email @include(if: $no) ... @skip(if: true) { city } } }"
    )
    assert refused_fields(await world.ask(nothing, None, {"id": known, "no": False})) == []


async def test_a_field_selected_again_is_listed_once_where_it_stands_first(world: World) -> None:
    document = """query ($id: ID!) { user(id: $id) { about email ...Again ... on User { email } email also: email } }
      fragment Again on User { email preRegistration { country } preRegistration { company } }"""
    answer = await world.ask(document, None, {"id": UNKNOWN})
    assert refused_fields(answer) == [refused_below("user", "ABOUT", "EMAIL", "PRE_REGISTRATION")]


FRAGMENTS = """query ($id: ID!) { ...Roots third: node(id: $id) { ...Thing ... on Node { ... on User { about } } } }
fragment Roots on Query { first: user(id: $id) { ...Person } ... { second: node(id: $id) { ...Alone } } }
fragment Alone on Node { ... on User { ...Person } }
fragment Thing on Node { id ... on User { ...Person } ... on Session { client } }
fragment Person on User { id reached: mobilePhone avatarUrl ...Deeper }
fragment Deeper on User { ... on User { here: location { country } } ... on Node { id } }"""


async def test_refusals_in_fragments_belong_to_the_keys_of_the_answer(world: World) -> None:
    known = await world.person("subject@example.org")
    answer = await world.ask(FRAGMENTS, None, {"id": known})
    person = {"id": known, "reached": None, "avatarUrl": PROFILE["avatarUrl"], "here": None}
    assert answer["data"] == {"first": person, "second": person, "third": {**person, "about": None}}
    below = ("MOBILE_PHONE", "LOCATION")
    others = [refused_below(root, *below) for root in ("first", "second")]
    assert refused_fields(answer) == [*others, refused_below("third", *below, "ABOUT")]


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.SUPPORT])
async def test_refusals_do_not_depend_on_stored_subjects(world: World, role: Role) -> None:
    token = await token_of(world, role)
    ids = await world.store_people(*(person(place) for place in range(4)))
    document = (
        f"query ($id: ID!) {{ user(id: $id) {{ id {EVERY_SELECTION} }} node(id: $id) {{ ... on User {{ about }} }} }}"
    )
    answers = [await world.ask(document, token, {"id": named}) for named in (*ids, UNKNOWN, "", "someone")]
    expected = [*refusals_of(unreachable(role), "user"), refused_below("node", "ABOUT")]
    assert [refused_fields(answer) for answer in answers] == [expected] * len(answers)
    assert not any("errors" in answer for answer in answers)
    assert [answer["data"]["user"] is None for answer in answers[:2]] == [role is Role.SUPPORT, True]


def person(place: int) -> dict[str, Any]:
    """Returns one of four people: readable, without consent, unverified, or without values."""
    purposes = ("SOCIAL", "EXPANSION") if place != 1 else ()
    empty = {"profile": {}, "preRegistration": {}, "ipAddress": None} if place == 3 else {}
    return line(f"s{place}@example.org", purposes, emailVerified=place != 2, **empty)


async def test_a_refused_list_does_not_reveal_its_length(world: World) -> None:
    _, unverified = await world.member("reader@example.org", emailVerified=False)
    document = f"{{ users {{ edges {{ node {{ {EVERY_SELECTION} }} }} }} userMap {{ count }} }}"
    before = (await world.post(document, unverified)).content
    await world.store_people(*(person(place) for place in range(4)))
    assert (await world.post(document, unverified)).content == before


def test_a_list_of_subjects_lists_each_field_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROOT_FIELD_RULES, "Query.users", RootFieldRule(frozenset({Role.SUPPORT})))
    schema = build()
    tree = parse("""query ($yes: Boolean = true) { all: users(first: 2) { edges { cursor node { ...Person } }
      rows: edges { one: node { email about @include(if: $yes) streetAddress } } } }
      fragment Person on User { pages: publicPages { title } preRegistration { country } streetAddress }""")
    operation = next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    variables = get_variable_values(schema.graphql, operation.variable_definitions, {})
    found = SelectionWalk(schema, tree, variables, Caller(Role.SUPPORT)).operation(operation)
    listed = ("PUBLIC_PAGES", "PRE_REGISTRATION", "STREET_ADDRESS", "ABOUT")
    assert found.refused_fields() == [refused_below("all", *listed)]


async def test_the_largest_document_gets_a_small_list(world: World) -> None:
    roots = " ".join(f'r{place}: node(id: "{UNKNOWN}") {{ ...All }}' for place in range(MAX_ALIASES))
    texts = " ".join(name for name in GRAPHQL_NAMES.values() if name not in SUBSELECTIONS)
    answer = await world.ask(f"{{ {roots} }} fragment All on User {{ {texts} }}")
    assert len(refused_fields(answer)) == MAX_ALIASES
    assert len(json.dumps(answer["extensions"])) < 16_000


async def test_values_below_a_refused_field_are_not_returned(world: World) -> None:
    known = await world.person("subject@example.org", ("SOCIAL", "EXPANSION"))
    answer = await world.post(f'{{ user(id: "{known}") {{ id {EVERY_SELECTION} }} }}')
    public = {"avatarUrl", "wallpaperUrl", "publicPages"}
    for name, value in {**PROFILE, **FORM}.items():
        if name not in public and len(value) > 2:
            assert value not in answer.text, name

"""A field that the caller's role can never read is refused by document and role, before any read."""

from collections.abc import Sequence
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values

from models.vocabulary import Processor, Role
from permissions.caller import Caller
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES, RootFieldRule
from schema.build import build
from tests import expectation
from tests.expectation import ALL_FIELDS, FIELDS
from tests.permissions.schemas import EVERY_SELECTION
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, World, line

UNKNOWN = "0" * 32
ROLE_MAY_NOT = {"code": "FORBIDDEN", "reason": "ROLE"}


def refusals_of(fields: Sequence[str] | frozenset[str], *root: str) -> list[dict[str, Any]]:
    """Returns the errors for these fields below a root field."""
    return [refused_at([*root, GRAPHQL_NAMES[field]], field) for field in FIELDS if field in fields]


def refused_at(path: list[str], field: str) -> dict[str, Any]:
    """Returns the error for a field at this path."""
    named = {"code": "FORBIDDEN", "field": GRAPHQL_NAMES[field], "personalField": field}
    return {"message": "Your role may not read or do this.", "path": path, "extensions": named}


def sorted_errors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns an answer's errors without `locations`, ordered by path."""
    errors = [{name: part for name, part in error.items() if name != "locations"} for error in answer.get("errors", [])]
    return sorted(errors, key=lambda error: error["path"])


def in_order(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the expected errors, ordered by path."""
    return sorted(errors, key=lambda error: error["path"])


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
async def test_one_error_for_each_field_that_the_role_can_never_read(world: World, role: Role) -> None:
    token = await token_of(world, role)
    known = await world.person("subject@example.org")
    refused_root = role in (Role.ANALYTICS, Role.OPERATIONS, Role.PROCESSOR)
    for named in (known, UNKNOWN):
        document = f'{{ user(id: "{named}") {{ id withheld {{ field }} {EVERY_SELECTION} }} }}'
        root = {"message": "Your role may not read or do this.", "path": ["user"], "extensions": ROLE_MAY_NOT}
        expected = [root] if refused_root else refusals_of(unreachable(role), "user")
        assert sorted_errors(await world.ask(document, token)) == in_order(expected)
        document = f'{{ node(id: "{named}") {{ id ... on User {{ {EVERY_SELECTION} }} }} }}'
        assert sorted_errors(await world.ask(document, token)) == in_order(refusals_of(unreachable(role), "node"))


@pytest.mark.parametrize("role", Role)
async def test_only_a_member_reads_fields_below_viewer(world: World, role: Role) -> None:
    answer = await world.ask(f"{{ viewer {{ role user {{ id {EVERY_SELECTION} }} }} }}", await token_of(world, role))
    expected = [] if role is Role.MEMBER else refusals_of(ALL_FIELDS, "viewer", "user")
    assert sorted_errors(answer) == in_order(expected)
    assert answer["data"]["viewer"]["role"] == role


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MEMBER])
async def test_a_refused_root_field_has_no_errors_below_it(world: World, role: Role) -> None:
    document = """{ me { user { email } } users { edges { node { email preRegistration { country } } } }
      userMap { count } }"""
    answer = await world.ask(document, await token_of(world, role))
    assert answer["data"] == {"me": None, "users": None, "userMap": None}
    assert [(error["path"], error["extensions"]) for error in sorted_errors(answer)] == [
        ([root], ROLE_MAY_NOT) for root in ("me", "userMap", "users")
    ]


async def test_a_refusal_as_data_has_no_errors_below_it(world: World) -> None:
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
    selected = ["b", "c", "f", "g", "i", "m", "o", "q"]
    assert answer["data"]["user"] == dict.fromkeys(selected)
    assert sorted_errors(answer) == [refused_at(["user", key], "EMAIL") for key in selected]
    answer = await world.ask(SKIPPING, None, {"id": known, "yes": False, "no": True})
    selected = ["b", "c", "e", "h", "l", "n", "p"]
    assert answer["data"]["user"] == dict.fromkeys(selected)
    expected = [*(refused_at(["user", key], "EMAIL") for key in selected), refused_at(["gone", "email"], "EMAIL")]
    assert sorted_errors(answer) == in_order(expected)


async def test_a_field_selected_twice_under_one_key_is_refused_once(world: World) -> None:
    document = """query ($id: ID!) { user(id: $id) { email ...Again ... on User { email } email also: email } }
      fragment Again on User { email preRegistration { country } preRegistration { company } }"""
    answer = await world.ask(document, None, {"id": UNKNOWN})
    assert sorted_errors(answer) == [
        refused_at(["user", "also"], "EMAIL"),
        refused_at(["user", "email"], "EMAIL"),
        refused_at(["user", "preRegistration"], "PRE_REGISTRATION"),
    ]


FRAGMENTS = """query ($id: ID!) { ...Roots third: node(id: $id) { ...Thing ... on Node { ... on User { about } } } }
fragment Roots on Query { first: user(id: $id) { ...Person } ... { second: node(id: $id) { ...Alone } } }
fragment Alone on Node { ... on User { ...Person } }
fragment Thing on Node { id ... on User { ...Person } ... on Session { client } }
fragment Person on User { id reached: mobilePhone avatarUrl ...Deeper }
fragment Deeper on User { ... on User { here: location { country } } ... on Node { id } }"""


async def test_errors_in_fragments_use_the_keys_of_the_answer(world: World) -> None:
    known = await world.person("subject@example.org")
    answer = await world.ask(FRAGMENTS, None, {"id": known})
    person = {"id": known, "reached": None, "avatarUrl": PROFILE["avatarUrl"], "here": None}
    assert answer["data"] == {"first": person, "second": person, "third": {**person, "about": None}}
    expected = [
        refused_at([root, key], field)
        for root in ("first", "second", "third")
        for key, field in (("here", "LOCATION"), ("reached", "MOBILE_PHONE"))
    ]
    assert sorted_errors(answer) == in_order([*expected, refused_at(["third", "about"], "ABOUT")])


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.SUPPORT])
async def test_errors_do_not_depend_on_stored_subjects(world: World, role: Role) -> None:
    token = await token_of(world, role)
    ids = await world.store_people(*(person(place) for place in range(4)))
    document = (
        f"query ($id: ID!) {{ user(id: $id) {{ id {EVERY_SELECTION} }} node(id: $id) {{ ... on User {{ about }} }} }}"
    )
    answers = [await world.ask(document, token, {"id": named}) for named in (*ids, UNKNOWN, "", "someone")]
    assert all(answer["errors"] == answers[0]["errors"] for answer in answers)
    assert len(answers[0]["errors"]) == len(unreachable(role)) + 1
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


def test_error_paths_contain_no_list_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROOT_FIELD_RULES, "Query.users", RootFieldRule(frozenset({Role.SUPPORT})))
    schema = build()
    tree = parse("""query ($yes: Boolean = true) { all: users(first: 2) { edges { cursor node { ...Person } }
      rows: edges { one: node { email about @include(if: $yes) } } } }
      fragment Person on User { pages: publicPages { title } preRegistration { country } streetAddress }""")
    operation = next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    variables = get_variable_values(schema.graphql, operation.variable_definitions, {})
    found = SelectionWalk(schema, tree, variables, Caller(Role.SUPPORT)).operation(operation)
    assert [(error.path, error.extensions["personalField"]) for error in found.errors] == [
        (["all", "edges", "node", "pages"], "PUBLIC_PAGES"),
        (["all", "edges", "node", "preRegistration"], "PRE_REGISTRATION"),
        (["all", "edges", "node", "streetAddress"], "STREET_ADDRESS"),
        (["all", "rows", "one", "about"], "ABOUT"),
    ]


async def test_values_below_a_refused_field_are_not_returned(world: World) -> None:
    known = await world.person("subject@example.org", ("SOCIAL", "EXPANSION"))
    answer = await world.post(f'{{ user(id: "{known}") {{ id {EVERY_SELECTION} }} }}')
    public = {"avatarUrl", "wallpaperUrl", "publicPages"}
    for name, value in {**PROFILE, **FORM}.items():
        if name not in public and len(value) > 2:
            assert value not in answer.text, name

"""Invalid values of arguments and variables are refused by name, and nothing is stored."""

import json
import logging
import secrets
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_union_type,
)

from app.main import make_schema
from models.vocabulary import Role
from tests.http.requests import CANARY, all_rows, log_text
from tests.world import World, codes

UPDATE = """mutation ($input: ProfileInput!) {
  updateProfile(input: $input) { ... on ProfileUpdated { user { id } } ... on Refusal { code field } } }"""


USERS = """query ($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  users(first: $first, after: $after, last: $last, before: $before, search: $search) {
    edges { cursor node { id } } pageInfo { hasNextPage } } }"""


HISTORY = """query ($after: String) {
  me { consentHistory(first: 1, after: $after) { edges { cursor node { id } } } } }"""


async def test_a_page_size_out_of_range_is_refused(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for argument in ("first", "last"):
        for size in (-1, 0, 101, 1_000_000_000, 2**31 - 1, -(2**31), 2**31, 2**63, "5", 1.5, True, [5], {}):
            told = (await world.post(USERS, mine, {argument: size})).json()
            assert codes(told) == ["BAD_USER_INPUT"], (size, told)
            assert told["errors"][0]["extensions"]["argument"].lstrip("$") in (argument, f"{argument}.0")
            assert (told.get("data") or {"users": None}) == {"users": None}
        for size in (-1, 0, 101, 1_000_000_000, 2**31, 10**39, int("9" * 4000)):
            document = f"{{ users({argument}: {size}) {{ edges {{ node {{ id }} }} }} }}"
            told = (await world.post(document, mine)).json()
            assert codes(told) == ["BAD_USER_INPUT"], (size, told)
            assert told["errors"][0]["extensions"]["argument"] == argument
            assert "99999" not in json.dumps(told)
    told = await world.ask(USERS, mine, {"first": 1, "last": 1})
    assert (codes(told), told["errors"][0]["extensions"]["argument"]) == (["BAD_USER_INPUT"], "last")
    assert (await world.data(USERS, mine, {"first": 100}))["users"]["pageInfo"] == {"hasNextPage": False}


async def test_a_cursor_works_only_for_its_caller_and_list(world: World) -> None:
    one, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    _, other = await world.member("o@example.org")
    support = await world.token(Role.SUPPORT, one)
    cursor = (await world.data(USERS, mine, {"first": 1}))["users"]["edges"][0]["cursor"]
    theirs = (await world.data(USERS, other, {"first": 1}))["users"]["edges"][0]["cursor"]
    searched = (await world.data(USERS, mine, {"first": 1, "search": "amara"}))["users"]["edges"][0]["cursor"]
    history = (await world.data(HISTORY, mine))["me"]["consentHistory"]["edges"][0]["cursor"]
    swapped = chr(ord(cursor[9]) ^ 1)
    forged = [cursor[:9] + swapped + cursor[10:], cursor[:-1], cursor + "=", cursor + "A", cursor.upper(), cursor * 2]
    forged += [theirs, searched, history, "", "0", one, secrets.token_urlsafe(32), "a\0b", "é", "😀" * 50, "A" * 20_000]
    for argument in ("after", "before"):
        for value in forged:
            told = await world.ask(USERS, mine, {argument: value})
            assert codes(told) == ["INVALID_CURSOR"], (value, told)
            assert told["errors"][0]["extensions"]["argument"] == argument
            assert told["data"] == {"users": None}
    assert codes(await world.ask(USERS, mine, {"after": cursor, "search": "amara"})) == ["INVALID_CURSOR"]
    assert codes(await world.ask(HISTORY, mine, {"after": cursor})) == ["INVALID_CURSOR"]
    assert codes(await world.ask(USERS, support, {"after": cursor})) == ["FORBIDDEN"]
    assert codes(await world.ask(USERS, mine, {"after": cursor, "first": 100})) == []


async def test_an_unknown_id_is_null(world: World) -> None:
    one, mine = await world.member("p@example.org")
    await world.ask("{ viewer { role } }", mine)
    before = await all_rows(world.services.database)
    for token in (None, mine):
        for value in (
            one[::-1],
            one.upper() + "x",
            f" {one}",
            f"{one} ",
            "",
            "%",
            "_",
            "User:1",
            "é",
            "\u202e",
            "x" * 9000,
        ):
            seen = await world.ask(
                "query ($id: ID!) { user(id: $id) { id } node(id: $id) { id } }", token, {"id": value}
            )
            assert seen == {"data": {"user": None, "node": None}}, value
    for field in ("revokeSession", "revokeRoleToken"):
        told = await world.ask(f"mutation ($id: ID!) {{ {field}(id: $id) }}", mine, {"id": "nothing"})
        assert codes(told) in ([], ["BAD_USER_INPUT"]), told
        assert told["data"][field] is not True
    assert await all_rows(world.services.database) == before


def text_inputs() -> Iterator[tuple[str, str, str]]:
    """Every text input of the API: its root type, its field and its dotted name."""
    schema = make_schema(introspection=True).graphql
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items():
            for argument, described in field.args.items():
                for path in texts_in(described.type, argument):
                    yield root.name, name, path


def texts_in(kind: Any, path: str) -> Iterator[str]:
    """The dotted names of the text inputs in this type."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from texts_in(field.type, f"{path}.{name}")
    elif named.name in ("String", "ID", "JSON", "DateTime"):
        yield path


def value_of(kind: Any, path: list[str], text: str | None) -> Any:
    """A value of this type with `text` at `path` and minimal values elsewhere."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        value: Any = {n: value_of(f.type, [], None) for n, f in named.fields.items() if str(f.type).endswith("!")}
        if path:
            value[path[0]] = value_of(named.fields[path[0]].type, path[1:], text)
    elif isinstance(named, GraphQLEnumType):
        value = next(iter(named.values))
    else:
        least = {"Int": 1, "Boolean": True, "DateTime": "2030-01-01T00:00:00Z"}.get(named.name, "https://p.example.org")
        value = least if text is None else text
    return [value] if is_list_type(get_nullable_type(kind)) else value


def document_for(root: str, name: str, path: str, text: str) -> tuple[str, dict[str, Any]]:
    """A document and variables that send `text` to this input."""
    schema = make_schema(introspection=True).graphql
    field = schema.type_map[root].fields[name]
    argument, *below = path.split(".")
    sent = {
        each: value_of(a.type, below if each == argument else [], text if each == argument else None)
        for each, a in field.args.items()
        if each == argument or str(a.type).endswith("!")
    }
    declared = ", ".join(f"${each}: {field.args[each].type}" for each in sent)
    passed = ", ".join(f"{each}: ${each}" for each in sent)
    kind = get_named_type(field.type)
    refusal = is_union_type(kind) and any(member.name == "Refusal" for member in kind.types)
    below_it = "{ ... on Refusal { code field } }" if refusal else "{ __typename }" if is_composite_type(kind) else ""
    return f"{root.lower()} ({declared}) {{ {name}({passed}) {below_it} }}", sent


PLACES = sorted(text_inputs())


STORED = ("updateProfile", "updatePreRegistration")
COUNTS_AND_DECOYS = {"failed_sign_ins", "mailed_tokens", "outbox"}
"""Tables that get rows for any address, known or not, under a keyed hash."""


async def test_no_text_input_accepts_a_null_character(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    operations = await world.token(Role.OPERATIONS, one)
    tokens = (None, mine, operations)
    for token in tokens:
        await world.ask("{ viewer { role } }", token)
    before = await all_rows(world.services.database)
    assert len(PLACES) > 30
    for root, name, path in PLACES:
        for text in (f"{CANARY}\0", f"\0{CANARY}"):
            document, variables = document_for(root, name, path, text)
            for token in tokens:
                response = await world.post(document, token, variables)
                where = (name, path, response.text)
                assert response.status_code in (200, 400), where
                assert CANARY not in response.text, where
                assert "INTERNAL" not in codes(response.json()), where
                if name in STORED and token == mine:
                    told = response.json()["data"][name]
                    assert told["code"] == "INVALID_INPUT", where
                    assert told["field"].replace(".0", "") == path, where
                for error in response.json().get("errors", []) if root == "Query" else []:
                    assert error["extensions"].get("argument", path) == path, where
    after = await all_rows(world.services.database)
    assert {name for name, rows in after.items() if rows != before[name]} <= COUNTS_AND_DECOYS
    assert CANARY not in log_text(caplog)


async def test_unusual_text_is_stored_in_nfc(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for text in ("\ufffd", "e\u202evil", "👩‍👩‍👧", "\ue000", "\U0010ffff", "a\u0301" * 60, "' OR 1=1 --", "%_\\"):
        seen = await world.data(UPDATE, mine, {"input": {"about": text}})
        assert seen["updateProfile"].get("user"), (text, seen)
        kept = (await world.data("{ me { user { about } } }", mine))["me"]["user"]["about"]
        assert kept == unicodedata.normalize("NFC", text)
        assert codes(await world.ask(USERS, mine, {"search": text})) in ([], ["BAD_USER_INPUT"])


@pytest.mark.parametrize(
    ("document", "variables", "name"),
    [
        ("query ($b: Boolean = true) { viewer { role @skip(if: $b) } }", {"b": None}, "$b"),
        ("query ($b: Boolean = true) { viewer @include(if: $b) { role } }", {"b": None}, "$b"),
        ('query ($i: ID = "x") { user(id: $i) { id } }', {"i": None}, "$i"),
        ('query ($i: ID = "x") { ...A } fragment A on Query { node(id: $i) { id } }', {"i": None}, "$i"),
        (
            'mutation ($v: String = "x") { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }',
            {"v": None},
            "$v",
        ),
        ("mutation ($d: ProfileInput = {}) { updateProfile(input: $d) { __typename } }", {"d": None}, "$d"),
        (
            "mutation ($f: PersonalField = CITY) { setHiddenFromMembers(fields: [$f]) { __typename } }",
            {"f": None},
            "$f",
        ),
        (
            'mutation ($p: String = "x") { login(input: {email: "a@example.org", password: $p}) { __typename } }',
            {"p": None},
            "$p",
        ),
    ],
)
async def test_a_null_in_a_non_null_position_is_refused_by_name(
    world: World, document: str, variables: dict[str, Any], name: str
) -> None:
    _, token = await world.member("p@example.org")
    response = await world.post(document, token, variables)
    assert (response.status_code, codes(response.json())) == (400, ["BAD_USER_INPUT"])
    assert response.json()["errors"][0]["extensions"]["argument"] == name

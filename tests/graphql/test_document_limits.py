"""A document has limits on its size. They are checked before it is validated."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from graphql import GraphQLSyntaxError, parse

from app.graphql import document_cache, document_limits
from app.graphql.document_cache import DocumentCache
from app.graphql.document_limits import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_REPEATS,
    MAX_TOKENS,
    SelectionMeter,
    limit_fault,
)
from app.main import make_schema
from models.vocabulary import Role
from resolvers.hashing.password_hash import Hashing, Verification
from tests.graphql.documents import refused_errors
from tests.http.requests import ONE_DATABASE
from tests.world import PASSWORD, World, codes

MAX_CALLS = 500_000
"""Three times what the most expensive of these documents costs."""


def calls_in(act: Any, *arguments: Any) -> int:
    """The number of Python functions that a call runs, even if it ends with a syntax error."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with suppress(GraphQLSyntaxError):
            act(*arguments)
    finally:
        sys.setprofile(None)
    return calls


def doubling_fragments(levels: int, leaf: str) -> str:
    """A document of fragments that each spread the next one twice. The last one contains `leaf`."""
    pairs = (f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
    return f"{{ ...F0 }} {' '.join(pairs)} fragment F{levels} on Query {{ {leaf} }}"


LEAVES = ("", "... { }", "viewer { role }", "__typename", "...Missing", "...F0", "...F80", "... { ...F1 ...F2 }")


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_repeated_fragment_is_measured_once(leaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = 0

    class Counting(SelectionMeter):
        def _node(self, node: object) -> Any:
            nonlocal work
            work += 1
            return super()._node(node)

        def _node_counts(self, node: object) -> Any:
            nonlocal work
            work += 1
            assert work < 5000, "the work doubles with each level"
            return super()._node_counts(node)

    monkeypatch.setattr(document_limits, "SelectionMeter", Counting)
    done = []
    for levels in (20, 40, 80):
        work = 0
        limit_fault(parse(doubling_fragments(levels, leaf)))
        done.append(work)
    assert done[2] < 5 * done[0], "the work grows with the length"


def test_a_document_of_empty_spreads_is_refused() -> None:
    for leaf in ("", "... { }"):
        assert limit_fault(parse(doubling_fragments(80, leaf))), "empty spreads count as fields"
        with pytest.raises(GraphQLSyntaxError):
            DocumentCache(introspection=True).read(doubling_fragments(2, leaf), make_schema(introspection=True))


@ONE_DATABASE
async def test_doubling_fragments_are_refused(world: World) -> None:
    for leaf in LEAVES:
        for levels in (25, 80):
            empty = leaf in ("", "... { }")
            await refused_errors(
                world,
                doubling_fragments(levels, leaf),
                "GRAPHQL_PARSE_FAILED" if empty else "GRAPHQL_VALIDATION_FAILED",
            )


@pytest.mark.parametrize("leaf", LEAVES)
def test_doubling_fragments_cost_few_calls(leaf: str) -> None:
    schema = make_schema(introspection=True)
    for levels in (25, 80):
        document = doubling_fragments(levels, leaf)
        assert calls_in(DocumentCache(introspection=True).read, document, schema) < MAX_CALLS


@pytest.mark.parametrize(
    ("most", "sized"),
    [
        (MAX_ALIASES, lambda n: "{" + " ".join(f"a{k}: f{k}" for k in range(n)) + "}"),
        (
            MAX_ALIASES,
            lambda n: "{ ...A ...A } fragment A on Query {" + " ".join(f"a: f{k}" for k in range(n // 2)) + "}",
        ),
        (MAX_FIELDS, lambda n: "{" + " ".join(f"f{k}" for k in range(n)) + "}"),
        (MAX_FIELDS, lambda n: "{ ...A ...A } fragment A on Query {" + " ".join(f"f{k}" for k in range(n // 2)) + "}"),
        (MAX_DEPTH, lambda n: "{ a" * n + "}" * n),
        (MAX_DEPTH, lambda n: "{ ...A } fragment A on Query " + "{ a " * (n - 1) + "{ ... { b } }" + "}" * (n - 1)),
        (MAX_REPEATS, lambda n: "{" + "viewer { role } " * n + "}"),
        (MAX_REPEATS, lambda n: "{ me {" + "... { id } " * n + "} }"),
        (MAX_REPEATS, lambda n: "{ ...A ...A } fragment A on Query {" + "__typename " * (n // 2) + "}"),
    ],
)
async def test_limits_count_expanded_fragments(most: int, sized: Any) -> None:
    most += most % 2
    assert limit_fault(parse(sized(most))) is None
    assert "at most" in (limit_fault(parse(sized(most + 2))) or "")
    schema = make_schema(introspection=True)
    (told,) = DocumentCache(introspection=True).read(sized(most + 2), schema).errors
    assert told.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


@ONE_DATABASE
async def test_a_long_text_is_refused_before_it_is_parsed(world: World) -> None:
    padding = " a" * MAX_TOKENS
    for document in (
        f"{{{padding} }}",
        "{" + " ".join(f"a{n}: viewer {{ role }}" for n in range(10_000)) + "}",
        "query (" + " ".join(f"$a{n}: ID" for n in range(1000)) + ") { viewer { role } }",
        "{ viewer" + " @skip(if: true)" * 5000 + " { role } }",
        "{ user(id: " + "[" * 5000 + "]" * 5000 + ") { id } }",
        "{ user(id: " + "{a: " * 5000 + "1" + "}" * 5000 + ") { id } }",
        "{" + "... {" * 2000 + "__typename" + "}" * 2000 + "}",
        "{ a " * 2000 + "}" * 2000,
        "query ($a: " + "[" * 900 + "ID" + "]" * 90 + ") { viewer { role } }",
        "#\n" * 20_000 + "{ viewer { role } }",
    ):
        content = json.dumps({"query": document})
        if len(content) <= 64 * 1024:
            (told,) = await refused_errors(world, document, "GRAPHQL_PARSE_FAILED")
            assert told["message"].startswith(("The document is too long", "Syntax error at line"))
        else:
            response = await world.post(document)
            assert (response.status_code, codes(response.json())) == (413, ["BAD_USER_INPUT"])


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a hash."""
    compared: list[str] = []
    stock = Hashing.verify

    async def verify(self: Hashing, stored: str | None, password: str, **more: bool) -> Verification:
        compared.append(password)
        return await stock(self, stored, password, **more)

    monkeypatch.setattr(Hashing, "verify", verify)
    return compared


def repeated_credentials(field: str) -> Iterator[str]:
    """Selections that use a credential more than once, or next to another field."""
    yield " ".join(f"a{n}: {field}" for n in range(300))
    yield " ".join(f"a{n}: {field}" for n in range(MAX_ALIASES))
    yield f"a: {field} b: {field}"
    yield f"{field} {field}"
    yield f"{field} logout"
    yield f"logout {field}"
    yield f"{field} __typename"
    yield f"{field} @skip(if: true) again: {field}"
    yield f"... {{ a: {field} }} ... on Mutation {{ b: {field} }}"
    yield f"...A ...B }} fragment A on Mutation {{ a: {field} }} fragment B on Mutation {{ b: {field}"
    yield f"...A ...A }} fragment A on Mutation {{ {field}"
    yield f"...A }} fragment A on Mutation {{ ...B b: {field} }} fragment B on Mutation {{ ... {{ a: {field} }}"
    yield f"...A }} fragment A on Mutation {{ ...B ...B }} fragment B on Mutation {{ {field}"


async def test_a_credential_must_be_alone_in_its_document(world: World, verified: list[str]) -> None:
    await world.person("p@example.org", password=PASSWORD)
    variables = {"input": {"email": "p@example.org", "password": PASSWORD}}
    field = "login(input: $input) { __typename }"
    for selected in repeated_credentials(field):
        told = await world.post(f"mutation ($input: LoginInput!) {{ {selected} }}", None, variables)
        assert told.status_code == 400, selected
        assert codes(told.json()) in (["GRAPHQL_VALIDATION_FAILED"], ["GRAPHQL_PARSE_FAILED"]), selected
    literal = 'login(input: {email: "p@example.org", password: "x"}) { __typename }'
    for selected in repeated_credentials(literal):
        assert (await world.post(f"mutation {{ {selected} }}")).status_code == 400, selected
    assert verified == []
    for alone in (field, f"a: {field}", f"... on Mutation {{ {field} }}"):
        answer = await world.data(f"mutation ($input: LoginInput!) {{ {alone} }}", None, variables)
        assert list(answer.values()) == [{"__typename": "SignedIn"}]
    assert len(verified) == 3


@ONE_DATABASE
async def test_a_document_must_have_one_valid_operation(world: World) -> None:
    one = "query A { viewer { role } }"
    for document in (
        f"{one} query B {{ viewer {{ role }} }}",
        f"{one} {one}",
        f"{one} mutation B {{ logout }}",
        "mutation B { logout } query A { viewer { role } }",
        "{ viewer { role } } { viewer { role } }",
        "fragment A on Query { viewer { role } }",
        "subscription { viewer { role } }",
        "type Query { a: Int }",
        "extend type Query { a: Int } { a }",
        "{ ... @defer { viewer { role } } }",
        "{ users { edges @stream { cursor } } }",
        "{ user(id: 1) { id } user(id: 2) { id } }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ viewer { role } } fragment A on User { id }",
        "{ viewer { role }",
        "query { }",
        "query ($a: ID, $a: ID) { user(id: $a) { id } }",
        "query ($a: User) { user(id: $a) { id } }",
        "{ viewer @include(if: 1) { role } }",
        "{ viewer }",
    ):
        for name in (None, "A", "B"):
            content = {"query": document, "operationName": name}
            response = await world.client.post("/graphql", json=content)
            assert response.status_code == 400, (document, name, response.text)
            assert set(codes(response.json())) <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}


@ONE_DATABASE
async def test_a_skipped_field_is_not_answered(world: World) -> None:
    assert await world.ask("{ viewer @skip(if: true) { role } }") == {"data": {}}
    document = "query ($no: Boolean!) { me @include(if: $no) { id } users @include(if: $no) { edges { cursor } } }"
    assert await world.ask(document, None, {"no": False}) == {"data": {}}


FLOODS = {
    "unused variables": "query (" + " ".join(f"$a{n}: ID" for n in range(240)) + ") { viewer { role } }",
    "unknown fields": "{" + " ".join(f"f{n}" for n in range(480)) + "}",
    "unknown directives": "{ viewer" + " @a" * 450 + " { role } }",
    "one directive": "{ viewer" + " @skip(if: true)" * 140 + " { role } }",
    "unknown fragments": "{" + " ".join(f"...F{n}" for n in range(400)) + "}",
    "unused fragments": "{ viewer { role } }" + " ".join(f"fragment F{n} on Query {{ a }}" for n in range(120)),
    "a circle of fragments": "{ ...F0 }"
    + " ".join(f"fragment F{n} on Query {{ ...F{(n + 1) % 100} }}" for n in range(100)),
    "enum values": "mutation { setHiddenFromMembers(fields: [" + "X " * 900 + "]) { __typename } }",
    "an input key": "mutation { updateProfile(input: {" + "about: 1 " * 300 + "}) { __typename } }",
    "unknown input keys": "mutation { updateProfile(input: {"
    + " ".join(f"k{n}: 1" for n in range(300))
    + "}) { __typename } }",
    "one argument": "{ user(" + "id: 1 " * 300 + ") { id } }",
    "unknown arguments": "{ user(" + " ".join(f"a{n}: 1" for n in range(300)) + ") { id } }",
    "undefined variables": "{ users(" + " ".join(f"a{n}: $a{n}" for n in range(200)) + ") { edges { cursor } } }",
    "unknown types": "query (" + " ".join(f"$a{n}: T{n}" for n in range(200)) + ") { viewer { role } }",
    "one root many times": "{" + "users(first: 1) { edges { node { id } } } " * 60 + "}",
    "one root, many arguments": "{" + " ".join(f"user(id: {n}) {{ id }}" for n in range(110)) + "}",
    "fragments that overlap": "{"
    + " ".join(f"...F{n}" for n in range(60))
    + "}"
    + " ".join(f"fragment F{n} on Query {{ viewer {{ role }} }}" for n in range(60)),
    "leaves that overlap": "{" + ("viewer {" + " role" * 8 + "} ") * 29 + "unknown }",
}


@ONE_DATABASE
async def test_a_document_with_many_faults_gets_at_most_ten_errors(world: World, production: World) -> None:
    for name, document in FLOODS.items():
        for here in (world, production):
            assert len(await refused_errors(here, document)) <= 10, name
    listed = "mutation ($f: [PersonalField!]!) { setHiddenFromMembers(fields: $f) { __typename } }"
    assert len(await refused_errors(world, listed, "BAD_USER_INPUT", {"f": ["X"] * 1000})) == 10


@pytest.mark.parametrize("introspection", [True, False])
def test_a_document_with_many_faults_costs_few_calls(introspection: bool) -> None:
    schema = make_schema(introspection=introspection)
    documents = DocumentCache(introspection=introspection)
    documents.read("{ viewer { role } }", schema)
    for name, document in FLOODS.items():
        assert calls_in(documents.read, document, schema) < MAX_CALLS, name


def test_a_document_that_repeats_a_field_is_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("a document that repeats one field 100 times was validated")

    monkeypatch.setattr(document_cache, "validate", asked)
    for document in (
        "{" + "viewer { role } " * 100 + "}",
        "{ ...A ...A ...A ...A } fragment A on Query {" + "viewer { role } " * 25 + "}",
        "{ me { user {" + "... on Node { id } " * 100 + "} } }",
    ):
        assert DocumentCache(introspection=True).read(document, make_schema(introspection=True)).errors


@pytest.mark.parametrize("role", [None, Role.MEMBER])
@ONE_DATABASE
async def test_limits_are_the_same_for_every_caller(world: World, role: Role | None) -> None:
    token = (await world.member("p@example.org"))[1] if role else None
    for document in FLOODS.values():
        assert (await world.post(document, token)).status_code == 400

"""A document costs what it says: bounded before it is validated, validated before it runs, told without its text."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLSyntaxError, build_client_schema, get_introspection_query, parse

from app.graphql import document_limits, execution
from app.graphql.document_limits import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_REPEATS,
    MAX_TOKENS,
    SelectionMeter,
    limit_fault,
)
from app.graphql.execution import MAX_DOCUMENTS, MAX_ERRORS, DocumentCache
from app.main import make_schema
from app.settings import Environment
from models.database import Database
from models.vocabulary import Role
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from resolvers.hashing.password_hash import Hashing, Verification
from tests.world import PASSWORD, World, codes, settings_for, world_of

CANARY = "S3cr3tCanary"
JSON = "application/json"
RESULT = "application/graphql-response+json"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { __typename } }"
ONE_DATABASE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what never reaches a database."""


def bomb(levels: int, leaf: str) -> str:
    """Fragments that each spread the next one twice, and end so."""
    pairs = (f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
    return f"{{ ...F0 }} {' '.join(pairs)} fragment F{levels} on Query {{ {leaf} }}"


LEAVES = ("", "... { }", "viewer { role }", "__typename", "...Missing", "...F0", "...F80", "... { ...F1 ...F2 }")


@pytest.fixture
async def production(database: Database) -> World:
    """The application as people depend on it."""
    return world_of(database, settings_for(database, environment=Environment.PRODUCTION))


async def refused(
    world: World, document: str, code: str = "GRAPHQL_VALIDATION_FAILED", variables: Any = None
) -> list[dict[str, Any]]:
    """The errors of a document that is refused whole, in either media type."""
    answers = []
    for kind in (JSON, RESULT):
        content = {"query": document, "variables": variables}
        response = await world.client.post("/graphql", json=content, headers={"Accept": kind})
        assert response.status_code == 400, response.text
        assert response.headers["content-type"] == kind
        answers.append(response.json())
    assert answers[0] == answers[1]
    assert set(answers[0]) == {"errors"}, "no data, not even null"
    assert set(codes(answers[0])) == {code}, answers[0]
    assert len(answers[0]["errors"]) <= MAX_ERRORS
    assert len(json.dumps(answers[0])) < 16_000
    return answers[0]["errors"]


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_fragment_is_measured_once_however_often_it_is_spread(leaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
        limit_fault(parse(bomb(levels, leaf)))
        done.append(work)
    assert done[2] < 5 * done[0], "four times as long is four times the work"


def test_the_stock_parser_would_let_spreads_of_nothing_double_for_ever() -> None:
    for leaf in ("", "... { }"):
        assert limit_fault(parse(bomb(80, leaf))), "counted as fields, whatever the parser lets through"
        with pytest.raises(GraphQLSyntaxError):
            DocumentCache(introspection=True).read(bomb(2, leaf), make_schema(introspection=True))


@ONE_DATABASE
async def test_doubling_fragments_are_refused_in_no_time(world: World) -> None:
    for leaf in LEAVES:
        for levels in (25, 80):
            began = time.process_time()
            empty = leaf in ("", "... { }")
            await refused(world, bomb(levels, leaf), "GRAPHQL_PARSE_FAILED" if empty else "GRAPHQL_VALIDATION_FAILED")
            assert time.process_time() - began < 5  # a doubling one would need ages


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
async def test_a_document_is_bounded_with_its_fragments_written_out(most: int, sized: Any) -> None:
    most += most % 2
    assert limit_fault(parse(sized(most))) is None
    assert "at most" in (limit_fault(parse(sized(most + 2))) or "")
    schema = make_schema(introspection=True)
    (told,) = DocumentCache(introspection=True).read(sized(most + 2), schema).errors
    assert told.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}


@ONE_DATABASE
async def test_a_text_is_bounded_before_it_is_parsed_whole(world: World) -> None:
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
            (told,) = await refused(world, document, "GRAPHQL_PARSE_FAILED")
            assert told["message"].startswith(("The document is too long", "Syntax error at line"))
        else:
            response = await world.post(document)
            assert (response.status_code, codes(response.json())) == (413, ["BAD_USER_INPUT"])


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was compared with a hash."""
    compared: list[str] = []
    stock = Hashing.verify

    async def verify(self: Hashing, stored: str | None, password: str) -> Verification:
        compared.append(password)
        return await stock(self, stored, password)

    monkeypatch.setattr(Hashing, "verify", verify)
    return compared


def twice(field: str) -> Iterator[str]:
    """Documents that try a credential more than once, or beside something else."""
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


async def test_a_credential_is_tried_alone_or_not_at_all(world: World, verified: list[str]) -> None:
    await world.person("p@example.org", password=PASSWORD)
    variables = {"input": {"email": "p@example.org", "password": PASSWORD}}
    field = "login(input: $input) { __typename }"
    for selected in twice(field):
        told = await world.post(f"mutation ($input: LoginInput!) {{ {selected} }}", None, variables)
        assert told.status_code == 400, selected
        assert codes(told.json()) in (["GRAPHQL_VALIDATION_FAILED"], ["GRAPHQL_PARSE_FAILED"]), selected
    literal = 'login(input: {email: "p@example.org", password: "x"}) { __typename }'
    for selected in twice(literal):
        assert (await world.post(f"mutation {{ {selected} }}")).status_code == 400, selected
    assert verified == []
    for alone in (field, f"a: {field}", f"... on Mutation {{ {field} }}"):
        answer = await world.data(f"mutation ($input: LoginInput!) {{ {alone} }}", None, variables)
        assert list(answer.values()) == [{"__typename": "SignedIn"}]
    assert len(verified) == 3


@ONE_DATABASE
async def test_a_document_holds_one_operation_that_this_schema_has(world: World) -> None:
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
async def test_what_is_skipped_is_not_answered(world: World) -> None:
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
async def test_a_flood_is_answered_by_ten_errors_at_most(world: World, production: World) -> None:
    for name, document in FLOODS.items():
        for here in (world, production):
            began = time.process_time()
            assert len(await refused(here, document)) <= 10, name
            assert time.process_time() - began < 5, name
    listed = "mutation ($f: [PersonalField!]!) { setHiddenFromMembers(fields: $f) { __typename } }"
    assert len(await refused(world, listed, "BAD_USER_INPUT", {"f": ["X"] * 5000})) == 10


def test_fields_of_one_name_are_compared_in_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("a document that repeats one field 100 times was validated")

    monkeypatch.setattr(execution, "validate", asked)
    for document in (
        "{" + "viewer { role } " * 100 + "}",
        "{ ...A ...A ...A ...A } fragment A on Query {" + "viewer { role } " * 25 + "}",
        "{ me { user {" + "... on Node { id } " * 100 + "} } }",
    ):
        assert DocumentCache(introspection=True).read(document, make_schema(introspection=True)).errors


INTROSPECTION = get_introspection_query(
    descriptions=True,
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)


@ONE_DATABASE
async def test_developers_may_ask_what_the_schema_is(world: World) -> None:
    described = build_client_schema(await world.data(INTROSPECTION))
    served = make_schema(introspection=True).graphql
    assert set(described.type_map) == set(served.type_map)
    assert (await world.data("{ a: __schema { queryType { name } } }"))["a"] == {"queryType": {"name": "Query"}}


@ONE_DATABASE
async def test_production_does_not_say_what_the_schema_is(production: World) -> None:
    for document in (
        INTROSPECTION,
        "{ __schema { types { name } } }",
        "{ a: __schema { queryType { name } } }",
        '{ __type(name: "User") { name } }',
        '{ viewer { role } a: __type(name: "User") { fields { name } } }',
        "{ ...A } fragment A on Query { __schema { types { name } } }",
        "{ ... on Query { ... { __schema { types { name } } } } }",
        "{ __schema @skip(if: true) { types { name } } }",
    ):
        told = json.dumps(await refused(production, document))
        assert "User" not in told
        assert "ipAddress" not in told
    seen = await production.data("{ __typename viewer { a: __typename } node(id: 1) { __typename } }")
    assert seen == {"__typename": "Query", "viewer": {"a": "Viewer"}, "node": None}


MISSPELT = {
    "field": ("{ viewr { role } }", "'viewer'"),
    "field below": ("{ viewer { rol } }", "'role'"),
    "selection": ("{ viewer }", "'viewer { ... }'"),
    "argument": ("{ user(ids: 1) { id } }", "'id'"),
    "directive's argument": ("{ viewer @skip(iff: true) { role } }", "'if'"),
    "type": ("{ node(id: 1) { ... on Usr { id } } }", "'User'"),
    "variable's type": ("query ($a: Purpos) { viewer { role } }", "'Purpose'"),
    "enum value": ("mutation { withdrawConsent(purpose: SOCIA) { __typename } }", None),
    "enum value as text": ('mutation { withdrawConsent(purpose: "SOCIAL") { __typename } }', None),
    "input field": ('mutation { updateProfile(input: {firstNam: "x"}) { __typename } }', None),
}
GUESSED = {
    "enum value": ("mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }", {"p": "SOCIA"}),
    "input field": (
        "mutation ($i: ProfileInput!) { updateProfile(input: $i) { __typename } }",
        {"i": {"firstNam": "x"}},
    ),
}


@ONE_DATABASE
async def test_production_never_guesses_what_was_meant(world: World, production: World) -> None:
    for name, (document, suggestion) in MISSPELT.items():
        told = json.dumps(await refused(production, document))
        assert "did you mean" not in told.lower(), name
        assert suggestion is None or suggestion not in told, name
        if suggestion:
            assert f"Did you mean {suggestion}" in json.dumps(await refused(world, document)), name
    for here in (world, production):
        for name, (document, variables) in GUESSED.items():
            told = json.dumps(await refused(here, document, "BAD_USER_INPUT", variables))
            assert "mean" not in told, name
            assert "SOCIAL" not in told, name
            assert "firstName" not in told, name


@ONE_DATABASE
async def test_production_does_not_say_whether_a_name_is_the_schemas(production: World) -> None:
    for known, unknown in (("email", "emaix"), ("ipAddress", "ipAddresx"), ("withdrawConsent", "withdrawConsenx")):
        for document in (
            "{{ {} }}",
            "{{ user(id: 1, {}: 2) {{ id }} }}",
            "{{ ...{} }}",
            "query ($a: {}) {{ viewer {{ role }} }}",
        ):
            told = [json.dumps(await refused(production, document.format(name))) for name in (known, unknown)]
            assert told[0] == told[1]


@ONE_DATABASE
async def test_an_error_says_where_and_which_input(world: World) -> None:
    for document, argument, line, column in (
        ('{\n  users(first: "x") { edges { cursor } } }', "first", 2, 16),
        ("{ users(first: 1.5) { edges { cursor } } }", "first", 1, 16),
        ("{ user(id: {}) { id } }", "id", 1, 12),
        ("{ user(id: [1]) { id } }", "id", 1, 12),
        ("{ user(id: null) { id } }", "id", 1, 12),
        ("{ user { id } }", "id", 1, 3),
        ("{ user(id: $x) { id } }", "$x", 1, 12),
        ("query ($n: Int = A) { users(first: $n) { edges { cursor } } }", "$n", 1, 18),
        ("mutation { updateProfile(input: {about: 1}) { __typename } }", "input.about", 1, 33),
        ('mutation { updateProfile(input: {publicPages: [{title: 1, url: ""}]}) { __typename } }', None, 1, 33),
        ("mutation { withdrawConsent(purpose: ALL) { __typename } }", "purpose", 1, 37),
        ("{ viewer @skip(if: 1) { role } }", "if", 1, 20),
    ):
        told = (await refused(world, document))[0]
        assert told["extensions"]["argument"] == (argument or "input.publicPages.0.title"), told
        assert told["locations"][0] == {"line": line, "column": column}, document
    told = (await refused(world, "{ viewer\n { role } } }", "GRAPHQL_PARSE_FAILED"))[0]
    assert told["locations"] == [{"line": 2, "column": 13}]
    assert told["message"] == "Syntax error at line 2, column 13: the document is not valid GraphQL."


def test_the_newest_documents_are_kept_and_what_may_spell_out_a_password_is_not() -> None:
    schema, documents = make_schema(introspection=True), DocumentCache(introspection=True)
    first = "{ viewer { role } } # 0"
    assert documents.read(first, schema) is documents.read(first, schema), "parsed once"
    for number in range(1, MAX_DOCUMENTS + 50):
        documents.read(first, schema)
        documents.read(f"{{ viewer {{ role }} }} # {number}", schema)
    kept = list(documents._documents)
    assert len(kept) == MAX_DOCUMENTS
    assert first in kept, "what is used stays"
    assert f"{first[:-1]}1" not in kept
    for field in CREDENTIAL_FIELDS:
        for text in (f"mutation {{ {field} }}", f"mutation {{ a: {field}(input: {{password: 1}}) {{ __typename }} }}"):
            documents.read(text, schema)
    documents.read(f'mutation {{ logn(input: {{password: "{CANARY}"}}) {{ token }} }}', schema)
    reset = "mutation { requestPasswordReset(email: %s) }"
    spelt_out = (
        reset % f'"{CANARY}"',
        reset % f'"""{CANARY}"""',
        f'mutation ($e: String = "{CANARY}") {reset[9:] % "$e"}',
    )
    for text in (*spelt_out, f"mutation ($e: String!) {reset[9:] % '$e'} # {CANARY}"):
        documents.read(text, schema)
    assert CANARY not in str(documents._documents)
    assert list(documents._documents) == kept, "nothing that is wrong pushes out what is right"
    assert documents.read(LOGIN, schema) is documents.read(LOGIN, schema), "what is told by variables is parsed once"


class Boom(Exception):
    """A failure whose text holds what nobody may see."""


async def test_a_failure_is_an_id_in_the_answer_and_in_the_log_and_no_text(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, mine = await world.member("p@example.org")
    await world.ask("{ viewer { role } }", mine)

    def fails(*_: Any, **__: Any) -> Any:
        raise Boom(f"postgres://{CANARY}@db SELECT")

    whole = (
        ("{ viewer { role } }", mine, "reading", 500),
        (f"{{ {CANARY}: user(id: 1) {{ id }} }}", None, "reading", 200),
    )
    change = 'mutation { updateProfile(input: {about: "x"}) { __typename } }'
    for document, token, part, status in (*whole, (change, mine, "writing", 200)):
        with monkeypatch.context() as broken:
            broken.setattr(Database, part, fails)
            caplog.clear()
            response = await world.post(document, token)
        assert response.status_code == status, response.text
        (told,) = response.json()["errors"]
        assert told["extensions"]["code"] == "INTERNAL"
        assert set(told["extensions"]) == {"code", "id"}
        (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert record.error_id == told["extensions"]["id"]
        assert record.kind == "Boom"
        assert CANARY not in response.text.replace(f'"{CANARY}"', ""), "but for the alias that the client chose"
        assert CANARY not in f"{record.getMessage()} {vars(record)}"
        assert record.exc_info is None
    assert (await world.data("{ viewer { role } }", mine))["viewer"]["role"] == "MEMBER", "and goes on serving"


@ONE_DATABASE
async def test_a_failure_around_the_operation_is_told_no_differently(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise Boom(CANARY)

    for broken in ("validate", "_variables", "Walk", "parse"):
        with monkeypatch.context() as patched:
            patched.setattr(execution, broken, fails)
            caplog.clear()
            response = await world.post(f"{{ viewer {{ role }} }} # {broken}")
        assert response.status_code == 500, (broken, response.text)
        assert codes(response.json()) == ["INTERNAL"]
        assert set(response.json()) == {"errors"}
        assert CANARY not in response.text + caplog.text
        assert [each.error_id for each in caplog.records if each.levelno >= logging.ERROR] == [
            response.json()["errors"][0]["extensions"]["id"]
        ]


@pytest.mark.parametrize("role", [None, Role.MEMBER])
@ONE_DATABASE
async def test_bounds_are_the_same_for_everybody(world: World, role: Role | None) -> None:
    token = (await world.member("p@example.org"))[1] if role else None
    for document in FLOODS.values():
        assert (await world.post(document, token)).status_code == 400

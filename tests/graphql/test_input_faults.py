"""Development names a missing or misspelt input field. Production names no field that the client did not send."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type, is_required_input_field, parse

from app.graphql import execution
from app.graphql.document_cache import MAX_ERRORS, DocumentCache
from app.graphql.execution import _coerced_variables
from app.graphql.input_faults import InputFault
from app.main import make_schema
from tests.graphql.documents import refused_errors
from tests.graphql.test_input_values import value_of
from tests.http.requests import CANARY, ONE_DATABASE
from tests.world import World

SCHEMA = make_schema(introspection=True)
QUOTE = {False: ("", ""), True: ('"', "")}
"""How the JSON of a value becomes a literal: an enum value has no quotes."""


def inputs_of_the_api() -> Iterator[tuple[str, str, GraphQLInputObjectType]]:
    """Every argument that is an input object: its mutation, its name and its type."""
    for name, field in SCHEMA.graphql.mutation_type.fields.items():
        for argument, described in field.args.items():
            if isinstance(kind := get_named_type(described.type), GraphQLInputObjectType):
                yield name, argument, kind


INPUTS = sorted(inputs_of_the_api(), key=lambda each: each[0])


def faults_of_variable(mutation: str, argument: str, kind: Any, value: Any, *, development: bool) -> list[Any]:
    """The errors about this value of a variable."""
    tree = parse(f"mutation ($v: {kind}!) {{ {mutation}({argument}: $v) {{ __typename }} }}")
    operation: Any = tree.definitions[0]
    found = _coerced_variables(SCHEMA, tree, operation, {"v": value}, names_fields=development)
    assert isinstance(found, list)
    return found


def faults(mutation: str, argument: str, kind: Any, value: Any, *, development: bool) -> list[tuple[str, Any]]:
    """The errors about this value, once sent as a variable and once as a literal, each with the name of its root."""
    enums = {name for name, field in kind.fields.items() if isinstance(get_named_type(field.type), GraphQLEnumType)}
    fields = (f"{name}: {json.dumps(each).replace(*QUOTE[name in enums])}" for name, each in value.items())
    written = f"mutation {{ {mutation}({argument}: {{{', '.join(fields)}}}) {{ __typename }} }}"
    by_variable = faults_of_variable(mutation, argument, kind, value, development=development)
    by_literal = DocumentCache(introspection=development).read(written, SCHEMA).errors
    return [("$v", error) for error in by_variable] + [(argument, error) for error in by_literal]


@pytest.mark.parametrize(("mutation", "argument", "kind"), INPUTS, ids=str)
def test_each_missing_field_is_named_in_development_only(
    mutation: str, argument: str, kind: GraphQLInputObjectType
) -> None:
    whole = value_of(kind, [], None)
    for name in [name for name, field in kind.fields.items() if is_required_input_field(field)]:
        value = {key: each for key, each in whole.items() if key != name}
        for root, error in faults(mutation, argument, kind, value, development=True):
            assert error.message == f"`{root}.{name}` is missing."
            assert error.extensions["argument"] == f"{root}.{name}"
        for root, error in faults(mutation, argument, kind, value, development=False):
            assert name not in error.message.replace(f"`{root}`", "").split()
            assert error.extensions["argument"] == root


@pytest.mark.parametrize(("mutation", "argument", "kind"), INPUTS, ids=str)
def test_each_misspelt_field_is_named_in_development_with_the_right_spelling(
    mutation: str, argument: str, kind: GraphQLInputObjectType
) -> None:
    whole = value_of(kind, [], None)
    for name in kind.fields:
        value = {**whole, f"{name}x": "x"}
        for root, error in faults(mutation, argument, kind, value, development=True):
            begin, _, meant = error.message.partition(" Did you mean ")
            assert begin == f"`{root}.{name}x` is not a field of {kind}."
            assert f"`{name}`" in meant
        for root, error in faults(mutation, argument, kind, value, development=False):
            assert error.message.startswith(f"`{root}` has a value of the wrong type, or a field")
            assert "mean" not in error.message
        for secret in (CANARY, f"{name}' {CANARY}", ""):
            sent = {**whole, secret: "x"}
            (error,) = faults_of_variable(mutation, argument, kind, sent, development=True)
            assert CANARY not in error.message


@pytest.mark.parametrize("items", [[{}], [None], [{"x": 1}], [[]], [1]])
def test_no_more_faults_are_looked_for_than_an_answer_has(items: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[object] = []
    monkeypatch.setattr(execution, "input_fault", lambda *found, **_: looked_at.append(found) or InputFault("$v", "x"))
    kind = SCHEMA.graphql.type_map["ProfileInput"]
    found = faults_of_variable("updateProfile", "input", kind, {"publicPages": items * 1000}, development=False)
    assert len(found) == len(looked_at) == MAX_ERRORS


@ONE_DATABASE
async def test_a_missing_password_is_named_over_http(world: World, production: World) -> None:
    login = "mutation ($input: LoginInput!) { login(input: $input) { __typename } }"
    for variables, sentence in (
        ({"input": {"email": "a@example.org"}}, "`$input.password` is missing."),
        ({"input": {"email": "a@example.org", "password": None}}, "`$input.password` must not be null."),
        ({}, "`$input` is missing."),
        ({"input": None}, "`$input` must not be null."),
    ):
        (error,) = await refused_errors(world, login, "BAD_USER_INPUT", variables)
        assert error["message"] == sentence
    (error,) = await refused_errors(production, login, "BAD_USER_INPUT", {"input": {"email": "a@example.org"}})
    assert "password" not in json.dumps(error)

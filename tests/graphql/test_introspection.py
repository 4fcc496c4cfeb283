"""Introspection and suggestions are for development only."""

import json

from graphql import build_client_schema, get_introspection_query

from app.main import make_schema
from tests.graphql.documents import refused_errors
from tests.http.requests import ONE_DATABASE
from tests.world import World

INTROSPECTION = get_introspection_query(
    descriptions=True,
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)


@ONE_DATABASE
async def test_development_allows_introspection(world: World) -> None:
    described = build_client_schema(await world.data(INTROSPECTION))
    served = make_schema(introspection=True).graphql
    assert set(described.type_map) == set(served.type_map)
    assert (await world.data("{ a: __schema { queryType { name } } }"))["a"] == {"queryType": {"name": "Query"}}


@ONE_DATABASE
async def test_production_refuses_introspection(production: World) -> None:
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
        told = json.dumps(await refused_errors(production, document))
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
    "input field": ('mutation { updateProfile(input: {firstNam: "x"}) { __typename } }', "`firstName`"),
}


GUESSED = {
    "enum value": ("mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }", {"p": "SOCIA"}),
    "input field": (
        "mutation ($i: ProfileInput!) { updateProfile(input: $i) { __typename } }",
        {"i": {"firstNam": "x"}},
    ),
}


@ONE_DATABASE
async def test_production_makes_no_suggestions(world: World, production: World) -> None:
    for name, (document, suggestion) in MISSPELT.items():
        told = json.dumps(await refused_errors(production, document))
        assert "did you mean" not in told.lower(), name
        assert suggestion is None or suggestion not in told, name
        if suggestion:
            assert f"Did you mean {suggestion}" in json.dumps(await refused_errors(world, document)), name
    for name, (document, variables) in GUESSED.items():
        told = json.dumps(await refused_errors(production, document, "BAD_USER_INPUT", variables))
        assert "mean" not in told, name
        assert "SOCIAL" not in told, name
        assert "firstName" not in told, name


@ONE_DATABASE
async def test_production_does_not_reveal_whether_a_name_exists(production: World) -> None:
    for known, unknown in (("email", "emaix"), ("ipAddress", "ipAddresx"), ("withdrawConsent", "withdrawConsenx")):
        for document in (
            "{{ {} }}",
            "{{ user(id: 1, {}: 2) {{ id }} }}",
            "{{ ...{} }}",
            "query ($a: {}) {{ viewer {{ role }} }}",
        ):
            told = [json.dumps(await refused_errors(production, document.format(name))) for name in (known, unknown)]
            assert told[0] == told[1]

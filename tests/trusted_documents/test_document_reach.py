"""`consentql documents` lists exactly the fields that each audience can read through a document."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import parse
from typer.testing import CliRunner

from app.__main__ import app
from app.main import make_schema
from permissions.graphql.document_reach import reach_of
from tests.expectation import ALL_FIELDS, CELLS, NO_FIELDS
from tests.http.requests import ONE_DATABASE
from tests.processors.parties import VIEW_TYPES, document
from tests.world import GRAPHQL_NAMES, USER, World

SCHEMA = make_schema(introspection=True)
SELF = ("SELF",)
MEMBER = ("SELF", "MEMBERS")
READERS = ("SELF", "PUBLIC", "MEMBERS", "SUPPORT_CASE", "LEGAL_REQUEST")
AUDIENCES = {
    "{ viewer { user { %s } } }": SELF,
    "{ me { user { %s } } }": SELF,
    "{ users(first: 1) { edges { node { %s } } } }": MEMBER,
    "{ user(id: 1) { %s } }": READERS,
    '{ node(id: "1") { ... on User { %s } } }': READERS,
    'mutation { login(input: {email: "", password: ""}) { ... on SignedIn { viewer { user { %s } } } } }': SELF,
    "query A($x: Boolean!) { ...q @skip(if: $x) } fragment q on Query { user(id: 1) { ...u } } "
    "fragment u on User { ... @include(if: $x) { %s } }": READERS,
}
SELECTIONS = {name: f"{name} {{ __typename }}" for name in ("location", "publicPages", "preRegistration")}


def reach(text: str) -> Mapping[str, set[str]]:
    found = reach_of(SCHEMA, parse(text))
    return {audience.value: {field.value for field in fields} for audience, fields in found.items()}


def readable(audience: str, fields: frozenset[str]) -> set[str]:
    """The fields for which the table, written by hand, has a cell of this audience."""
    return {field for field in fields if CELLS[field][audience] != "-"}


@pytest.mark.parametrize("template", AUDIENCES)
@pytest.mark.parametrize("fields", [ALL_FIELDS, NO_FIELDS, *(frozenset({field}) for field in sorted(ALL_FIELDS))])
def test_each_audience_reaches_what_the_table_lets_it_read(template: str, fields: frozenset[str]) -> None:
    names = [GRAPHQL_NAMES[field] for field in sorted(fields)]
    text = template % " ".join(["__typename", *(SELECTIONS.get(name, name) for name in names)])
    assert SCHEMA.documents.faults(text, SCHEMA) == []
    expected = {audience: readable(audience, fields) for audience in AUDIENCES[template]}
    assert reach(text) == {audience: found for audience, found in expected.items() if found}


@pytest.mark.parametrize("processor", VIEW_TYPES)
def test_a_view_reaches_the_columns_of_its_processor_only(processor: str) -> None:
    assert reach(document(processor)) == {processor: readable(processor, ALL_FIELDS)}


def test_an_export_reaches_ones_own_record_and_a_policy_nobody() -> None:
    assert reach("mutation { exportMyData }") == {"SELF": set(ALL_FIELDS)}
    assert reach("{ policy { version } viewer { role } statistics(groupBy: [COUNTRY]) { margin } }") == {}


@pytest.mark.parametrize("role", ["ANONYMOUS", "MEMBER"])
@ONE_DATABASE
async def test_an_answer_holds_nothing_beyond_the_reach(world: World, role: str) -> None:
    id = await world.person("shown@example.org")
    token = None if role == "ANONYMOUS" else (await world.member("reader@example.org"))[1]
    text = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"
    user: dict[str, Any] = (await world.data(text, token, {"id": id}))["user"]
    names = {name: field for field, name in GRAPHQL_NAMES.items()}
    shown = {names[name] for name, value in user.items() if name in names and value is not None}
    assert shown == reach(text)["PUBLIC" if role == "ANONYMOUS" else "MEMBERS"]


def test_the_command_prints_each_document_and_audience(tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({"a": "query Me { me { user { email } } }", "b": "{ policy { version } }"}))
    done = CliRunner().invoke(app, ["documents", str(path), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output) == {
        "documents": [
            {"id": "a", "operation": "query", "name": "Me", "reach": {"SELF": ["EMAIL"]}},
            {"id": "b", "operation": "query", "name": None, "reach": {}},
        ]
    }
    _, first, second = CliRunner().invoke(app, ["documents", str(path)]).output.splitlines()
    assert (first.split(), second.split()) == (["a", "query", "Me", "SELF", "EMAIL"], ["b", "query", "none", "none"])

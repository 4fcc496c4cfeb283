"""In production, where nothing introspects, an error of a document names nothing that the document does not."""

import re
from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import (
    DirectiveLocation,
    EnumValueNode,
    GraphQLSchema,
    NameNode,
    Node,
    Visitor,
    build_schema,
    is_introspection_type,
    is_scalar_type,
    is_specified_scalar_type,
    parse,
    print_ast,
    print_schema,
    specified_directives,
    visit,
)

from app.graphql import document_limits
from app.graphql.execution import DocumentCache
from schema.build import build
from tests.graphql.invalid_documents import DocumentMaker

DOCUMENTS = 250
RENAMED = "Zq"
WORD = re.compile(r"\w+|…")


class Renaming(Visitor):
    """Appends letters to every name but the language's own."""

    def __init__(self, kept: frozenset[str]) -> None:
        super().__init__()
        self.kept = kept

    def enter_name(self, node: NameNode, *_: Any) -> NameNode:
        """Renames fields, arguments, types, variables and fragments."""
        return NameNode(value=self._renamed(node.value), loc=node.loc)

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> EnumValueNode:
        """Renames values of enums."""
        return EnumValueNode(value=self._renamed(node.value), loc=node.loc)

    def _renamed(self, name: str) -> str:
        return name if name in self.kept else name + RENAMED


def renamed(text: str, kept: frozenset[str]) -> str:
    tree: Node = parse(text)
    return print_ast(visit(tree, Renaming(kept)))


@pytest.fixture(scope="module")
def schemas() -> tuple[GraphQLSchema, GraphQLSchema, frozenset[str]]:
    """The schema, the same schema with other names, and the names that belong to GraphQL itself."""
    real = build().graphql
    own = [each for each in real.type_map.values() if is_specified_scalar_type(each) or is_introspection_type(each)]
    kept = {each.name for each in own}
    for directive in specified_directives:
        kept |= {directive.name, *directive.args}
    kept |= {"__typename", "__schema", "__type", *DirectiveLocation.__members__}
    text = f"{print_schema(real)} schema {{ query: Query mutation: Mutation }}"
    other = build_schema(renamed(text, frozenset(kept)))
    for each in real.type_map.values():
        if is_scalar_type(each) and each.name not in kept:
            checks = {name: value for name, value in vars(each).items() if callable(value)}
            vars(other.type_map[each.name + RENAMED]).update(checks)
    return real, other, frozenset(kept)


def told(schema: GraphQLSchema, text: str) -> list[Any]:
    cache: Any = DocumentCache(introspection=False)
    return list(cache.read(text, SimpleNamespace(graphql=schema)).errors)


def test_an_error_in_production_names_nothing_that_the_document_does_not(
    schemas: tuple[GraphQLSchema, GraphQLSchema, frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that comes from names elsewhere in the schema would change with them."""
    monkeypatch.setattr(document_limits, "limit_fault", lambda tree: None)  # it knows the true names of credentials
    real, other, kept = schemas
    maker, kinds = DocumentMaker(real, Random(14)), Counter[str]()
    for _ in range(DOCUMENTS):
        text = maker.document()
        written = set(WORD.findall(text))
        errors, others = told(real, text), told(other, renamed(text, kept))
        assert len(errors) == len(others), text
        for error, twin in zip(errors, others, strict=True):
            kinds[re.sub(r"'[^']*'|`[^`]*`", "", error.message)] += 1
            named = [*re.findall(r"['`]([^'`]*)['`]", error.message), str(error.extensions.get("argument", ""))]
            quoted = {word for each in named for word in WORD.findall(each) if not word.isdigit()}
            assert quoted <= written | {"…"}, (error.message, text)
            pairs = zip(WORD.findall(error.message), WORD.findall(twin.message), strict=True)
            assert {word for word, changed in pairs if word != changed} <= written, (error.message, text)
    assert len(kinds) >= 12, f"few kinds of faults were generated: {kinds}"
    assert sum("required argument" in each for each in kinds)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ user { id } }", "Argument 'user(id:)' is required, but it was not provided."),
        ("mutation { grantRole }", "'grantRole' lacks a required argument."),
        ("{ viewer @skip { role } }", "'@skip' lacks a required argument."),
        ("query userId { user(word: 1) { id } }", "Unknown argument '…' on field 'user'."),
        (
            "query ($x: Int) { user(id: $x) { id } }",
            "Variable '$x' of type 'Int' used in a position that needs another type.",
        ),
        ("{ word }", "Cannot query field '…'."),
        ("{ viewer { role { word } } }", "Field '…' must not have a selection."),
        ("{ viewer { ...F } } fragment F on Query { viewer { role } }", "Fragment '…' cannot be spread here."),
    ],
)
def test_errors_in_production_are_whole_sentences(
    document: str, message: str, schemas: tuple[GraphQLSchema, GraphQLSchema, frozenset[str]]
) -> None:
    assert message in [error.message for error in told(schemas[0], document)]

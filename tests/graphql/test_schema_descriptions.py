"""Laws of the schema's descriptions: every place has one, in short sentences."""

import re
from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
)

from models.vocabulary import RefusalCode, SupportCaseStatus
from permissions.graphql.enum_descriptions import DESCRIPTIONS, REFUSAL_CODES, DescriptionMismatch, register
from schema.build import build

LONGEST_SENTENCE = 30
SCHEMA = build()
Place = tuple[str, str | None]


def places_of(kind: GraphQLNamedType) -> Iterator[Place]:
    """A type with everything in it, by its schema coordinate."""
    yield kind.name, kind.description
    if isinstance(kind, GraphQLEnumType):
        for name, value in kind.values.items():
            yield f"{kind.name}.{name}", value.description
    elif not isinstance(kind, (GraphQLScalarType, GraphQLUnionType)):
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field.description
            for argument, declared in getattr(field, "args", {}).items():
                yield f"{kind.name}.{name}({argument}:)", declared.description


def places() -> Iterator[Place]:
    """Every place of the schema that introspection describes, except GraphQL's own types."""
    for name, kind in SCHEMA.graphql.type_map.items():
        if not name.startswith("__"):
            yield from places_of(kind)
    for directive in SCHEMA.graphql.directives:
        yield f"@{directive.name}", directive.description
        for argument, declared in directive.args.items():
            yield f"@{directive.name}({argument}:)", declared.description


PLACES = dict(places())
OF_GRAPHQL = re.compile(r"(Boolean|Float|ID|Int|String|JSON|@(skip|include|deprecated|specifiedBy|oneOf).*)$")
"""Described by the libraries."""

OURS = {place: text for place, text in PLACES.items() if text and not OF_GRAPHQL.match(place)}


def test_every_place_of_the_schema_has_a_description() -> None:
    assert [place for place, text in PLACES.items() if not (text or "").strip()] == []
    assert len(PLACES) > 670


def test_a_nullable_field_or_its_type_says_when_it_is_null() -> None:
    silent = [
        f"{kind.name}.{name}"
        for kind in SCHEMA.graphql.type_map.values()
        if isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)) and not kind.name.startswith("__")
        for name, field in kind.fields.items()
        if not isinstance(field.type, GraphQLNonNull)
        and "null" not in f"{kind.description} {field.description}".casefold()
    ]
    assert silent == []


def test_every_description_ends_with_a_full_stop() -> None:
    assert [place for place, text in OURS.items() if not text.endswith(".") or text != text.strip()] == []


def test_no_sentence_of_a_description_is_long() -> None:
    sentences = [(place, each) for place, text in OURS.items() for each in re.split(r"(?<=[.?!])\s", text)]
    assert [(place, each) for place, each in sentences if len(each.split()) > LONGEST_SENTENCE] == []


def test_a_custom_scalar_names_its_specification() -> None:
    custom = {
        name: kind.specified_by_url
        for name, kind in SCHEMA.graphql.type_map.items()
        if isinstance(kind, GraphQLScalarType) and name not in ("Boolean", "Float", "ID", "Int", "String")
    }
    assert set(custom) == {"DateTime", "JSON"}
    assert custom["DateTime"] == "https://datatracker.ietf.org/doc/html/rfc3339"
    assert custom["JSON"]


def test_the_printed_schema_carries_the_descriptions() -> None:
    printed = build_schema(SCHEMA.as_str())
    lost = [
        place
        for kind in printed.type_map.values()
        if not kind.name.startswith("__")
        for place, text in places_of(kind)
        if text != PLACES[place]
    ]
    assert lost == []
    assert [argument.description for argument in printed.get_directive("personalData").args.values()] == [
        PLACES["@personalData(purposes:)"],
        PLACES["@personalData(readers:)"],
    ]


def test_every_enum_of_the_schema_has_its_table() -> None:
    enums = {kind.name for kind in SCHEMA.graphql.type_map.values() if isinstance(kind, GraphQLEnumType)}
    assert {name for name in enums if not name.startswith("__")} == {kind.__name__ for kind in DESCRIPTIONS}


def test_an_enum_value_without_description_is_named_at_the_start() -> None:
    some = {code: text for code, text in REFUSAL_CODES.items() if code is not RefusalCode.TRY_LATER}
    with pytest.raises(DescriptionMismatch, match=r"Unmatched: RefusalCode\.TRY_LATER\.$"):
        register(RefusalCode, some)


def test_a_description_without_enum_value_is_named_at_the_start() -> None:
    with pytest.raises(DescriptionMismatch, match=r"Unmatched: SupportCaseStatus\.REOPENED\.$"):
        register(SupportCaseStatus, {**DESCRIPTIONS[SupportCaseStatus], "REOPENED": "The case was opened again."})


def test_an_optional_input_has_no_default_unless_leaving_it_out_means_a_value() -> None:
    printed = build().as_str()
    defaults = {line.strip() for line in printed.splitlines() if " = " in line and not line.startswith("union ")}
    assert defaults == {"transport: TokenTransport = BEARER"}

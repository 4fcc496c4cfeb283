"""Names the field at fault in a refused input. Only development names a field that the client did not send."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError, GraphQLInputObjectType, GraphQLSchema
from graphql.pyutils import suggestion_list

WRONG: Final = "has a value of the wrong type, or a field that is missing or unknown."
MISSING: Final = re.compile(r"Expected value of type '(\w+)' to include required field '(\w+)'")
UNKNOWN: Final = re.compile(r"Expected value of type '(\w+)' not to include unknown field '(\w+)'")
NULL: Final = re.compile(r"Expected value of non-null type '[\w!\[\]]+' not to be None")


@dataclass(frozen=True, slots=True)
class InputFault:
    """The dotted name of an input and what is wrong with it."""

    name: str
    sentence: str


def input_fault(
    error: GraphQLError, root: str, path: Sequence[str | int], schema: GraphQLSchema, *, names_fields: bool
) -> InputFault:
    """The fault at this path below `root`, an argument or a variable.

    A misspelt field is repeated only if it resembles a field of the schema. Any other name may be a secret in a wrong
    place.
    """
    name = ".".join([root, *(str(part) for part in path)])
    if NULL.match(error.message):
        return InputFault(name, f"`{name}` must not be null.")
    if names_fields and (missing := MISSING.match(error.message)):
        return InputFault(f"{name}.{missing[2]}", f"`{name}.{missing[2]}` is missing.")
    if names_fields and (unknown := UNKNOWN.match(error.message)):
        return _unknown_field(name, unknown[1], unknown[2], schema)
    return InputFault(name, f"`{name}` {WRONG}")


def _unknown_field(name: str, type_name: str, field: str, schema: GraphQLSchema) -> InputFault:
    kind = schema.type_map[type_name]
    similar = suggestion_list(field, list(kind.fields)) if isinstance(kind, GraphQLInputObjectType) else []
    if not similar:
        return InputFault(name, f"`{name}` has a field that {type_name} does not have.")
    meant = " or ".join(f"`{each}`" for each in similar[:3])
    return InputFault(f"{name}.{field}", f"`{name}.{field}` is not a field of {type_name}. Did you mean {meant}?")

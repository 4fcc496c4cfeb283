"""Error messages for clients. They name the place and the kind of error, never a sent value or internal details."""

import logging
import re
import secrets
from collections.abc import Iterator, Sequence, Set
from typing import Any, Final

from graphql import (
    SKIP,
    ArgumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    IntValueNode,
    ValuesOfCorrectTypeRule,
    VariableDefinitionNode,
    get_named_type,
)
from graphql.utilities import validate_input_literal

from app.graphql.document_limits import MAX_TOKENS
from app.graphql.input_faults import InputFault, input_fault
from models.connections.unavailable import CommitOutcomeUnknown, is_unavailable
from models.telemetry.failure import failure_fields
from permissions.error_codes import ErrorCode
from permissions.errors import ApiError, unavailable

log = logging.getLogger(__name__)

QUOTED: Final = re.compile(r"'([^']*)'")
COORDINATE: Final = re.compile(r"(?:(?P<type>[A-Za-z_]\w*)\.|(?=@?\w+\())(?P<name>@?\w+)(?:\((?P<argument>\w+):\))?")
INPUT: Final = re.compile(r"'(\$\w+)'|\((\w+):\)'")
HIDDEN_NAMES: Final = (
    (r"^Argument ('@?[\w.]+') of type '[^']*' is required, but it was not provided", r"\1 lacks a required argument"),
    (r" as objects of type '[^']*' can never be of type '[^']*'", ""),
    (r" in position expecting type '…'", " in a position that needs another type"),
    (r" since type '…' has no subfields", ""),
    (r" (of|on) type '…'", ""),
)
"""What becomes of the phrases of a message that would name an argument or a type that the client did not write."""


def syntax_error(error: GraphQLSyntaxError) -> GraphQLError:
    """A syntax error with its position only, because the text there may be a password."""
    place = error.locations[0] if error.locations else None
    where = f" at line {place.line}, column {place.column}" if place else ""
    sentence = (
        f"The document is too long: it may have at most {MAX_TOKENS:,} tokens."
        if "tokens" in error.message
        else f"Syntax error{where}: the document is not valid GraphQL."
    )
    return ApiError(
        sentence, source=error.source, positions=error.positions, extensions={"code": ErrorCode.GRAPHQL_PARSE_FAILED}
    )


def document_refused(sentence: str) -> GraphQLError:
    """The error for a document that exceeds a limit."""
    return ApiError(sentence, extensions={"code": ErrorCode.GRAPHQL_VALIDATION_FAILED})


class ValuesByNameRule(ValuesOfCorrectTypeRule):
    """GraphQL's rule for literals. Its errors name the input, while the standard rule repeats the value."""

    name = "a value"

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """Notes the argument that the next values belong to."""
        self.name = node.name.value

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        """Notes the variable that the next default belongs to."""
        self.name = f"${node.variable.name.value}"

    def is_valid_value_node(self, node: Any, input_type: Any) -> Any:
        """Reports each fault under the dotted name of the argument and the fields in it."""

        def report_by_name(error: GraphQLError, path: list[str | int]) -> None:
            context = self.context
            fault = input_fault(error, self.name, path, context.schema, names_fields=not context.hide_suggestions)
            # a whole number outside the range of Int is out of range, not of the wrong type
            whole = isinstance(node, IntValueNode) and get_named_type(input_type) is GraphQLInt
            code = ErrorCode.BAD_USER_INPUT if whole else ErrorCode.GRAPHQL_VALIDATION_FAILED
            extensions = {"code": code, "argument": fault.name}
            self.report_error(ApiError(fault.sentence, nodes=[node], extensions=extensions))

        if input_type:
            validate_input_literal(node, input_type, report_by_name, hide_suggestions=True)
        return SKIP


class ValidationMessages:
    """Removes from validation errors every quoted word that is not a name of the schema.

    Without `every_name` it also removes the names of the schema that do not occur in the document.
    """

    def __init__(self, schema: GraphQLSchema, *, every_name: bool) -> None:
        self.every_name = every_name
        self.names = frozenset(_all_names(schema) if every_name else schema.type_map)

    def sanitized(self, errors: Sequence[GraphQLError], text: str) -> list[GraphQLError]:
        """The errors of this document without sent text. Names of variables stay."""
        written = frozenset(re.findall(r"\w+", text)) if errors and not self.every_name else None
        told = [error if isinstance(error, ApiError) else self._sanitized(error, written) for error in errors]
        # without the names that tell them apart, several faults of one place read the same
        return list({(error.message, str(error.locations)): error for error in told}.values())

    def _sanitized(self, error: GraphQLError, written: Set[str] | None) -> GraphQLError:
        message = error.message if self.every_name else error.message.partition(" Did you mean")[0]
        message = QUOTED.sub(lambda quoted: f"'{self._shown(quoted[1], written)}'", message)
        if written is not None:
            for phrase, replacement in HIDDEN_NAMES:
                message = re.sub(phrase, replacement, message)
        extensions: dict[str, str] = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED}
        if named := INPUT.search(message):
            extensions["argument"] = named[1] or named[2]
        return ApiError(message, nodes=error.nodes, extensions=extensions)

    def _shown(self, word: str, written: Set[str] | None) -> str:
        """The word if an error may name it: names of the schema, but only those in `written` if it is given."""
        # a name in a document contains no dot and no parenthesis, so this one is the schema's
        if found := COORDINATE.fullmatch(word):
            return word if written is None else _written_part(found, written)
        parts = set(re.findall(r"\w+", word))
        known = parts <= self.names and (written is None or parts <= written)
        return word if word.startswith("$") or known else "…"


def _written_part(coordinate: re.Match[str], written: Set[str]) -> str:
    """The name in a coordinate, with the type and the argument only if they are in `written`."""
    kind, name, argument = coordinate["type"], coordinate["name"], coordinate["argument"]
    if name.lstrip("@") not in written:
        return "…"
    return (f"{kind}." if kind in written else "") + name + (f"({argument}:)" if argument in written else "")


def _all_names(schema: GraphQLSchema) -> Iterator[str]:
    yield from schema.type_map
    for directive in schema.directives:
        yield directive.name
        yield from directive.args
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLEnumType):
            yield from kind.values
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            yield from kind.fields
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield from (name for field in kind.fields.values() for name in field.args)


def invalid_variable(fault: InputFault) -> ApiError:
    """The error for an invalid variable, or for an invalid value in one."""
    return ApiError(fault.sentence, extensions={"code": ErrorCode.BAD_USER_INPUT, "argument": fault.name})


def public_error(error: GraphQLError) -> GraphQLError:
    """Returns an ApiError unchanged, and any other error as UNAVAILABLE, or as INTERNAL with an id that is logged."""
    cause = error.original_error
    if isinstance(error, ApiError):
        return error
    if isinstance(cause, ApiError):
        return ApiError(cause.message, nodes=error.nodes, path=error.path, extensions=cause.extensions)
    described = {"at": _field(error), **failure_fields(cause or error)}
    if cause is not None and is_unavailable(cause):
        log.error("the database is unavailable", extra=described)
        told = unavailable(outcome_unknown=isinstance(cause, CommitOutcomeUnknown))
        return ApiError(told.message, nodes=error.nodes, path=error.path, extensions=told.extensions)
    error_id = secrets.token_hex(8)
    log.error("an operation failed", extra={"error_id": error_id, **described})
    sentence = f"Internal error. Quote id {error_id} when you contact support."
    return ApiError(
        sentence, nodes=error.nodes, path=error.path, extensions={"code": ErrorCode.INTERNAL, "id": error_id}
    )


def _field(error: GraphQLError) -> str | None:
    """The schema's name of the field that failed. The path contains aliases, which are sent text."""
    node = error.nodes[0] if error.nodes else None
    return node.name.value if isinstance(node, FieldNode) else None

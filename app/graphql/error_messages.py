"""What a client is told of an error: its place and kind, never a value that somebody sent or something internal."""

import logging
import re
import secrets
from collections.abc import Iterator, Sequence
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

from permissions.error_codes import ErrorCode
from permissions.errors import ApiError

log = logging.getLogger(__name__)

QUOTED: Final = re.compile(r"'([^']*)'")
COORDINATE: Final = re.compile(r"[A-Za-z_]\w*\.\w+(\(\w+:\))?")
INPUT: Final = re.compile(r"'(\$\w+)'|\.\w+\((\w+):\)'")


def syntax_error(error: GraphQLSyntaxError) -> GraphQLError:
    """A syntax error by its place alone: the text there may be a password."""
    place = error.locations[0] if error.locations else None
    where = f" at line {place.line}, column {place.column}" if place else ""
    sentence = "The document is too long." if "tokens" in error.message else f"The document is not GraphQL{where}."
    return ApiError(
        sentence, source=error.source, positions=error.positions, extensions={"code": ErrorCode.GRAPHQL_PARSE_FAILED}
    )


def document_refused(sentence: str) -> GraphQLError:
    """A document that is not even validated."""
    return ApiError(sentence, extensions={"code": ErrorCode.GRAPHQL_VALIDATION_FAILED})


class ValuesByNameRule(ValuesOfCorrectTypeRule):
    """GraphQL's rule for literals, which says what the input is called where the stock rule repeats its value."""

    name = "a value"

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """The values that follow are of this argument."""
        self.name = node.name.value

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        """The default that follows is of this variable."""
        self.name = f"${node.variable.name.value}"

    def is_valid_value_node(self, node: Any, input_type: Any) -> Any:
        """Reports each fault under the dotted name of the argument and the fields in it."""

        def told_by_name(_error: GraphQLError, path: list[str | int]) -> None:
            name = ".".join([self.name, *(str(part) for part in path)])
            message = f"`{name}` has a value or a field of a type that it does not take."
            # a whole number that no Int holds is out of range, not of the wrong type
            whole = isinstance(node, IntValueNode) and get_named_type(input_type) is GraphQLInt
            code = ErrorCode.BAD_USER_INPUT if whole else ErrorCode.GRAPHQL_VALIDATION_FAILED
            self.report_error(ApiError(message, nodes=[node], extensions={"code": code, "argument": name}))

        if input_type:
            validate_input_literal(node, input_type, told_by_name, hide_suggestions=True)
        return SKIP


class ValidationMessages:
    """The words of a validation error that are the schema's own; every other word was sent by somebody and goes."""

    def __init__(self, schema: GraphQLSchema, *, every_name: bool) -> None:
        self.suggests = every_name
        self.names = frozenset(_all_names(schema) if every_name else schema.type_map)

    def sanitized(self, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
        """Validation errors without what was sent, but for the names of variables."""
        return [error if isinstance(error, ApiError) else self._sanitized(error) for error in errors]

    def _sanitized(self, error: GraphQLError) -> GraphQLError:
        message = error.message if self.suggests else error.message.partition(" Did you mean")[0]
        extensions: dict[str, str] = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED}
        if named := INPUT.search(message):
            extensions["argument"] = named[1] or named[2]
        return ApiError(QUOTED.sub(self._own, message), nodes=error.nodes, extensions=extensions)

    def _own(self, quoted: re.Match[str]) -> str:
        word = quoted[1]
        # no name that a client writes has a dot in it
        known = word.startswith("$") or COORDINATE.fullmatch(word) or set(re.findall(r"\w+", word)) <= self.names
        return quoted[0] if known else "'…'"


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


def invalid_variable(variable: str, path: Sequence[str | int]) -> ApiError:
    """A variable whose value is not of its type, by where in it."""
    name = ".".join([f"${variable}", *(str(part) for part in path)])
    return ApiError(
        f"`{name}` is missing, or has a value or a field of a type that it does not take.",
        extensions={"code": ErrorCode.BAD_USER_INPUT, "argument": name},
    )


def public_error(error: GraphQLError) -> GraphQLError:
    """A failure of ours as it is, anything else as INTERNAL with an id that the log has too."""
    cause = error.original_error
    if isinstance(error, ApiError):
        return error
    if isinstance(cause, ApiError):
        return ApiError(cause.message, nodes=error.nodes, path=error.path, extensions=cause.extensions)
    error_id = secrets.token_hex(8)
    kind = type(cause or error).__name__
    log.error("an operation failed", extra={"error_id": error_id, "kind": kind, "at": _field(error)})
    sentence = "Something went wrong here; nothing is shown."
    return ApiError(
        sentence, nodes=error.nodes, path=error.path, extensions={"code": ErrorCode.INTERNAL, "id": error_id}
    )


def _field(error: GraphQLError) -> str | None:
    """The field at fault as the schema calls it: the path holds aliases, which somebody chose."""
    node = error.nodes[0] if error.nodes else None
    return node.name.value if isinstance(node, FieldNode) else None

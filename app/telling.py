"""What a client is told of an error: its place and kind, never a value that somebody sent or something internal."""

import logging
import secrets
from collections.abc import Sequence
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    ObjectFieldNode,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    visit,
)

from permissions.failure import Failure

log = logging.getLogger(__name__)

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"


def unreadable(error: GraphQLSyntaxError) -> GraphQLError:
    """A syntax error by its place alone: the text there may be a password."""
    place = error.locations[0] if error.locations else None
    where = f" at line {place.line}, column {place.column}" if place else ""
    sentence = "The document is too long." if "tokens" in error.message else f"The document is not GraphQL{where}."
    return Failure(sentence, source=error.source, positions=error.positions, extensions={"code": PARSE_FAILED})


def invalid(errors: Sequence[GraphQLError], document: DocumentNode) -> list[GraphQLError]:
    """Validation errors, those about a value told by the input's name."""
    return [_invalid(error, document) for error in errors]


def _invalid(error: GraphQLError, document: DocumentNode) -> GraphQLError:
    node = error.nodes[0] if error.nodes else None
    extensions: dict[str, Any] = {"code": VALIDATION_FAILED}
    message = error.message
    if isinstance(node, ValueNode) or (isinstance(node, ObjectFieldNode) and "not defined" in message):
        name = _Name(node).find(document)
        message = f"`{name}` has a value or a field of a type that it does not take."
        extensions["argument"] = name
    return Failure(message, nodes=error.nodes, extensions=extensions)


class _Name(Visitor):
    """Finds what the input is called that holds a value node."""

    def __init__(self, wanted: Any) -> None:
        super().__init__()
        self.wanted = wanted
        self.found: list[str] = []

    def find(self, document: DocumentNode) -> str:
        """The dotted name of the argument and the fields in it."""
        visit(document, self)
        return ".".join(self.found) or "a value"

    def enter(self, node: Any, _key: Any, _parent: Any, _path: Any, ancestors: Any) -> None:
        """Remembers the names above the wanted node."""
        if node is self.wanted:
            above = [*(each for each in ancestors if not isinstance(each, list | tuple)), node]
            self.found = [name for each in above if (name := _named(each))]


def _named(node: Any) -> str | None:
    if isinstance(node, ArgumentNode | ObjectFieldNode):
        return str(node.name.value)
    return f"${node.variable.name.value}" if isinstance(node, VariableDefinitionNode) else None


def misfit(variable: str, path: Sequence[str | int]) -> Failure:
    """A variable whose value is not of its type, by where in it."""
    name = ".".join([f"${variable}", *(str(part) for part in path)])
    return Failure(
        f"`{name}` is missing, or has a value or a field of a type that it does not take.",
        extensions={"code": "BAD_USER_INPUT", "argument": name},
    )


def told(error: GraphQLError) -> GraphQLError:
    """A failure of ours as it is, anything else as INTERNAL with an id that the log has too."""
    cause = error.original_error
    if isinstance(error, Failure):
        return error
    if isinstance(cause, Failure):
        return Failure(cause.message, nodes=error.nodes, path=error.path, extensions=cause.extensions)
    id = secrets.token_hex(8)
    kind = type(cause or error).__name__
    log.error("an operation failed", extra={"error_id": id, "kind": kind, "at": error.path})
    sentence = "Something went wrong here; nothing is shown."
    return Failure(sentence, nodes=error.nodes, path=error.path, extensions={"code": "INTERNAL", "id": id})

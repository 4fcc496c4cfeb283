"""Execution of an operation: parse and validate, check variables, decide refusals."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    TypeInfo,
    ValidationContext,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities import type_from_ast, validate_input_value
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from app.graphql import document_limits, error_messages
from app.graphql.document_cache import MAX_ERRORS, Document, DocumentCache
from app.graphql.input_faults import InputFault, input_fault
from app.graphql.operation_metrics import measure_answers
from models.telemetry.spans import SpanName, span
from permissions.errors import ApiError, lapsed_session
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.root_field_rules import LAPSED_SESSION_FIELDS

REFUSED_FIELDS: Final = "refusedFields"


class OperationExtension(SchemaExtension):
    """Parses, validates and executes one operation."""

    def __init__(self, documents: DocumentCache) -> None:
        self.documents = documents
        self.document: Document | None = None

    async def on_parse(self) -> AsyncIterator[None]:
        """Takes the document from the cache, or parses it."""
        context = self.execution_context
        try:
            self.document = await self.documents.read_aside(context.query or "", _schema(context))
        except GraphQLSyntaxError as error:
            raise error_messages.syntax_error(error) from None
        context.graphql_document = self.document.tree
        yield

    def on_validate(self) -> Iterator[None]:
        """Reports the errors found when the document was parsed."""
        self.execution_context.pre_execution_errors = self.document.errors if self.document else []
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Checks variables and decides refusals before any data is read."""
        context = self.execution_context
        operation = _operation(context.graphql_document)
        if context.context.cookies.lapsed and _needs_session(_tree(context), operation):
            context.result = PreExecutionError(data=None, errors=[lapsed_session()])
            yield
            return
        variables = _coerced_variables(
            _schema(context),
            _tree(context),
            operation,
            context.variables or {},
            names_fields=self.documents.introspection,
        )
        if isinstance(variables, list):
            context.result = PreExecutionError(data=None, errors=variables)
            yield
            return
        try:
            walk = SelectionWalk(_schema(context), _tree(context), variables, context.context.caller)
            context.context.selection = selection = walk.operation(operation)
        except ApiError as asks_too_much:
            context.result = PreExecutionError(data=None, errors=[asks_too_much])
            yield
            return
        if refused := selection.refused_fields():
            context.extensions_results[REFUSED_FIELDS] = refused
        with span(SpanName.EXECUTION):
            yield
        result = context.result
        if result is not None:
            result.errors = [error_messages.public_error(error) for error in result.errors or []] or None
            measure_answers(context.context.answered, result.errors or [])


def _schema(context: ExecutionContext) -> ClassifiedSchema:
    schema = context.schema
    if not isinstance(schema, ClassifiedSchema):
        raise TypeError("only a classified schema is served")
    return schema


def _tree(context: ExecutionContext) -> DocumentNode:
    if context.graphql_document is None:
        raise TypeError("nothing was parsed")
    return context.graphql_document


def _operation(document: DocumentNode | None) -> OperationDefinitionNode:
    nodes = document.definitions if document else ()
    return next(node for node in nodes if isinstance(node, OperationDefinitionNode))


def _needs_session(tree: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether a root field, with fragments expanded, may not be answered to a browser whose access token expired."""
    kind = operation.operation.value.capitalize()
    names = document_limits.SelectionMeter(tree).field_counts(operation.selection_set)
    return any(not name.startswith("__") and f"{kind}.{name}" not in LAPSED_SESSION_FIELDS for name in names)


def _coerced_variables(
    schema: ClassifiedSchema,
    tree: DocumentNode,
    operation: OperationDefinitionNode,
    given: dict[str, Any],
    *,
    names_fields: bool,
) -> VariableValues | list[GraphQLError]:
    """Returns the coerced variables, or errors that name each invalid one.

    `names_fields` lets the errors name fields of the schema that the client did not send.
    """
    definitions = operation.variable_definitions or ()
    coerced = get_variable_values(schema.graphql, definitions, given, MAX_ERRORS, hide_suggestions=True)
    if isinstance(coerced, VariableValues):
        return _misplaced_nulls(schema, tree, operation, coerced) or coerced
    faults: list[InputFault] = []
    for definition in definitions:
        name = definition.variable.name.value
        kind: Any = type_from_ast(schema.graphql, definition.type)
        if name in given and kind is not None:
            collect = _collector(faults, f"${name}", schema.graphql, names_fields=names_fields)
            with suppress(_EnoughFaults):
                validate_input_value(given[name], kind, collect)
        elif name not in given and definition.default_value is None and is_non_null_type(kind):
            faults.append(InputFault(f"${name}", f"`${name}` is missing."))
    found = faults[:MAX_ERRORS] or [InputFault("$variables", "The variables are invalid.")]
    return [error_messages.invalid_variable(fault) for fault in found]


def _misplaced_nulls(
    schema: ClassifiedSchema, tree: DocumentNode, operation: OperationDefinitionNode, values: VariableValues
) -> list[GraphQLError]:
    """Errors for nulls in non-null positions. GraphQL accepts a nullable variable there if it has a default."""
    nulls = {name for name, value in values.coerced.items() if value is None}
    if not nulls:
        return []
    context = ValidationContext(schema.graphql, tree, TypeInfo(schema.graphql), lambda _error: None)
    usages = context.get_recursive_variable_usages(operation)
    wrong = {usage.node.name.value for usage in usages if is_non_null_type(usage.type)} & nulls
    return [
        error_messages.invalid_variable(InputFault(f"${name}", f"`${name}` must not be null."))
        for name in sorted(wrong)
    ]


class _EnoughFaults(Exception):
    """Ends the validation of a variable: no answer has more errors."""


def _collector(
    faults: list[InputFault], root: str, schema: GraphQLSchema, *, names_fields: bool
) -> Callable[[GraphQLError, list[str | int]], None]:
    def collect(error: GraphQLError, path: list[str | int]) -> None:
        if len(faults) >= MAX_ERRORS:
            raise _EnoughFaults
        faults.append(input_fault(error, root, path, schema, names_fields=names_fields))

    return collect


class ServedSchema(ClassifiedSchema):
    """The schema that the endpoint serves, with its documents. Errors are logged by `public_error` only."""

    documents: DocumentCache

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Logs nothing: Strawberry would log whole documents with their literals."""

"""What surrounds every operation: bounded documents, checked variables, refusals by role, errors that tell nothing."""

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    TypeInfo,
    ValidationContext,
    ValuesOfCorrectTypeRule,
    is_non_null_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities import type_from_ast, validate_input_value
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from app.graphql import document_limits, error_messages
from permissions.errors import not_recorded
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from resolvers.context import Context
from resolvers.ledger import write_disclosures

log = logging.getLogger(__name__)

MAX_DOCUMENTS: Final = 256
MAX_ERRORS: Final = 10
LITERAL_MARKS: Final = frozenset('"#')
"""What a valid document needs to hold a text of its own: a string, or a comment."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text that has been parsed and validated, and what was wrong with it."""

    tree: DocumentNode
    errors: list[GraphQLError]


class DocumentCache:
    """The newest documents, so that one is parsed and validated once. What may spell out a password is not kept.

    Nor is what is wrong: it may hold one in a misspelt place, and floods would push out what clients send.
    """

    def __init__(self, *, introspection: bool) -> None:
        rules = (
            error_messages.ValuesByNameRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
        )
        self.rules = (*rules,) if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self.introspection = introspection
        self._messages: error_messages.ValidationMessages | None = None
        self._documents: OrderedDict[str, Document] = OrderedDict()

    def read(self, text: str, schema: ClassifiedSchema) -> Document:
        """The document of a text; a GraphQLError where it is none."""
        if text in self._documents:
            self._documents.move_to_end(text)
            return self._documents[text]
        tree = parse(text, max_tokens=document_limits.MAX_TOKENS, allow_empty_selection_sets=False)
        document = Document(tree, self._errors(tree, schema))
        if not document.errors and not _may_hold_a_secret(text):
            self._documents[text] = document
            if len(self._documents) > MAX_DOCUMENTS:
                self._documents.popitem(last=False)
        return document

    def _errors(self, tree: DocumentNode, schema: ClassifiedSchema) -> list[GraphQLError]:
        if refusal := document_limits.limit_fault(tree):
            return [error_messages.document_refused(refusal)]
        if self._messages is None:
            self._messages = error_messages.ValidationMessages(schema.graphql, every_name=self.introspection)
        hidden = not self.introspection
        found = validate(schema.graphql, tree, self.rules, max_errors=MAX_ERRORS, hide_suggestions=hidden)
        return self._messages.sanitized(found[:MAX_ERRORS])


def _may_hold_a_secret(text: str) -> bool:
    """Whether a valid document proves something and says it itself, rather than by variables."""
    return any(field in text for field in CREDENTIAL_FIELDS) and any(mark in text for mark in LITERAL_MARKS)


class OperationExtension(SchemaExtension):
    """One operation from its text to its answer."""

    def __init__(self, documents: DocumentCache) -> None:
        self.documents = documents
        self.document: Document | None = None

    def on_parse(self) -> Iterator[None]:
        """From the newest documents, or parsed now."""
        context = self.execution_context
        try:
            self.document = self.documents.read(context.query or "", _schema(context))
        except GraphQLSyntaxError as error:
            raise error_messages.syntax_error(error) from None
        context.graphql_document = self.document.tree
        yield

    def on_validate(self) -> Iterator[None]:
        """What was found when the document was new."""
        self.execution_context.pre_execution_errors = self.document.errors if self.document else []
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Checks variables and decides refusals before anything is read; adds the refusals to the answer."""
        context = self.execution_context
        operation = _operation(context.graphql_document)
        variables = _coerced_variables(_schema(context), _tree(context), operation, context.variables or {})
        if isinstance(variables, list):
            context.result = PreExecutionError(data=None, errors=variables)
            yield
            return
        walk = SelectionWalk(_schema(context), _tree(context), variables, context.context.caller)
        context.context.selection = selection = walk.operation(operation)
        yield
        result = context.result
        if result is not None:
            found = [error_messages.public_error(error) for error in result.errors or []]
            result.errors = [*found, *selection.refusals] or None
            await _record_disclosures(context.context, result)


async def _record_disclosures(context: Context, result: Any) -> None:
    """Enters the reading in the ledger before anything of it leaves; what cannot be entered is not shown."""
    try:
        await write_disclosures.record_answer(context)
    except Exception as problem:  # noqa: BLE001  # whatever kept the ledger from being written, nothing is shown
        log.error("a reading could not be recorded", extra={"kind": type(problem).__name__})
        result.data = None
        result.errors = [not_recorded()]


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


def _coerced_variables(
    schema: ClassifiedSchema, tree: DocumentNode, operation: OperationDefinitionNode, given: dict[str, Any]
) -> VariableValues | list[GraphQLError]:
    """The coerced variables, or what is wrong with them, told by name."""
    definitions = operation.variable_definitions or ()
    coerced = get_variable_values(schema.graphql, definitions, given, MAX_ERRORS, hide_suggestions=True)
    if isinstance(coerced, VariableValues):
        return _misplaced_nulls(schema, tree, operation, coerced) or coerced
    faults: list[GraphQLError] = []
    for definition in definitions:
        name = definition.variable.name.value
        kind: Any = type_from_ast(schema.graphql, definition.type)
        if name in given and kind is not None:
            validate_input_value(given[name], kind, _collector(name, faults))
        elif name not in given and definition.default_value is None and is_non_null_type(kind):
            faults.append(error_messages.invalid_variable(name, ()))
    return faults[:MAX_ERRORS] or [error_messages.invalid_variable("variables", ())]


def _misplaced_nulls(
    schema: ClassifiedSchema, tree: DocumentNode, operation: OperationDefinitionNode, values: VariableValues
) -> list[GraphQLError]:
    """A nullable variable with a default may stand where null may not; sent as null there, it is a misfit."""
    nulls = {name for name, value in values.coerced.items() if value is None}
    if not nulls:
        return []
    context = ValidationContext(schema.graphql, tree, TypeInfo(schema.graphql), lambda _error: None)
    usages = context.get_recursive_variable_usages(operation)
    wrong = {usage.node.name.value for usage in usages if is_non_null_type(usage.type)} & nulls
    return [error_messages.invalid_variable(name, ()) for name in sorted(wrong)]


def _collector(name: str, faults: list[GraphQLError]) -> Callable[[GraphQLError, list[str | int]], None]:
    return lambda _error, path: faults.append(error_messages.invalid_variable(name, path))


class ServedSchema(ClassifiedSchema):
    """Strawberry would log whole documents with their literals; what is worth a line is written where it is told."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `telling.told` logs an id, a kind and a path."""

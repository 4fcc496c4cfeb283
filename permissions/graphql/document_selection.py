"""The fields that a document selects, and those of them that the caller's role can never read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from models.vocabulary import EVERY_FIELD
from permissions.caller import Caller
from permissions.decision import possible_bits
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.graphql.document_demand import DocumentDemand, Place
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES


@dataclass(slots=True)
class RootFieldSelection:
    """The selection of one root field: coordinates (`User.email`) and the bits of its personal fields.

    `bits_below` has the bits for each field that returns subjects, by its coordinate (`SupportCase.subject`).
    `refused` has the coordinates that the caller's role can never read, each once, in the order of the document.
    """

    coordinates: set[str] = field(default_factory=set)
    bits: int = 0
    bits_below: dict[str, int] = field(default_factory=dict)
    refused: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class DocumentSelection:
    """The selection of each root field, by its key in the answer."""

    root_fields: dict[str, RootFieldSelection] = field(default_factory=dict)

    def refused_fields(self) -> list[dict[str, list[str]]]:
        """Lists, for each root field, the fields that the caller's role can never read. Nothing stored changes it."""
        return [
            {"path": [key], "fields": list(selection.refused)}
            for key, selection in self.root_fields.items()
            if selection.refused
        ]


class SelectionWalk:
    """Walks through an operation once and follows fragments, `@skip` and `@include`."""

    def __init__(
        self, schema: ClassifiedSchema, document: DocumentNode, variables: VariableValues, caller: Caller
    ) -> None:
        self.schema = schema
        self.variables = variables
        self.caller = caller
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.selection = DocumentSelection()
        self._demand = DocumentDemand(variables.coerced)
        self._same_field: dict[str, list[RootFieldSelection]] = {}

    def operation(self, node: OperationDefinitionNode) -> DocumentSelection:
        """Returns the selections of the operation's root fields. Raises BAD_USER_INPUT if they ask for too much."""
        root = self.schema.graphql.get_root_type(node.operation)
        if root is not None:
            for key, name, selected, _ in self._fields(root, node.selection_set):
                self._root(key, f"{root.name}.{name}", selected, root)
        if node.operation is OperationType.QUERY and not self.caller.is_recorded:
            self._share_bits()
        return self.selection

    def _share_bits(self) -> None:
        """Lets aliases of one field read the same columns, so that a document prepares one statement for all of them.

        Not for callers whose readings are recorded: the ledger names the requested fields of each alias.
        """
        for selections in self._same_field.values():
            together = reduce(or_, (selection.bits for selection in selections))
            for selection in selections:
                selection.bits = together

    def _root(self, key: str, coordinate: str, node: FieldNode, root: GraphQLObjectType) -> None:
        rule = ROOT_FIELD_RULES.get(coordinate)
        if rule is None or not rule.allows(self.caller):
            return
        definition = root.fields[node.name.value]
        self._demand.add((key,), coordinate, node, definition)
        if node.selection_set is None:
            return
        selection = self.selection.root_fields.setdefault(key, RootFieldSelection())
        self._same_field.setdefault(coordinate, []).append(selection)
        kind = get_named_type(definition.type)
        if is_composite_type(kind):
            readable = EVERY_FIELD if rule.is_processor_view else possible_bits(rule.audiences(self.caller))
            self._nested(kind, node.selection_set, (key,), selection, readable, above=coordinate)

    def _nested(
        self,
        kind: GraphQLCompositeType,
        selections: SelectionSetNode,
        place: Place,
        selection: RootFieldSelection,
        readable: int,
        *,
        above: str,
    ) -> None:
        for key, name, node, parent in self._fields(kind, selections):
            coordinate = f"{parent.name}.{name}"
            selection.coordinates.add(coordinate)
            if guard := self.schema.guards.get(coordinate):
                if not guard.bit & readable:
                    selection.refused[coordinate] = None
                    continue
                selection.bits |= guard.bit
                selection.bits_below[above] = selection.bits_below.get(above, 0) | guard.bit
            definition = getattr(parent, "fields", {}).get(name)
            if definition is None:
                continue
            inner, here = get_named_type(definition.type), (*place, key)
            self._demand.add(here, coordinate, node, definition)
            if node.selection_set is not None and is_composite_type(inner):
                self._nested(inner, node.selection_set, here, selection, readable, above=coordinate)

    def _fields(
        self, kind: GraphQLCompositeType, selections: SelectionSetNode
    ) -> Iterator[tuple[str, str, FieldNode, Any]]:
        for node in selections.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield (node.alias or node.name).value, node.name.value, node, kind
            elif isinstance(node, InlineFragmentNode):
                inner = self._type(node.type_condition.name.value) if node.type_condition else kind
                yield from self._fields(inner, node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and (fragment := self.fragments.get(node.name.value)):
                yield from self._fields(self._type(fragment.type_condition.name.value), fragment.selection_set)

    def _type(self, name: str) -> Any:
        return self.schema.graphql.type_map[name]

    def _included(self, node: Any) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and include["if"] is False)

"""The personal fields that a document can reach, per audience. They follow from the policy, not from any data."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues

from models.vocabulary import EVERY_FIELD, Audience, PersonalField, fields_of
from permissions.caller import Caller
from permissions.decision import possible_bits
from permissions.graphql.classified_schema import DEFINITION, ClassifiedSchema
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES, RootFieldRule

VIEWING_PROCESSOR: Final = "__viewing_processor__"
"""The attribute of a view's type that names the processor whose view it is."""


class ReachWalk(SelectionWalk):
    """Walks through an operation as every role that may use its root fields. No `@skip` leaves anything out."""

    def __init__(self, schema: ClassifiedSchema, document: DocumentNode) -> None:
        super().__init__(schema, document, VariableValues({}, {}), Caller())
        self.bits = dict.fromkeys(Audience, 0)

    def _included(self, node: Any) -> bool:
        return True

    def _root(self, key: str, coordinate: str, node: FieldNode, root: GraphQLObjectType) -> None:
        rule = ROOT_FIELD_RULES.get(coordinate)
        if rule is None:
            return
        if rule.exports_own_record:
            self._add(rule, EVERY_FIELD)
        if rule.is_processor_view:
            self._add_views(root.fields[node.name.value].type, node)
        else:
            self._add(rule, self._bits_below(root, node))

    def _add(self, rule: RootFieldRule, bits: int) -> None:
        """Adds the fields for each audience that a role can have which may use the root field."""
        for audience in {each for role in rule.roles for each in rule.audiences(Caller(role=role))}:
            self.bits[audience] |= bits & possible_bits((audience,))

    def _add_views(self, kind: Any, node: FieldNode) -> None:
        """Adds the fields of each view for its own processor."""
        if node.selection_set is None:
            return
        for _, _, inner, parent in self._fields(get_named_type(kind), node.selection_set):
            origin = getattr(parent.extensions.get(DEFINITION), "origin", None)
            if processor := getattr(origin, VIEWING_PROCESSOR, None):
                audience = Audience(processor)
                self.bits[audience] |= self._bits_below(parent, inner) & possible_bits((audience,))

    def _bits_below(self, parent: Any, node: FieldNode) -> int:
        """The fields in the selection of this field of a type, with any arguments."""
        field = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(field.type) if field else None
        if node.selection_set is None or not is_composite_type(kind):
            return 0
        bits = 0
        for _, name, inner, owner in self._fields(kind, node.selection_set):
            guard = self.schema.guards.get(f"{owner.name}.{name}")
            bits |= (guard.bit if guard else 0) | self._bits_below(owner, inner)
        return bits


def reach_of(schema: ClassifiedSchema, document: DocumentNode) -> Mapping[Audience, tuple[PersonalField, ...]]:
    """Returns the fields that each audience can read through a valid document, without audiences that read none."""
    walk = ReachWalk(schema, document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            walk.operation(node)
    return {audience: fields_of(bits) for audience, bits in walk.bits.items() if bits}

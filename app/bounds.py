"""How much a document may ask: one operation, so deep, so wide; each fragment is measured once."""

from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from permissions.operations import CREDENTIAL_FIELDS

MOST_TOKENS: Final = 1000
DEEPEST: Final = 10
MOST_FIELDS: Final = 500
MOST_ALIASES: Final = 30
DESCRIBES_THE_SCHEMA: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a selection with its fragments written out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0


class Ruler:
    """Measures selections; a fragment spread a thousand times is measured once and counted a thousand times."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Measure] = {}

    def selection(self, selections: SelectionSetNode | None) -> Measure:
        """Depth, expanded fields and aliases below."""
        depth = fields = aliases = 0
        for node in selections.selections if selections else ():
            below = self._node(node)
            depth = max(depth, below.depth)
            fields += below.fields
            aliases += below.aliases
        return Measure(depth, fields, aliases)

    def _node(self, node: object) -> Measure:
        if isinstance(node, FieldNode):
            if node.name.value in DESCRIBES_THE_SCHEMA:
                return Measure(1, 1, int(node.alias is not None))
            below = self.selection(node.selection_set)
            return Measure(below.depth + 1, below.fields + 1, below.aliases + int(node.alias is not None))
        if isinstance(node, InlineFragmentNode):
            return self.selection(node.selection_set)
        return self._fragment(node.name.value) if isinstance(node, FragmentSpreadNode) else Measure()

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            self._known[name] = Measure()  # a circle ends here; graphql-core reports it
            if fragment := self.fragments.get(name):
                self._known[name] = self.selection(fragment.selection_set)
        return self._known[name]


def refusal(document: DocumentNode) -> GraphQLError | None:
    """Why this document is not even validated, or None."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        return GraphQLError("A document holds exactly one operation.")
    ruler = Ruler(document)
    measure = ruler.selection(operations[0].selection_set)
    for name, size, most in (
        ("levels", measure.depth, DEEPEST),
        ("fields", measure.fields, MOST_FIELDS),
        ("aliases", measure.aliases, MOST_ALIASES),
    ):
        if size > most:
            return GraphQLError(f"A document asks for at most {most} {name}, fragments written out.")
    roots = root_fields(ruler, operations[0].selection_set)
    if len(roots) > 1 and CREDENTIAL_FIELDS & set(roots):
        return GraphQLError("A mutation that proves who somebody is stands alone in its document.")
    return None


def root_fields(ruler: Ruler, selections: SelectionSetNode, seen: frozenset[str] = frozenset()) -> list[str]:
    """The names of an operation's root fields, fragments written out."""
    names: list[str] = []
    for node in selections.selections:
        if isinstance(node, FieldNode):
            names.append(node.name.value)
        elif isinstance(node, InlineFragmentNode):
            names += root_fields(ruler, node.selection_set, seen)
        elif isinstance(node, FragmentSpreadNode):
            fragment = None if node.name.value in seen else ruler.fragments.get(node.name.value)
            names += root_fields(ruler, fragment.selection_set, seen | {node.name.value}) if fragment else []
    return names

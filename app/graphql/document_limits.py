"""How much a document may ask: one operation, so deep, so wide; each fragment is measured once."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS

MAX_TOKENS: Final = 1000
MAX_DEPTH: Final = 10
MAX_FIELDS: Final = 500
MAX_ALIASES: Final = 30
MAX_REPEATS: Final = 30
"""GraphQL's own rule compares fields of one name in pairs: 230 of them cost 0.2 s."""
INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class SelectionSize:
    """The size of a selection with its fragments written out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    repeats: int = 0


class SelectionMeter:
    """Measures selections; a fragment spread a thousand times is measured once and counted a thousand times."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._fragment_sizes: dict[str, SelectionSize] = {}
        self._fragment_counts: dict[str, Counter[str]] = {}

    def size(self, selections: SelectionSetNode | None) -> SelectionSize:
        """Depth, expanded fields, aliases and repetitions below."""
        if selections is None:
            return SelectionSize()
        depth = aliases = 0
        # an empty selection counts: graphql-core reads `{ }`, and spreads of nothing double like any other
        fields = int(not selections.selections)
        repeats = max(self.field_counts(selections).values(), default=0)
        for node in selections.selections:
            below = self._node(node)
            depth = max(depth, below.depth)
            fields += below.fields
            aliases += below.aliases
            repeats = max(repeats, below.repeats)
        return SelectionSize(depth, fields, aliases, repeats)

    def _node(self, node: object) -> SelectionSize:
        if isinstance(node, FieldNode):
            alias = int(node.alias is not None)
            if node.name.value in INTROSPECTION_FIELDS:
                return SelectionSize(1, 1, alias)
            below = self.size(node.selection_set)
            return SelectionSize(below.depth + 1, below.fields + 1, below.aliases + alias, below.repeats)
        if isinstance(node, InlineFragmentNode):
            return self.size(node.selection_set)
        return self._fragment(node.name.value) if isinstance(node, FragmentSpreadNode) else SelectionSize()

    def _fragment(self, name: str) -> SelectionSize:
        if name not in self._fragment_sizes:
            self._fragment_sizes[name] = SelectionSize()  # a circle ends here; graphql-core reports it
            if fragment := self.fragments.get(name):
                self._fragment_sizes[name] = self.size(fragment.selection_set)
        return self._fragment_sizes[name]

    def field_counts(self, selections: SelectionSetNode) -> Counter[str]:
        """How often each field stands side by side here, fragments written out."""
        found: Counter[str] = Counter()
        for node in selections.selections:
            found.update(self._node_counts(node))
        return found

    def _node_counts(self, node: object) -> Counter[str]:
        if isinstance(node, FieldNode):
            return Counter((node.name.value,))
        if isinstance(node, InlineFragmentNode):
            return self.field_counts(node.selection_set)
        name = node.name.value if isinstance(node, FragmentSpreadNode) else ""
        if name not in self._fragment_counts:
            # kept even where it is empty: fragments that end nowhere ask for no field and still double with each spread
            self._fragment_counts[name] = Counter()
            if fragment := self.fragments.get(name):
                self._fragment_counts[name] = self.field_counts(fragment.selection_set)
        return self._fragment_counts[name]


def limit_fault(document: DocumentNode) -> str | None:
    """Why this document is not even validated, or None."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        return "A document holds exactly one operation."
    ruler = SelectionMeter(document)
    measure = ruler.size(operations[0].selection_set)
    for name, size, most in (
        ("levels", measure.depth, MAX_DEPTH),
        ("fields", measure.fields, MAX_FIELDS),
        ("aliases", measure.aliases, MAX_ALIASES),
        ("fields of one name beside each other", measure.repeats, MAX_REPEATS),
    ):
        if size > most:
            return f"A document asks for at most {most} {name}, fragments written out."
    roots = ruler.field_counts(operations[0].selection_set)
    if roots.total() > 1 and CREDENTIAL_FIELDS & roots.keys():
        return "A mutation that proves who somebody is stands alone in its document."
    return None

"""Limits of a document: one operation, its depth, fields and aliases. Each fragment is measured once."""

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
"""Validation compares fields of the same name in pairs: 230 of them take 0.2 s."""
INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class SelectionSize:
    """The size of a selection with its fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    repeats: int = 0


class SelectionMeter:
    """Measures selections. A fragment that is spread many times is measured once and counted each time."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._fragment_sizes: dict[str, SelectionSize] = {}
        self._fragment_counts: dict[str, Counter[str]] = {}

    def size(self, selections: SelectionSetNode | None) -> SelectionSize:
        """Depth, fields, aliases and repeated fields of a selection, with fragments expanded."""
        if selections is None:
            return SelectionSize()
        depth = aliases = 0
        # an empty selection counts as a field, because spreads of empty fragments double like any other
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
            self._fragment_sizes[name] = SelectionSize()  # ends a cycle of fragments, which graphql-core reports
            if fragment := self.fragments.get(name):
                self._fragment_sizes[name] = self.size(fragment.selection_set)
        return self._fragment_sizes[name]

    def field_counts(self, selections: SelectionSetNode) -> Counter[str]:
        """How often each field occurs at this level, with fragments expanded."""
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
            # cached even if empty: nested spreads of empty fragments still double the work
            self._fragment_counts[name] = Counter()
            if fragment := self.fragments.get(name):
                self._fragment_counts[name] = self.field_counts(fragment.selection_set)
        return self._fragment_counts[name]


def limit_fault(document: DocumentNode) -> str | None:
    """Returns which limit the document exceeds, or None."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        return "A document must contain exactly one operation."
    meter = SelectionMeter(document)
    size = meter.size(operations[0].selection_set)
    for name, count, most in (
        ("levels", size.depth, MAX_DEPTH),
        ("fields", size.fields, MAX_FIELDS),
        ("aliases", size.aliases, MAX_ALIASES),
        ("fields of the same name at one level", size.repeats, MAX_REPEATS),
    ):
        if count > most:
            return f"A document may have at most {most} {name}, counting fragments where they are spread."
    roots = meter.field_counts(operations[0].selection_set)
    if roots.total() > 1 and CREDENTIAL_FIELDS & roots.keys():
        return "A mutation with a credential must be the only field of its document."
    return None

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

MOST_TOKENS: Final = 1000
DEEPEST: Final = 10
MOST_FIELDS: Final = 500
MOST_ALIASES: Final = 30
MOST_REPEATS: Final = 30
"""GraphQL's own rule compares fields of one name in pairs: 230 of them cost 0.2 s."""
DESCRIBES_THE_SCHEMA: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a selection with its fragments written out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    repeats: int = 0


class Ruler:
    """Measures selections; a fragment spread a thousand times is measured once and counted a thousand times."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Measure] = {}
        self._known_names: dict[str, Counter[str]] = {}

    def selection(self, selections: SelectionSetNode | None) -> Measure:
        """Depth, expanded fields, aliases and repetitions below."""
        if selections is None:
            return Measure()
        depth = aliases = 0
        # an empty selection counts: graphql-core reads `{ }`, and spreads of nothing double like any other
        fields = int(not selections.selections)
        repeats = max(self.names(selections).values(), default=0)
        for node in selections.selections:
            below = self._node(node)
            depth = max(depth, below.depth)
            fields += below.fields
            aliases += below.aliases
            repeats = max(repeats, below.repeats)
        return Measure(depth, fields, aliases, repeats)

    def _node(self, node: object) -> Measure:
        if isinstance(node, FieldNode):
            alias = int(node.alias is not None)
            if node.name.value in DESCRIBES_THE_SCHEMA:
                return Measure(1, 1, alias)
            below = self.selection(node.selection_set)
            return Measure(below.depth + 1, below.fields + 1, below.aliases + alias, below.repeats)
        if isinstance(node, InlineFragmentNode):
            return self.selection(node.selection_set)
        return self._fragment(node.name.value) if isinstance(node, FragmentSpreadNode) else Measure()

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            self._known[name] = Measure()  # a circle ends here; graphql-core reports it
            if fragment := self.fragments.get(name):
                self._known[name] = self.selection(fragment.selection_set)
        return self._known[name]

    def names(self, selections: SelectionSetNode) -> Counter[str]:
        """How often each field stands side by side here, fragments written out."""
        found: Counter[str] = Counter()
        for node in selections.selections:
            found.update(self._names(node))
        return found

    def _names(self, node: object) -> Counter[str]:
        if isinstance(node, FieldNode):
            return Counter((node.name.value,))
        if isinstance(node, InlineFragmentNode):
            return self.names(node.selection_set)
        name = node.name.value if isinstance(node, FragmentSpreadNode) else ""
        if name not in self._known_names:
            # kept even where it is empty: fragments that end nowhere ask for no field and still double with each spread
            self._known_names[name] = Counter()
            if fragment := self.fragments.get(name):
                self._known_names[name] = self.names(fragment.selection_set)
        return self._known_names[name]


def refusal(document: DocumentNode) -> str | None:
    """Why this document is not even validated, or None."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        return "A document holds exactly one operation."
    ruler = Ruler(document)
    measure = ruler.selection(operations[0].selection_set)
    for name, size, most in (
        ("levels", measure.depth, DEEPEST),
        ("fields", measure.fields, MOST_FIELDS),
        ("aliases", measure.aliases, MOST_ALIASES),
        ("fields of one name beside each other", measure.repeats, MOST_REPEATS),
    ):
        if size > most:
            return f"A document asks for at most {most} {name}, fragments written out."
    roots = ruler.names(operations[0].selection_set)
    if roots.total() > 1 and CREDENTIAL_FIELDS & roots.keys():
        return "A mutation that proves who somebody is stands alone in its document."
    return None

"""Makes random documents from a schema, each with faults of every kind that validation knows."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

FAULT: Final = 0.15
"""How often each choice is made wrongly."""

DEPTH: Final = 4
WRONG_VALUES: Final = ("1", "1.5", '"text"', "WORD", "true", "null", "$a", "[[1]]", "{word: 1}", "$unknown", "{}")
OTHER_NAMES: Final = ("word", "emial", "edgs", "userid")
DIRECTIVES: Final = ("@skip", "@include(if: 1)", "@deprecated", "@word", "@skip(if: true) @skip(if: true)")
VARIABLES: Final = ("$a: Int", "$a: Word", "$a: [ID!]", "$a: String = 1", "$a: User", "$a: Int, $a: ID!")


class DocumentMaker:
    """Makes one document after another, by the choices of one source of random numbers."""

    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        self.schema, self.random = schema, random

    def document(self) -> str:
        """An operation of one root field and, often, a fragment."""
        kind = self.random.choice(["query", "mutation"])
        root: Any = self.schema.query_type if kind == "query" else self.schema.mutation_type
        variables = f"({self.random.choice(VARIABLES)})" if self._slips() else ""
        other = self.random.choice([each for each in self.schema.type_map if not each.startswith("__")])
        fragment = f"fragment F on {other} {{ __typename }}" if self._slips() else ""
        spread = " ...F" if fragment or self._slips() else ""
        return f"{kind} {variables} {{ {self._field(root, DEPTH)}{spread} }} {fragment}"

    def _slips(self) -> bool:
        return self.random.random() < FAULT

    def _field(self, parent: Any, depth: int) -> str:
        fields = getattr(parent, "fields", None)
        if not fields or self._slips():
            return self.random.choice(OTHER_NAMES)
        name = self.random.choice(sorted(fields))
        alias = self.random.choice(["", "", "a: "])
        directive = self.random.choice(DIRECTIVES) if self._slips() else ""
        return f"{alias}{name}{self._arguments(fields[name])}{directive}{self._selection(fields[name].type, depth)}"

    def _arguments(self, field: Any) -> str:
        chosen = [
            f"{name}: {self._value(argument.type)}"
            for name, argument in field.args.items()
            if (is_required_argument(argument) or self.random.random() < 0.3) and not self._slips()
        ]
        chosen += [f"{self.random.choice(OTHER_NAMES)}: 1"] if self._slips() else []
        chosen += chosen[:1] if self._slips() else []
        return f"({', '.join(chosen)})" if chosen else ""

    def _selection(self, kind: Any, depth: int) -> str:
        named = get_named_type(kind)
        if is_composite_type(named) is self._slips():
            return ""
        if depth == 0:
            return " { __typename }"
        parts = list(self._parts(named, depth))
        return f" {{ {' '.join(parts)} }}"

    def _parts(self, named: Any, depth: int) -> Iterator[str]:
        for _ in range(self.random.randint(1, 2)):
            yield self._field(named, depth - 1)
        if self._slips():
            yield f"... on {self.random.choice(sorted(self.schema.type_map))} {{ __typename }}"

    def _value(self, kind: Any) -> str:
        if self._slips():
            return self.random.choice(WRONG_VALUES)
        named = get_named_type(kind)
        if isinstance(named, GraphQLEnumType):
            value = self.random.choice(sorted(named.values))
        elif isinstance(named, GraphQLInputObjectType):
            chosen = [
                f"{name}: {self._value(field.type)}"
                for name, field in named.fields.items()
                if (is_required_input_field(field) or self.random.random() < 0.2) and not self._slips()
            ]
            value = f"{{{', '.join(chosen)}}}"
        else:
            value = {"Int": "1", "Boolean": "true"}.get(named.name, '"text"')
        return f"[{value}]" if is_list_type(getattr(kind, "of_type", kind)) or is_list_type(kind) else value

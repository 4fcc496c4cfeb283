"""Sums what a document asks for, from its text and variables, so that a dear one is refused before anything is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLID,
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    value_from_ast_untyped,
)

from permissions.errors import bad_input
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES

DEFAULT_PAGE: Final = 20
LARGEST_PAGE: Final = 100
MOST_SUBJECTS: Final = 1000
"""Subjects and other items of lists that one document may ask for, as the sum of its pages and ids."""
MOST_READS: Final = 80
"""Root fields, and other fields that read from the database separately, that one document may contain."""
UNPAGED_LENGTH: Final = 20
"""The length that a list without pages counts as. Public pages and sessions, the longest ones, have at most 20."""
MOST_LISTED_VALUES: Final = 20_000
"""Fields of items of lists without pages that one answer may have, if each list has its full length."""
MOST_VALUES: Final = 2000
"""Items of lists and fields of objects in the variables of a request, at every depth. A processor view needs 1,003."""
ID_ARGUMENTS: Final = "id arguments"
DEFINITION: Final = "strawberry-definition"

Place = tuple[str, ...]
"""Where a field is in the answer, without the indexes of lists."""


@dataclass(slots=True)
class DocumentDemand:
    """The sum so far. A field that is selected twice at one place is executed once, so it counts once."""

    variables: dict[str, Any]
    subjects: int = 0
    reads: int = 0
    listed_values: int = 0
    _lengths: dict[Place, int] = field(default_factory=dict)
    _paged: set[Place] = field(default_factory=set)
    _unpaged: set[Place] = field(default_factory=set)
    _dear_fields: Counter[str] = field(default_factory=Counter)

    def add(self, place: Place, coordinate: str, node: FieldNode, definition: GraphQLField) -> None:
        """Counts a field. Raises BAD_USER_INPUT with the argument or the field that asks for too much."""
        if place in self._lengths:
            return
        values = {each.name.value: value_from_ast_untyped(each.value, self.variables) for each in node.arguments or ()}
        self._add_dear_field(coordinate, values)
        page, ids = _page(definition, values), _ids(definition, values)
        self._lengths[place] = page or (len(ids) if _answers_each_id(definition) else 0) or 1
        if page:
            self._paged.add(place)
        elif _is_list_of_objects(definition) and not ids and place[:-1] not in self._paged:
            self._unpaged.add(place)
            self._lengths[place] = UNPAGED_LENGTH
        times = self._times_read(place)
        self.subjects += times * (page + len(ids))
        if self.subjects > MOST_SUBJECTS:
            argument = next((name for name in ("first", "last") if values.get(name)), "first") if page else ids[0]
            raise bad_input(
                argument,
                f"A document may ask for at most {MOST_SUBJECTS:,} subjects and items of lists altogether. This one "
                f"asks for {self.subjects:,} or more. Use smaller pages, fewer ids or several documents.",
            )
        self._add_work(place, node, definition, times)

    def _add_work(self, place: Place, node: FieldNode, definition: GraphQLField, times: int) -> None:
        """Counts what a field costs in addition to its items: its reading, and its values in lists without pages."""
        if _reads(definition):
            # without arguments, a part of an account is read once, however often a list contains the account
            self.reads += times if definition.args else 1
        if any(place[:length] in self._unpaged for length in range(1, len(place))):
            self.listed_values += times
        if self.reads > MOST_READS:
            raise bad_input(
                node.name.value,
                f"A document may contain at most {MOST_READS} root fields and parts of accounts, such as `sessions`. "
                "Use several documents.",
            )
        if self.listed_values > MOST_LISTED_VALUES:
            raise bad_input(
                node.name.value,
                f"The lists without `first` in this document could have more than {MOST_LISTED_VALUES:,} values "
                "altogether. Use smaller pages, fewer ids or several documents.",
            )

    def _times_read(self, place: Place) -> int:
        """How many times a field is read: the product of the lengths of the lists that it is in."""
        times = 1
        for length in range(1, len(place)):
            times *= self._lengths.get(place[:length], 1)
        return times

    def _add_dear_field(self, coordinate: str, values: dict[str, Any]) -> None:
        rule = ROOT_FIELD_RULES.get(coordinate)
        if rule is None or rule.most is None or not rule.is_dear(values):
            return
        self._dear_fields[coordinate] += 1
        if self._dear_fields[coordinate] > rule.most:
            name = coordinate.partition(".")[2]
            dear = f"`{name}` with `{rule.dear_with}`" if rule.dear_with else f"`{name}`"
            raise bad_input(
                rule.dear_with or name,
                f"A document may contain {dear} at most {rule.most} times. Use several documents.",
            )


def _page(definition: GraphQLField, values: dict[str, Any]) -> int:
    """The size of the page, 0 if the field is not a list. A size out of range is refused by the field itself."""
    if "first" not in definition.args:
        return 0
    size = next((values[name] for name in ("first", "last") if isinstance(values.get(name), int)), DEFAULT_PAGE)
    return min(max(size, 1), LARGEST_PAGE)


def _ids(definition: GraphQLField, values: dict[str, Any]) -> list[str]:
    """The name of the argument of each id that is sent. More ids than any field takes count as that many.

    An id that is sent twice counts once, unless the field answers it twice.
    """
    found: list[str] = []
    for path in _id_arguments(definition):
        value: Any = values
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        sent = [str(each) for each in (value if isinstance(value, list) else () if value is None else (value,))]
        number = len(sent if _answers_each_id(definition) else set(sent))
        found += [".".join(path)] * min(number, MOST_SUBJECTS)
    return found


def _is_list_of_objects(definition: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(definition.type)) and not is_leaf_type(get_named_type(definition.type))


def _reads(definition: GraphQLField) -> bool:
    """Whether a separate resolver answers the field. It is asynchronous if it reads from the database."""
    resolver = getattr(definition.extensions.get(DEFINITION), "base_resolver", None)
    return resolver is not None and resolver.is_async


def _answers_each_id(definition: GraphQLField) -> bool:
    """Whether the field is a list with an item for each id that is sent to it."""
    return is_list_type(get_nullable_type(definition.type))


def _id_arguments(definition: GraphQLField) -> tuple[tuple[str, ...], ...]:
    """The paths of the arguments and input fields that hold ids, kept with the field."""
    if ID_ARGUMENTS not in definition.extensions:
        definition.extensions[ID_ARGUMENTS] = tuple(_id_paths(definition.args, ()))
    paths: tuple[tuple[str, ...], ...] = definition.extensions[ID_ARGUMENTS]
    return paths


def _id_paths(inputs: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, each in inputs.items():
        kind = get_named_type(each.type)
        if kind is GraphQLID:
            yield (*above, name)
        elif isinstance(kind, GraphQLInputObjectType) and len(above) < 2:
            yield from _id_paths(kind.fields, (*above, name))

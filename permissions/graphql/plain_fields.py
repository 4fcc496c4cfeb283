"""Answers fields that need no resolver in one pass: those of subjects by their mask, and attributes of other objects.

graphql-core executes every other field, and every object with a value that is an error.
"""

from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from permissions.graphql.plain_values import Complete, NotPlain, complete_leaf, complete_list, complete_non_null
from permissions.subject import Subject

VALUE_SOURCE: Final = "reading"
ATTRIBUTE: Final = "attribute"
"""The extension of a field that only reads this attribute of its object."""

NO_VALUE: Final = ""
"""A name without a value, for withheld fields."""


class ValueSource(NamedTuple):
    """The name of a guarded field's value in a subject, and the bit that must be set to show it."""

    name: str
    bit: int


class GuardedKey(NamedTuple):
    """A guarded field of a selection: its key in the answer, its source, and its completion unless it is a text."""

    key: str
    source: ValueSource
    complete: Complete | None


class AttributeKey(NamedTuple):
    """A field of a selection that reads an attribute, or the type's name: its key, and what reads it of the object."""

    key: str
    read: Callable[[Any], Any]
    complete: Complete


class ObjectPlan:
    """The plan for one selection on one type: its plain fields, and the rest for graphql-core."""

    def __init__(
        self, order: tuple[str, ...], guarded: list[GuardedKey], attributes: list[AttributeKey], rest: dict[str, Any]
    ) -> None:
        self.blank = dict.fromkeys(order)
        self.guarded = guarded
        self.attributes = attributes
        self.rest = rest
        self._by_mask: dict[int, tuple[tuple[tuple[str, str], ...], tuple[tuple[str, Complete], ...]]] = {}

    def for_mask(self, mask: int) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, Complete], ...]]:
        """Returns each key and the name of its value, NO_VALUE if the mask withholds it, and the keys to complete."""
        if mask not in self._by_mask:
            names = {each.key: each.source.name for each in self.guarded if mask & each.source.bit}
            completed = tuple((each.key, each.complete) for each in self.guarded if each.complete)
            self._by_mask[mask] = tuple((key, names.get(key, NO_VALUE)) for key in self.blank), completed
        return self._by_mask[mask]


class PlainExecutionContext(StrawberryGraphQLCoreExecutionContext):
    """Executes fields that need no resolver in one pass, with their own fields below them."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Answers an object's plain fields in one pass. graphql-core executes every other field."""
        plan = self._plan(parent_type, grouped_field_set)
        if len(plan.rest) == len(plan.blank):
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        try:
            plain = self.fill(source_value, plan)
        except NotPlain:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if not plan.rest:
            return plain
        rest = super().execute_fields(parent_type, source_value, path, plan.rest, position_context)
        return plain | rest if isinstance(rest, dict) else _completed_later(plain, rest)

    def fill(self, source: Any, plan: ObjectPlan) -> dict[str, Any]:
        """Returns the plain fields in the order of the document, and null for the others. Raises NotPlain."""
        if plan.guarded:
            if type(source) is not Subject:
                raise NotPlain
            names, completed = plan.for_mask(self.mask_of(source))
            values = source.values
            filled = {key: values.get(name) for key, name in names}
            for key, complete in completed:
                filled[key] = complete(filled[key])
        else:
            filled = plan.blank.copy()
        for each in plan.attributes:
            filled[each.key] = each.complete(_read(each.read, source))
        return filled

    def mask_of(self, subject: Subject) -> int:
        """The bits of the fields that the caller may read."""
        return subject.mask

    def _plan(self, parent_type: GraphQLObjectType, selected: Any) -> ObjectPlan:
        """Returns the plan of a selection, kept for this operation. graphql-core passes the same selection per row."""
        plans: dict[tuple[str, int], tuple[Any, ObjectPlan]] = self.__dict__.setdefault("_plans", {})
        key = (parent_type.name, id(selected))
        if key not in plans:
            plans[key] = (selected, self._build_plan(parent_type, selected))
        return plans[key][1]

    def _build_plan(self, parent_type: GraphQLObjectType, selected: Any) -> ObjectPlan:
        guarded, attributes, rest = [], [], {}
        for key, details in selected.items():
            name = details[0].node.name.value
            field = parent_type.fields.get(name)
            if name == "__typename":
                attributes.append(AttributeKey(key, _constant(parent_type.name), complete_leaf(GraphQLString)))
                continue
            complete = self._completion(field.type, details) if field and _is_plain(field) else None
            if field is None or complete is None:
                rest[key] = details
            elif source := field.extensions.get(VALUE_SOURCE):
                guarded.append(GuardedKey(key, source, None if field.type is GraphQLString else complete))
            else:
                attributes.append(AttributeKey(key, attrgetter(field.extensions[ATTRIBUTE]), complete))
        return ObjectPlan(tuple(selected), guarded, attributes, rest)

    def _completion(self, kind: GraphQLOutputType, details: Any) -> Complete | None:
        """Returns what completes a value of this type, or None if a field below it needs graphql-core."""
        if is_leaf_type(kind):
            return complete_leaf(kind)
        if is_object_type(kind):
            return self._object_completion(kind, details)
        wrap = complete_non_null if is_non_null_type(kind) else complete_list if is_list_type(kind) else None
        inner = self._completion(kind.of_type, details) if wrap else None  # type: ignore[union-attr]  # only wrapping types have `of_type`
        return wrap(inner) if wrap and inner else None

    def _object_completion(self, kind: GraphQLObjectType, details: Any) -> Complete | None:
        plan = self._plan(kind, self.collect_subfields(kind, details)[0])
        if plan.rest:
            return None
        is_type_of: Callable[[Any, Any], Any] | None = kind.is_type_of

        def complete(value: Any) -> Any:
            if value is None:
                return None
            if isinstance(value, Exception) or (is_type_of and is_type_of(value, None) is not True):
                raise NotPlain
            return self.fill(value, plan)

        return complete


def _is_plain(field: GraphQLField) -> bool:
    return VALUE_SOURCE in field.extensions or ATTRIBUTE in field.extensions


def _constant(name: str) -> Callable[[Any], str]:
    return lambda _source: name


def _read(read: Callable[[Any], Any], source: Any) -> Any:
    try:
        return read(source)
    except Exception as problem:
        raise NotPlain from problem


async def _completed_later(plain: dict[str, Any], rest: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return plain | await rest

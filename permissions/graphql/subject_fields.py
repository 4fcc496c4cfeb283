"""A subject's selected texts are answered in one pass over its mask: the guards' own test, once a mask."""

from collections.abc import Awaitable
from typing import Any, Final, NamedTuple

from graphql import GraphQLObjectType, GraphQLString
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from permissions.subject import Subject

VALUE_SOURCE: Final = "reading"
NO_VALUE: Final = ""
"""A name that no value has."""


class ValueSource(NamedTuple):
    """Where a guarded field's value lies in a subject, and the bit that must be set to show it."""

    name: str
    bit: int


class SubjectPlan(NamedTuple):
    """One selection on subjects: what is filled in one pass, what graphql-core does, and the order of the answer."""

    texts: tuple[tuple[str, str, int], ...]
    bits: int
    rest: dict[str, Any]
    order: tuple[str, ...]
    seen: dict[int, tuple[tuple[str, str], ...]]

    def sources_for(self, mask: int) -> tuple[tuple[str, str], ...]:
        """Each text's key in the answer and where its value lies, nowhere for what this mask keeps back."""
        if mask not in self.seen:
            self.seen[mask] = tuple((key, name if mask & bit else NO_VALUE) for key, name, bit in self.texts)
        return self.seen[mask]


class SubjectExecutionContext(StrawberryGraphQLCoreExecutionContext):
    """Nullable texts of a Subject need no completion: what graphql-core would make of them is what they are."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """A Subject's fields in one pass; everything else, and whatever is no text, as graphql-core does it."""
        if type(source_value) is not Subject:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        plan = self._plan(parent_type, grouped_field_set)
        found = self.fill(source_value, plan)
        if not plan.rest:
            return found
        more = super().execute_fields(parent_type, source_value, path, plan.rest, position_context)
        return _ordered(found, more, plan) if isinstance(more, dict) else _ordered_later(found, more, plan)

    def fill(self, subject: Subject, plan: SubjectPlan) -> dict[str, Any]:
        """The texts that the subject's mask lets through, null for all others; decided once a mask."""
        values = subject.values
        subject.disclosed |= subject.mask & plan.bits
        return {key: values.get(name) for key, name in plan.sources_for(subject.mask)}

    def _plan(self, parent_type: GraphQLObjectType, selected: Any) -> SubjectPlan:
        """Kept as long as this one operation, in which graphql-core hands out the same selection for every row."""
        plans: dict[int, tuple[Any, SubjectPlan]] = self.__dict__.setdefault("_plans", {})
        if id(selected) not in plans:
            plans[id(selected)] = (selected, _build_plan(parent_type, selected))
        return plans[id(selected)][1]


def _build_plan(parent_type: GraphQLObjectType, selected: Any) -> SubjectPlan:
    texts, bits, rest = [], 0, {}
    for key, details in selected.items():
        field = parent_type.fields.get(details[0].node.name.value)
        reading = field.extensions.get(VALUE_SOURCE) if field and field.type is GraphQLString else None
        if reading is None:
            rest[key] = details
        else:
            texts.append((key, reading.name, reading.bit))
            bits |= reading.bit
    return SubjectPlan(tuple(texts), bits, rest, tuple(selected), {})


def _ordered(found: dict[str, Any], more: dict[str, Any], plan: SubjectPlan) -> dict[str, Any]:
    both = {**found, **more}
    return {key: both[key] for key in plan.order if key in both}


async def _ordered_later(found: dict[str, Any], more: Awaitable[dict[str, Any]], plan: SubjectPlan) -> dict[str, Any]:
    return _ordered(found, await more, plan)

"""Fast path for subjects: answers all selected texts of a subject in one pass, once per mask."""

from collections.abc import Awaitable
from typing import Any, Final, NamedTuple

from graphql import GraphQLObjectType, GraphQLString
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from permissions.subject import Subject

VALUE_SOURCE: Final = "reading"
NO_VALUE: Final = ""
"""A name without a value, for withheld fields."""


class ValueSource(NamedTuple):
    """The name of a guarded field's value in a subject, and the bit that must be set to show it."""

    name: str
    bit: int


class SubjectPlan(NamedTuple):
    """The plan for one selection on subjects: texts for one pass, the rest for graphql-core, and the order."""

    texts: tuple[tuple[str, str, int], ...]
    rest: dict[str, Any]
    order: tuple[str, ...]
    sources: dict[int, tuple[tuple[str, str], ...]]

    def sources_for(self, mask: int) -> tuple[tuple[str, str], ...]:
        """Returns each text's key in the answer and the name of its value, NO_VALUE if the mask withholds it."""
        if mask not in self.sources:
            self.sources[mask] = tuple((key, name if mask & bit else NO_VALUE) for key, name, bit in self.texts)
        return self.sources[mask]


class SubjectExecutionContext(StrawberryGraphQLCoreExecutionContext):
    """Executes fields of subjects. A nullable text needs no completion by graphql-core, so it is copied."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Answers a subject's texts in one pass. graphql-core executes every other field."""
        if type(source_value) is not Subject:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        plan = self._plan(parent_type, grouped_field_set)
        texts = self.fill(source_value, plan)
        if not plan.rest:
            return texts
        rest = super().execute_fields(parent_type, source_value, path, plan.rest, position_context)
        return _ordered(texts, rest, plan) if isinstance(rest, dict) else _ordered_later(texts, rest, plan)

    def fill(self, subject: Subject, plan: SubjectPlan) -> dict[str, Any]:
        """Returns the texts that the subject's mask allows, and null for the others."""
        values = subject.values
        return {key: values.get(name) for key, name in plan.sources_for(subject.mask)}

    def _plan(self, parent_type: GraphQLObjectType, selected: Any) -> SubjectPlan:
        """Returns the plan of a selection, kept for this operation. graphql-core passes the same selection per row."""
        plans: dict[int, tuple[Any, SubjectPlan]] = self.__dict__.setdefault("_plans", {})
        if id(selected) not in plans:
            plans[id(selected)] = (selected, _build_plan(parent_type, selected))
        return plans[id(selected)][1]


def _build_plan(parent_type: GraphQLObjectType, selected: Any) -> SubjectPlan:
    texts, rest = [], {}
    for key, details in selected.items():
        field = parent_type.fields.get(details[0].node.name.value)
        reading = field.extensions.get(VALUE_SOURCE) if field and field.type is GraphQLString else None
        if reading is None:
            rest[key] = details
        else:
            texts.append((key, reading.name, reading.bit))
    return SubjectPlan(tuple(texts), rest, tuple(selected), {})


def _ordered(texts: dict[str, Any], rest: dict[str, Any], plan: SubjectPlan) -> dict[str, Any]:
    both = {**texts, **rest}
    return {key: both[key] for key in plan.order if key in both}


async def _ordered_later(texts: dict[str, Any], rest: Awaitable[dict[str, Any]], plan: SubjectPlan) -> dict[str, Any]:
    return _ordered(texts, await rest, plan)

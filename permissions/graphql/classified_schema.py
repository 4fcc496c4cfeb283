"""A schema that does not build while a field is neither guarded nor said to be nobody's, or a root has no rule."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.schema_directive import StrawberrySchemaDirective
from strawberry.types.field import StrawberryField

from models.columns import unclassified_columns
from models.tables import METADATA
from permissions.graphql.field_permission import GUARD, CanRead, GuardedField
from permissions.graphql.root_field_access import RootFieldAccess
from permissions.graphql.subject_fields import VALUE_SOURCE, SubjectExecutionContext, ValueSource

OPEN: Final = "open"
IMPERSONAL: Final = "__impersonal__"
ROOTS: Final = ("Query", "Mutation")
DEFINITION: Final = "strawberry-definition"
DIRECTIVE: Final = "__strawberry_directive__"

T = TypeVar("T")


class UnclassifiedField(Exception):
    """Something could be read that no row of the policy speaks of."""


def impersonal(why: str) -> Callable[[type[T]], type[T]]:
    """Says of a whole type why none of its fields is a personal-data field of its own."""

    def mark(kind: type[T]) -> type[T]:
        setattr(kind, IMPERSONAL, why)
        return kind

    return mark


def open_field(why: str, **options: Any) -> Any:
    """A field of a personal type that anyone who meets the object may read, and why."""
    return strawberry.field(metadata={OPEN: why}, **options)


class ClassifiedSchema(strawberry.Schema):
    """Default deny: what nobody classified is named, all of it at once, and nothing starts."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("execution_context_class", SubjectExecutionContext)
        super().__init__(*arguments, **options)
        bare = [*unclassified_columns(METADATA.tables.values()), *self._unguarded_fields(), *self._roots_without_rule()]
        if bare:
            raise UnclassifiedField(f"no rule says who may read: {', '.join(sorted(bare))}")
        self.guards = self._guards()
        self._install_resolvers()
        self._describe_directives()

    @property
    def graphql(self) -> GraphQLSchema:
        """The schema as graphql-core knows it."""
        return self._schema

    def _object_types(self) -> list[tuple[GraphQLObjectType, Any]]:
        types = (kind for kind in self._schema.type_map.values() if isinstance(kind, GraphQLObjectType))
        return [(kind, kind.extensions[DEFINITION]) for kind in types if DEFINITION in kind.extensions]

    def _fields(self) -> list[tuple[str, str, StrawberryField]]:
        convert = self.config.name_converter.from_field
        return [
            (kind.name, convert(field), field)
            for kind, definition in self._object_types()
            if kind.name not in ROOTS and IMPERSONAL not in vars(definition.origin)
            for field in definition.fields
        ]

    def _unguarded_fields(self) -> list[str]:
        return [f"{kind}.{name}" for kind, name, field in self._fields() if not ({GUARD, OPEN} & set(field.metadata))]

    def _roots_without_rule(self) -> list[str]:
        convert = self.config.name_converter.from_field
        return [
            coordinate
            for kind, definition in self._object_types()
            if kind.name in ROOTS
            for field in definition.fields
            if not _has_access_check(field, coordinate := f"{kind.name}.{convert(field)}")
        ]

    def _guards(self) -> dict[str, CanRead]:
        return {
            f"{kind}.{name}": field.metadata[GUARD] for kind, name, field in self._fields() if GUARD in field.metadata
        }

    def _describe_directives(self) -> None:
        """Gives the arguments of schema directives their descriptions, which Strawberry leaves out."""
        convert = self.config.name_converter.get_graphql_name
        for kind, directive in self._schema_graphql_directives.items():
            definition: StrawberrySchemaDirective = getattr(kind, DIRECTIVE)
            for field in definition.fields:
                directive.args[convert(field)].description = field.description

    def _install_resolvers(self) -> None:
        """Calls the guard straight from graphql-core, or answers a subject's texts in one pass: the same test."""
        for kind, definition in self._object_types():
            for field in definition.fields:
                if isinstance(field, GuardedField):
                    name = self.config.name_converter.from_field(field)
                    guard: CanRead = field.metadata[GUARD]
                    kind.fields[name].extensions[VALUE_SOURCE] = ValueSource(field.python_name, guard.bit)
                    kind.fields[name].resolve = guard.resolver(field.python_name)


def _has_access_check(field: StrawberryField, coordinate: str) -> bool:
    return any(isinstance(e, RootFieldAccess) and e.coordinate == coordinate for e in field.extensions)

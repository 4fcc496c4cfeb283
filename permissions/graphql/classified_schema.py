"""A GraphQL schema that is built only if every field is guarded or declared open, and every root field has a rule."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from strawberry.schema_directive import StrawberrySchemaDirective
from strawberry.types.field import StrawberryField

from models.columns import unclassified_columns
from models.tables import METADATA
from permissions.graphql.field_permission import GUARD, CanRead, GuardedField
from permissions.graphql.plain_fields import ATTRIBUTE, VALUE_SOURCE, PlainExecutionContext, ValueSource
from permissions.graphql.root_field_access import RootFieldAccess

OPEN: Final = "open"
IMPERSONAL: Final = "__impersonal__"
ROOTS: Final = ("Query", "Mutation")
DEFINITION: Final = "strawberry-definition"
DIRECTIVE: Final = "__strawberry_directive__"

T = TypeVar("T")


class UnclassifiedField(Exception):
    """A field or column can be read without a rule of the policy."""


def impersonal(why: str) -> Callable[[type[T]], type[T]]:
    """Declares that no field of a type is a personal-data field, and why."""

    def declare(kind: type[T]) -> type[T]:
        setattr(kind, IMPERSONAL, why)
        return kind

    return declare


def open_field(why: str, **options: Any) -> Any:
    """Declares a field of a personal type that anyone who can read the object may read, and why."""
    return strawberry.field(metadata={OPEN: why}, **options)


class ClassifiedSchema(strawberry.Schema):
    """Default deny: raises UnclassifiedField with the name of every field without a rule."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("execution_context_class", PlainExecutionContext)
        super().__init__(*arguments, **options)
        missing = [
            *unclassified_columns(METADATA.tables.values()),
            *self._unguarded_fields(),
            *self._roots_without_rule(),
        ]
        if missing:
            raise UnclassifiedField(f"No rule says who may read these: {', '.join(sorted(missing))}")
        self.guards = self._guards()
        self._install_resolvers()
        self._describe_directives()
        self._drop_null_defaults()

    @property
    def graphql(self) -> GraphQLSchema:
        """The schema of graphql-core."""
        return self._schema

    def _drop_null_defaults(self) -> None:
        """Removes each default null of an argument or input field: it only repeats that the value is optional."""
        for kind in self._schema.type_map.values():
            inputs: list[GraphQLArgument | GraphQLInputField] = []
            if isinstance(kind, GraphQLInputObjectType):
                inputs.extend(kind.fields.values())
            elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
                inputs.extend(argument for field in kind.fields.values() for argument in field.args.values())
            for each in inputs:
                if each.default_value is None:
                    each.default_value = Undefined
                    each.default = None

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
        """Adds the descriptions of schema directives' arguments, which Strawberry omits."""
        convert = self.config.name_converter.get_graphql_name
        for kind, directive in self._schema_graphql_directives.items():
            definition: StrawberrySchemaDirective = getattr(kind, DIRECTIVE)
            for field in definition.fields:
                directive.args[convert(field)].description = field.description

    def _install_resolvers(self) -> None:
        """Lets graphql-core call the guards without Strawberry, and marks the fields that one pass can answer."""
        for kind, definition in self._object_types():
            for field in definition.fields:
                served = kind.fields[self.config.name_converter.from_field(field)]
                if isinstance(field, GuardedField):
                    guard: CanRead = field.metadata[GUARD]
                    served.extensions[VALUE_SOURCE] = ValueSource(field.python_name, guard.bit)
                    served.resolve = guard.resolver(field.python_name)
                elif field.is_basic_field:
                    served.extensions[ATTRIBUTE] = field.python_name


def _has_access_check(field: StrawberryField, coordinate: str) -> bool:
    return any(isinstance(e, RootFieldAccess) and e.coordinate == coordinate for e in field.extensions)

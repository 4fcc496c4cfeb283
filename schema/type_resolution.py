"""Tells GraphQL which Python objects each type stands for, so that unions and interfaces resolve."""

from collections.abc import Callable
from typing import Any, TypeVar

from models.vocabulary import Processor
from permissions.graphql.document_reach import VIEWING_PROCESSOR

T = TypeVar("T")


def is_type_of(*kinds: type) -> Callable[[type[T]], type[T]]:
    """Makes a GraphQL type the type of every instance of `kinds`. Place it below `@strawberry.type`."""

    def mark(graphql_type: type[T]) -> type[T]:
        def is_type_of(cls: type[T], value: Any, info: Any) -> bool:
            return isinstance(value, kinds)

        graphql_type.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]  # Strawberry reads it by name
        return graphql_type

    return mark


def is_view_of(kind: type, processor: Processor) -> Callable[[type[T]], type[T]]:
    """Makes a GraphQL type the type of the instances of `kind` that this processor opened."""

    def mark(graphql_type: type[T]) -> type[T]:
        def is_type_of(cls: type[T], value: Any, info: Any) -> bool:
            return isinstance(value, kind) and getattr(value, "processor", None) is processor

        graphql_type.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]  # Strawberry reads it by name
        setattr(graphql_type, VIEWING_PROCESSOR, processor)
        return graphql_type

    return mark

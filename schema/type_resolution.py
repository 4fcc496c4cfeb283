"""Says which stored or computed thing a GraphQL type shows, so that unions and interfaces know it."""

from collections.abc import Callable
from typing import Any, TypeVar

from models.vocabulary import Processor

T = TypeVar("T")


def shows(*kinds: type) -> Callable[[type[T]], type[T]]:
    """Stands below `@strawberry.type`: the type is of any object that is one of these."""

    def mark(shown: type[T]) -> type[T]:
        def is_type_of(cls: type[T], value: Any, info: Any) -> bool:
            return isinstance(value, kinds)

        shown.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]  # Strawberry reads it by name
        return shown

    return mark


def showing(kind: type, processor: Processor) -> Callable[[type[T]], type[T]]:
    """Stands below `@strawberry.type`: the type is of such a thing opened by this processor."""

    def mark(shown: type[T]) -> type[T]:
        def is_type_of(cls: type[T], value: Any, info: Any) -> bool:
            return isinstance(value, kind) and getattr(value, "processor", None) is processor

        shown.is_type_of = classmethod(is_type_of)  # type: ignore[attr-defined]  # Strawberry reads it by name
        return shown

    return mark

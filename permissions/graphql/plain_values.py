"""Completes values that need neither a resolver nor graphql-core: scalars, enums, and lists of them."""

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)

Complete = Callable[[Any], Any]
"""Turns a value into that of the answer, and None into None. Raises NotPlain."""

UNCHANGED: Final = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""The Python type of the values of a scalar that are answered unchanged."""


class NotPlain(Exception):
    """graphql-core must complete the object: it reports an error of a value with its path."""


def complete_leaf(kind: GraphQLLeafType) -> Complete:
    """The completion of a scalar or an enum."""
    if isinstance(kind, GraphQLEnumType):
        return _complete_enum(kind)
    if kind is GraphQLFloat:
        return _complete_float
    if kind is GraphQLInt:
        return _complete_int
    unchanged = UNCHANGED.get(kind)

    def complete(value: Any) -> Any:
        return value if value is None or type(value) is unchanged else _coerced(kind, value)

    return complete


def complete_list(item: Complete) -> Complete:
    """The completion of a list. A tuple is completed once: subjects with the same decision share one."""
    known: dict[int, tuple[tuple[Any, ...], list[Any]]] = {}

    def complete(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is list:
            return [item(each) for each in value]
        if type(value) is not tuple:
            raise NotPlain
        if id(value) not in known:
            known[id(value)] = (value, [item(each) for each in value])  # keeps the tuple, so that its id stays its own
        return known[id(value)][1]

    return complete


def complete_non_null(inner: Complete) -> Complete:
    """The completion of a value that cannot be null."""

    def complete(value: Any) -> Any:
        completed = inner(value)
        if completed is None:
            raise NotPlain
        return completed

    return complete


def _complete_enum(kind: GraphQLEnumType) -> Complete:
    names: dict[Any, Any] = {None: None}

    def complete(value: Any) -> Any:
        try:
            return names[value]
        except (KeyError, TypeError):
            name = _coerced(kind, value)
        names[value] = name
        return name

    return complete


def _complete_float(value: Any) -> Any:
    return value if value is None or (type(value) is float and isfinite(value)) else _coerced(GraphQLFloat, value)


def _complete_int(value: Any) -> Any:
    return value if value is None or (type(value) is int and abs(value) < 2**31) else _coerced(GraphQLInt, value)


def _coerced(kind: GraphQLLeafType, value: Any) -> Any:
    try:
        coerced = kind.coerce_output_value(value)
    except Exception as problem:
        raise NotPlain from problem
    if coerced is None:
        raise NotPlain
    return coerced

"""The shape of a database's schema, and what in a later shape breaks a program that was written for the earlier one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, inspect
from sqlalchemy.engine.reflection import Inspector

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """What a program that writes or reads a column relies on."""

    kind: str
    length: int | None
    nullable: bool
    has_default: bool


@dataclass(frozen=True)
class Table:
    """The columns and rules of a table."""

    columns: dict[str, Column]
    unique: frozenset[Columns]
    other_rules: frozenset[str]


Shape = dict[str, Table]


def shape_of(connection: Connection) -> Shape:
    """Reads the shape from the database itself."""
    inspector = inspect(connection)
    return {name: _table(inspector, name) for name in inspector.get_table_names()}


def _table(inspector: Inspector, name: str) -> Table:
    key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    unique = {key, *(tuple(each["column_names"]) for each in inspector.get_unique_constraints(name))}
    unique |= {tuple(map(str, each["column_names"])) for each in inspector.get_indexes(name) if each["unique"]}
    checks = {f"check {each['sqltext']}" for each in inspector.get_check_constraints(name)}
    foreign = {f"reference {each['constrained_columns']}" for each in inspector.get_foreign_keys(name)}
    columns = {each["name"]: _column(each, each["name"] in key) for each in inspector.get_columns(name)}
    return Table(columns, frozenset(unique), frozenset(checks | foreign))


def _column(found: Any, in_key: bool) -> Column:
    kind, default = found["type"], found["default"] is not None or found.get("identity") is not None
    is_text = isinstance(kind, String)
    numbers_itself = in_key and bool(found.get("autoincrement"))
    name = "text" if is_text else str(kind)
    return Column(name, kind.length if is_text else None, found["nullable"], default or numbers_itself)


def breaks(before: Shape, after: Shape) -> list[str]:
    """What a program that was written for the earlier shape cannot do any more, one sentence for each."""
    return [sentence for name, table in before.items() for sentence in _table_breaks(name, table, after.get(name))]


def _table_breaks(name: str, before: Table, after: Table | None) -> Iterator[str]:
    if after is None:
        yield f"{name} is dropped or renamed"
        return
    for column, old in before.columns.items():
        yield from _column_breaks(f"{name}.{column}", old, after.columns.get(column))
    for column, new in after.columns.items():
        if column not in before.columns and not (new.nullable or new.has_default):
            yield f"{name}.{column} is added NOT NULL without a default"
    for rule in sorted(before.unique ^ after.unique):
        yield f"{name}: the unique rule of {', '.join(rule)} is {'dropped' if rule in before.unique else 'added'}"
    for text in sorted(after.other_rules - before.other_rules):
        yield f"{name}: the rule {text} is added"


def _column_breaks(name: str, old: Column, new: Column | None) -> Iterator[str]:
    if new is None:
        yield f"{name} is dropped or renamed"
        return
    if old.kind != new.kind:
        yield f"{name} changes its type from {old.kind} to {new.kind}"
    if new.length is not None and (old.length is None or new.length < old.length):
        yield f"{name} becomes shorter"
    if old.nullable and not new.nullable:
        yield f"{name} becomes NOT NULL"
    if old.has_default and not (new.has_default or new.nullable):
        yield f"{name} loses its default"

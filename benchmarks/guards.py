"""Measures the cost of the guards: the served schema compared with one that has no guards, on the same rows."""

import argparse
import asyncio
import gc
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace
from typing import Any, Final, cast

from asked import DOCUMENTS, OURS, ROWS
from graphql import GraphQLField, GraphQLObjectType

from app.graphql.execution import ServedSchema
from app.main import make_schema
from models.vocabulary import EVERY_FIELD, Audience, Role, Standing
from permissions.caller import Caller
from permissions.decision import SubjectState, decide
from permissions.graphql.plain_fields import PlainExecutionContext
from permissions.subject import Subject
from resolvers.context import Context, Services

MAX_RATIO: Final = 1.05
DOCUMENT: Final = DOCUMENTS["ours", "directory"]
CALLER: Final = Caller(role=Role.MEMBER, subject_id="0" * 32, verified=True)
Reader = Callable[..., Any]


def page(standing: Standing) -> SimpleNamespace:
    """A page of made-up subjects of this standing, as a member sees them."""
    seen = decide(Audience.MEMBERS, SubjectState(standing))
    return SimpleNamespace(edges=[SimpleNamespace(node=_subject(number, seen)) for number in range(1, ROWS + 1)])


def _subject(number: int, seen: Any) -> Subject:
    values = {_column(name): f"{name} of {number}" for name in OURS}
    return Subject(f"{number:032x}", Audience.MEMBERS, seen.mask, seen.withheld, values)


def _column(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def guarded(rows: SimpleNamespace) -> ServedSchema:
    """The served schema, with these rows instead of the database."""
    schema = make_schema(introspection=True)
    _field(schema, "Query.users").resolve = lambda *_, **__: rows
    return schema


def unguarded(rows: SimpleNamespace) -> ServedSchema:
    """The same schema without guards. Only this file can make one."""
    schema = guarded(rows)
    for coordinate in schema.guards:
        _field(schema, coordinate).resolve = _plain(_column(coordinate.partition(".")[2]))
    schema.execution_context_class = Unguarded
    return schema


class Unguarded(PlainExecutionContext):
    """Returns every stored value."""

    def mask_of(self, subject: Subject) -> int:
        """The bits of all fields."""
        return EVERY_FIELD


def _field(schema: ServedSchema, coordinate: str) -> GraphQLField:
    kind, _, name = coordinate.partition(".")
    return cast("GraphQLObjectType", schema.graphql.type_map[kind]).fields[name]


def _plain(column: str) -> Reader:
    return lambda subject, _info: subject.values.get(column)


async def answer(schema: ServedSchema) -> Any:
    """Executes the operation, from its text to its data."""
    result = await schema.execute(DOCUMENT, context_value=Context(CALLER, cast("Services", None)))
    if result.errors:
        raise SystemExit(f"the document failed: {result.errors[0]}")
    return result.data


async def turn(schema: ServedSchema, operations: int) -> float:
    """Processor milliseconds per operation."""
    gc.collect()
    before = time.process_time()
    for _ in range(operations):
        await answer(schema)
    return (time.process_time() - before) / operations * 1000


def has_values(data: Any) -> bool:
    """Whether any field of any row has a value."""
    return any(value is not None for edge in data["users"]["edges"] for value in edge["node"].values())


async def check_guards() -> None:
    """Checks that, without consent, only the schema without guards returns values."""
    withheld = page(Standing.NONE)
    if has_values(await answer(guarded(withheld))) or not has_values(await answer(unguarded(withheld))):
        raise SystemExit("this benchmark does not remove the guards: adapt `unguarded`")


async def rounds(guard: ServedSchema, plain: ServedSchema, number: int, operations: int) -> list[tuple[float, float]]:
    """Measures both in every round, in alternating order. Both must give the same answer."""
    await check_guards()
    if await answer(guard) != await answer(plain):
        raise SystemExit("the schemas answer differently")
    await turn(guard, operations), await turn(plain, operations)
    found = []
    for place in range(number):
        if place % 2:
            second, first = await turn(plain, operations), await turn(guard, operations)
        else:
            first, second = await turn(guard, operations), await turn(plain, operations)
        found.append((first, second))
    return found


def main() -> None:
    """Prints the ratio, and fails if it is above the maximum."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--rounds", type=int, default=40)
    command.add_argument("--operations", type=int, default=25)
    options = command.parse_args()
    rows = page(Standing.SOCIAL)
    found = asyncio.run(rounds(guarded(rows), unguarded(rows), options.rounds, options.operations))
    guard, plain = (median(pair[side] for pair in found) for side in (0, 1))
    ratio = median(with_guards / without for with_guards, without in found)
    print(f"{ROWS} rows of {len(OURS)} fields, {options.rounds} rounds of {options.operations} operations")
    print(f"guarded {guard:.3f} ms, unguarded {plain:.3f} ms, ratio {ratio:.3f} (at most {MAX_RATIO})")
    if ratio > MAX_RATIO:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

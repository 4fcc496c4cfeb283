"""No root field acts outside a transaction that holds and checks the authority of its caller."""

import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from models.database import Database
from tests.staff.test_root_fields_by_role import MAY, ROLES, document_of, roots, token_of
from tests.statements import listening
from tests.world import World

LOCK: Final = "pg_advisory_xact_lock"
CHECK: Final = "WHERE access_tokens.id ="
SIGN_IN: Final = ("WHERE access_tokens.digest =",)
"""The statements before a root field begins."""

JOBS: Final = {
    "resolvers/erasure/retention_run.py",
    "resolvers/erasure/safeguards.py",
    "resolvers/statistics/release.py",
}
"""Modules that also run without a caller, from the command line."""
WAY_IN: Final = "resolvers/caller_database.py"
"""The module that checks the caller. It may use its own transactions."""


@asynccontextmanager
async def recorded_transactions(database: Database) -> AsyncIterator[dict[Any, list[str]]]:
    """Yields the statements of each connection that is opened within the block."""
    sent: dict[Any, list[str]] = {}

    def note(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            sent.setdefault(connection, []).append(statement)

    with listening(database, "before_cursor_execute", note):
        yield sent


def acts(statements: list[str]) -> bool:
    """Whether the transaction writes or locks a row."""
    return any(not each.startswith("SELECT") or "FOR UPDATE" in each for each in statements)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "ANONYMOUS"])
async def test_every_transaction_of_a_root_field_locks_and_reads_its_authority_first(world: World, role: str) -> None:
    token = await token_of(world, role)
    locks = [] if world.services.database.is_sqlite else [LOCK]
    for name in sorted((each for each in roots() if MAY[each][role]), key=lambda name: name == "logout"):
        async with recorded_transactions(world.services.database) as sent:
            answer = await world.ask(document_of(name, world), token)
        for statements in sent.values():
            if any(mark in statements[0] for mark in SIGN_IN) or (role == "MEMBER" and not acts(statements)):
                continue
            begins = [*locks, CHECK]
            assert [mark in one for mark, one in zip(begins, statements, strict=False)] == [True] * len(begins), (
                name,
                answer,
                statements,
            )


def test_no_resolver_opens_a_transaction_without_a_caller() -> None:
    for path in Path("resolvers").rglob("*.py"):
        if str(path) in JOBS:
            continue
        opened = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("reading", "writing", "acting", "snapshot", "connect", "begin")
        ]
        known = ("context.database.", "info.context.database.", "self.database.", "database.")
        if str(path) == WAY_IN:
            known += ("self.reading",)
        assert all(each.startswith(known) and "services" not in each for each in opened), (path, opened)

"""Rows of cases, requests and the ledger, written and read directly in the database."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from models.columns import new_id, sort_key
from models.logs.ledger import LEDGER
from tests.expectation import BITS, FIELDS
from tests.world import World


def bits(fields: Any) -> int:
    """A set of fields as the database stores it."""
    return sum(BITS[name] for name in fields)


def names(mask: int) -> frozenset[str]:
    """The fields of a stored set."""
    return frozenset(name for name in FIELDS if mask & BITS[name])


async def entries(world: World) -> list[Any]:
    """All ledger entries, in the order of writing."""
    async with world.services.database.reading() as connection:
        whole = select(LEDGER).order_by(LEDGER.c.ordinal, LEDGER.c.sequence)
        return list((await connection.execute(whole)).all())


async def execute(world: World, *statements: Any) -> None:
    """Changes the database directly, without the application."""
    async with world.services.database.writing() as connection:
        for statement in statements:
            await connection.execute(statement)


def case_row(world: World, subject: str | None, agent: str | None, extent: Any, **more: Any) -> dict[str, Any]:
    """A support case, open by default."""
    now, id = world.services.now(), new_id()
    return {
        "id": id,
        "subject_id": subject,
        "reference": "T-17",
        "reason": "It will not print.",
        "extent": bits(extent),
        "opened_at": now,
        "expires_at": now + timedelta(days=7),
        "opened_by": "0" * 32,
        "opened_by_subject": False,
        "agent_id": agent,
        "closed_at": None,
        "ordinal": sort_key(now, id),
        **more,
    }


def request_row(world: World, subject: str, extent: Any, **more: Any) -> dict[str, Any]:
    """A legal request, approved and open by default."""
    now, id = world.services.now(), new_id()
    return {
        "id": id,
        "subject_id": subject,
        "authority": "Court of Tartu",
        "reference": "2-26-1",
        "basis": "Section 215",
        "extent": bits(extent),
        "opened_at": now,
        "expires_at": now + timedelta(days=60),
        "notice_after": None,
        "opened_by": "0" * 32,
        "approved_by": "1" * 32,
        "approved_at": now,
        "closed_at": None,
        "ordinal": sort_key(now, id),
        **more,
    }

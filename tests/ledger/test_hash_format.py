"""Hashes of ledger entries, computed here a second time from the documented format."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, insert, update

from app.commands.audit.verify_log import faults
from models.columns import new_id, sort_key
from models.database import Database
from models.logs import hash_chain
from models.logs.ledger import LEDGER
from models.tables import CHAIN_HEADS, DISCLOSURES, READINGS
from models.vocabulary import Processor, Role
from resolvers.ledger.write_disclosures import commitment
from tests.world import World, line, world_of

START = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
COVERED = (
    "chain", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "visible_at", "sequence", "id",
    "subject_id", "fields", "commitment", "ordinal",
)  # fmt: skip
"""The columns that a hash covers, in this order. The previous hash comes before the sequence."""

MINE = "{ me { disclosures { edges { node { id at audience recipient fields reason receipt } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Disclosure { receipt } } }"
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."}) {
  ... on MandrillView { recipients { email } } } }"""


def encoded(row: dict[str, Any], previous: str) -> bytes:
    """The bytes of an entry that are hashed."""
    parts = []
    for name in COVERED:
        value = row[name]
        if isinstance(value, datetime):
            value = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif isinstance(value, str):
            value = f"={value}"
        parts += [previous] if name == "sequence" else []
        parts += ["-" if value is None else str(value)]
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def rows(subject: str, log: str, count: int) -> list[dict[str, Any]]:
    """Entries about a subject, with every column that a hash covers. Every second one has a separate id."""
    made, visible = [], None if log == "disclosure" else START
    for number in range(1, count + 1):
        at, salt, reason = START + timedelta(minutes=number), new_id(), f"case T-{number}"
        id = new_id() if number % 2 else None
        shared = {"chain": log, "at": at, "audience": "SUPPORT_CASE", "recipient": "support agent K7"}
        mine = {"recipient_id": "a" * 32, "token_id": None, "ground": f"{number:032x}", "visible_at": visible}
        own = {"sequence": number, "id": id, "subject_id": subject, "fields": number, "ordinal": sort_key(at, id or "")}
        said = {"commitment": commitment(salt, reason), "reason": reason, "salt": salt}
        made.append({**shared, **mine, **own, **said})
    return made


def columns_in(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The values of an entry that this table stores."""
    return {name: value for name, value in row.items() if name in table.c}


@pytest.fixture
async def written_entries(database_url: str) -> AsyncIterator[tuple[World, str, dict[str, str]]]:
    """A world with entries written here, their subject, and their receipts by entry id."""
    database = Database(database_url)
    world, subject, receipts = world_of(database), f"{1:032x}", {}
    async with database.writing() as connection:
        for log in ("disclosure", "sealed"):
            previous, written = hash_chain.GENESIS, rows(subject, log, 3)
            for row in written:
                previous = row["hash"] = world.services.keys.tag(log, encoded(row, previous))
                receipts[row["id"] or previous[:32]] = f"{row['sequence']}:{previous}"
            for row in written:
                reading = columns_in(READINGS, row) | {"ordinal": sort_key(row["at"], "")}
                await connection.execute(insert(READINGS).values(reading))
                await connection.execute(
                    insert(DISCLOSURES).values(columns_in(DISCLOSURES, row) | {"reading": row["sequence"]})
                )
            ended = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == log)
            await connection.execute(ended.values(sequence=3, hash=previous))
    numbers = itertools.count(1)
    assert await world.store_people(line("subject@example.org"), make_id=lambda: f"{next(numbers):032x}") == [subject]
    yield world, subject, receipts
    await world.client.aclose()
    world.services.hashing.close()
    await database.close()


async def test_entries_in_the_documented_format_verify_and_new_entries_follow_them(
    written_entries: tuple[World, str, dict[str, str]],
) -> None:
    world, subject, _ = written_entries
    assert await faults(world.services) == []
    token = await world.token(Role.PROCESSOR, processor=Processor.MANDRILL)
    await world.data(VIEW, token, {"ids": [subject]})
    assert await faults(world.services) == []
    async with world.services.database.reading() as connection:
        (last,) = (await connection.execute(LEDGER.select().where(LEDGER.c.sequence == 4))).all()
    assert (last.chain, last.id, last.name) == ("disclosure", None, last.hash[:32])


async def test_the_id_of_an_entry_is_its_own_or_the_start_of_its_hash(
    written_entries: tuple[World, str, dict[str, str]],
) -> None:
    world, subject, receipts = written_entries
    mine = await world.token(Role.MEMBER, subject)
    nodes = [edge["node"] for edge in (await world.data(MINE, mine))["me"]["disclosures"]["edges"]]
    assert {node["id"]: node["receipt"] for node in nodes} == receipts
    assert [node["reason"] for node in nodes] == ["case T-3"] * 2 + ["case T-2"] * 2 + ["case T-1"] * 2
    for id, receipt in receipts.items():
        assert (await world.data(NODE, mine, {"id": id}))["node"] == {"receipt": receipt}


async def test_an_erased_reason_of_a_subject_with_an_account_is_a_fault(
    written_entries: tuple[World, str, dict[str, str]],
) -> None:
    world, _, _ = written_entries
    async with world.services.database.writing() as connection:
        gone = update(READINGS).where(READINGS.c.chain == "sealed", READINGS.c.sequence == 2)
        await connection.execute(gone.values(reason=None, salt=None))
    assert await faults(world.services) == ["sealed: entry 2 has a changed reason"]

"""Entries of the ledger that have an id of their own: their hashes hold, and their subjects see them by that id."""

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
"""What a hash covered, in this order; the hash of the predecessor stood before the sequence."""

MINE = "{ me { disclosures { edges { node { id at audience recipient fields reason receipt } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Disclosure { receipt } } }"
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."}) {
  ... on MandrillView { recipients { email } } } }"""


def encoded(row: dict[str, Any], previous: str) -> bytes:
    """An entry with an id of its own, as it is hashed."""
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
    """Entries of a subject, each with all that its hash covers."""
    made, visible = [], None if log == "disclosure" else START
    for number in range(1, count + 1):
        at, id, salt, reason = START + timedelta(minutes=number), new_id(), new_id(), f"case T-{number}"
        shared = {"chain": log, "at": at, "audience": "SUPPORT_CASE", "recipient": "support agent K7"}
        mine = {"recipient_id": "a" * 32, "token_id": None, "ground": f"{number:032x}", "visible_at": visible}
        own = {"sequence": number, "id": id, "subject_id": subject, "fields": number, "ordinal": sort_key(at, id)}
        said = {"commitment": commitment(salt, reason), "reason": reason, "salt": salt}
        made.append({**shared, **mine, **own, **said})
    return made


def of(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The part of an entry that stands in this table."""
    return {name: value for name, value in row.items() if name in table.c}


@pytest.fixture
async def carried(database_url: str) -> AsyncIterator[tuple[World, str, dict[str, str]]]:
    """A platform, a subject, and the receipts by id of their entries that have one, each a reading of its own."""
    database = Database(database_url)
    world, subject, receipts = world_of(database), f"{1:032x}", {}
    async with database.writing() as connection:
        for log in ("disclosure", "sealed"):
            previous, written = hash_chain.GENESIS, rows(subject, log, 3)
            for row in written:
                previous = row["hash"] = world.services.keys.tag(log, encoded(row, previous))
                receipts[row["id"]] = f"{row['sequence']}:{previous}"
            for row in written:
                reading = {**row, "ordinal": row["ordinal"][:20]}
                await connection.execute(insert(READINGS).values(of(READINGS, reading)))
                await connection.execute(
                    insert(DISCLOSURES).values(of(DISCLOSURES, row) | {"reading": row["sequence"]})
                )
            ended = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == log)
            await connection.execute(ended.values(sequence=3, hash=previous))
    numbers = itertools.count(1)
    assert await world.store_people(line("subject@example.org"), make_id=lambda: f"{next(numbers):032x}") == [subject]
    yield world, subject, receipts
    await world.client.aclose()
    world.services.hashing.close()
    await database.close()


async def test_entries_with_an_id_verify_and_new_ones_follow_them(carried: tuple[World, str, dict[str, str]]) -> None:
    world, subject, _ = carried
    assert await faults(world.services) == []
    token = await world.token(Role.PROCESSOR, processor=Processor.MANDRILL)
    await world.data(VIEW, token, {"ids": [subject]})
    assert await faults(world.services) == []
    async with world.services.database.reading() as connection:
        (last,) = (await connection.execute(LEDGER.select().where(LEDGER.c.sequence == 4))).all()
    assert (last.chain, last.id, last.name) == ("disclosure", None, last.hash[:32])


async def test_subjects_see_their_entries_with_an_id_under_that_id(
    carried: tuple[World, str, dict[str, str]],
) -> None:
    world, subject, receipts = carried
    mine = await world.token(Role.MEMBER, subject)
    nodes = [edge["node"] for edge in (await world.data(MINE, mine))["me"]["disclosures"]["edges"]]
    assert {node["id"]: node["receipt"] for node in nodes} == receipts
    assert [node["reason"] for node in nodes] == ["case T-3"] * 2 + ["case T-2"] * 2 + ["case T-1"] * 2
    for id, receipt in receipts.items():
        assert (await world.data(NODE, mine, {"id": id}))["node"] == {"receipt": receipt}


async def test_the_reason_of_an_entry_with_an_id_is_bound(carried: tuple[World, str, dict[str, str]]) -> None:
    world, _, _ = carried
    async with world.services.database.writing() as connection:
        gone = update(READINGS).where(READINGS.c.chain == "sealed", READINGS.c.sequence == 2)
        await connection.execute(gone.values(reason=None, salt=None))
    assert await faults(world.services) == ["sealed: the reason of entry 2 was changed"]

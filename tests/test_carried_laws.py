"""A ledger from before the readings is carried over: its hashes hold, its subjects see the same by the same names."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, insert, table, text, update
from sqlalchemy import column as named

from app import schema_version
from app.commands.verify_log import faults
from models import chain
from models.columns import Instant, new_id, ordinal
from models.database import Database
from models.ledger import LEDGER
from models.tables import READINGS
from models.vocabulary import Processor, Role
from resolvers.ledger import commitment
from tests.world import World, line, world_of

START = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
BEFORE = (
    "chain", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "visible_at", "sequence", "id",
    "subject_id", "fields", "commitment", "ordinal",
)  # fmt: skip
"""What a hash covered, in this order; the hash of the predecessor stood before the sequence."""

MINE = "{ me { disclosures { edges { node { id at audience recipient fields reason receipt } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Disclosure { receipt } } }"
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."}) {
  ... on MandrillView { recipients { email } } } }"""


async def migrated(database: Database, revision: str) -> None:
    """Brings a database to a revision."""

    def upgrade(connection: Connection) -> Any:
        config = schema_version._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with database.writing() as connection:
        await connection.run_sync(upgrade)


def encoded(row: dict[str, Any], previous: str) -> bytes:
    """A row from before, as it was hashed."""
    parts = []
    for name in BEFORE:
        value = row[name]
        if isinstance(value, datetime):
            value = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif isinstance(value, str):
            value = f"={value}"
        parts += [previous] if name == "sequence" else []
        parts += ["-" if value is None else str(value)]
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def rows(subject: str, log: str, count: int) -> list[dict[str, Any]]:
    """Entries of a subject, as they stood in one table."""
    made, visible = [], None if log == "disclosure" else START
    for number in range(1, count + 1):
        at, id, salt, reason = START + timedelta(minutes=number), new_id(), new_id(), f"case T-{number}"
        shared = {"chain": log, "at": at, "audience": "SUPPORT_CASE", "recipient": "support agent K7"}
        mine = {"recipient_id": "a" * 32, "token_id": None, "ground": f"{number:032x}", "visible_at": visible}
        own = {"sequence": number, "id": id, "subject_id": subject, "fields": number, "ordinal": ordinal(at, id)}
        said = {"commitment": commitment(salt, reason), "reason": reason, "salt": salt}
        made.append({**shared, **mine, **own, **said})
    return made


@pytest.fixture
async def carried(empty_url: str) -> AsyncIterator[tuple[World, str, dict[str, str]]]:
    """A platform, a subject, and their entries' receipts by name, written before the readings and carried over."""
    database = Database(empty_url)
    await migrated(database, "0003")
    world, subject, receipts = world_of(database), f"{1:032x}", {}
    async with database.writing() as connection:
        for log in ("disclosure", "sealed"):
            previous, written = chain.GENESIS, rows(subject, log, 3)
            for row in written:
                previous = row["hash"] = world.services.keys.tag(log, encoded(row, previous))
                receipts[row["id"]] = f"{row['sequence']}:{previous}"
            instants = ("at", "visible_at")
            columns = [named(name, Instant() if name in instants else None) for name in written[0]]
            await connection.execute(insert(table("disclosures", *columns)), written)
            ended = text("UPDATE chain_heads SET sequence = 3, hash = :hash WHERE name = :name")
            await connection.execute(ended, {"hash": previous, "name": log})
    await schema_version.migrate(database)
    numbers = itertools.count(1)
    assert await world.settle(line("subject@example.org"), make_id=lambda: f"{next(numbers):032x}") == [subject]
    yield world, subject, receipts
    await world.client.aclose()
    world.services.hashing.close()
    await database.close()


async def test_entries_from_before_verify_and_new_ones_follow_them(carried: tuple[World, str, dict[str, str]]) -> None:
    world, subject, _ = carried
    assert await faults(world.services) == []
    token = await world.token(Role.PROCESSOR, processor=Processor.MANDRILL)
    await world.data(VIEW, token, {"ids": [subject]})
    assert await faults(world.services) == []
    async with world.services.database.reading() as connection:
        (last,) = (await connection.execute(LEDGER.select().where(LEDGER.c.sequence == 4))).all()
    assert (last.chain, last.id, last.name) == ("disclosure", None, last.hash[:32])


async def test_subjects_see_their_entries_from_before_under_the_same_names(
    carried: tuple[World, str, dict[str, str]],
) -> None:
    world, subject, receipts = carried
    mine = await world.token(Role.MEMBER, subject)
    nodes = [edge["node"] for edge in (await world.data(MINE, mine))["me"]["disclosures"]["edges"]]
    assert {node["id"]: node["receipt"] for node in nodes} == receipts
    assert [node["reason"] for node in nodes] == ["case T-3"] * 2 + ["case T-2"] * 2 + ["case T-1"] * 2
    for id, receipt in receipts.items():
        assert (await world.data(NODE, mine, {"id": id}))["node"] == {"receipt": receipt}


async def test_a_reason_from_before_is_still_bound(carried: tuple[World, str, dict[str, str]]) -> None:
    world, _, _ = carried
    async with world.services.database.writing() as connection:
        gone = update(READINGS).where(READINGS.c.chain == "sealed", READINGS.c.sequence == 2)
        await connection.execute(gone.values(reason=None, salt=None))
    assert await faults(world.services) == ["sealed: entry 2 has another reason than the one that was written"]

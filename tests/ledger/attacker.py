"""An attacker who has the database but not the keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.audit.verify_log import Checkpoint, faults
from models.columns import UtcDateTime, new_id
from models.database import Database
from models.logs import hash_chain
from models.tables import CHAIN_HEADS, DISCLOSURES, READINGS
from models.vocabulary import Audience
from permissions.access_ground import Ground
from resolvers.context import Services
from resolvers.ledger import write_disclosures
from tests.world import World

ENTRIES = 9


LOGS = {log.name: log for log in hash_chain.LOGS}


START = datetime.fromisoformat("2026-11-20T08:30:00+00:00")


Row = dict[str, Any]


def reading(number: int, *, sealed: bool = False) -> write_disclosures.Entry:
    """A disclosure of one of four subjects."""
    ground = Ground(f"{number:032x}", 3, f"case T-{number}", visible_at=START if sealed else None)
    subject, holder, token = f"{number % 4:032x}", "a" * 32, "b" * 32
    return write_disclosures.Entry(
        subject, Audience.SUPPORT_CASE, "support agent K7", number % 4, ground, holder, token
    )


def consent(number: int) -> Row:
    """A consent record of one of four subjects."""
    return {
        "subject_id": f"{number % 4:032x}",
        "purpose": "SOCIAL",
        "granted": number % 2 == 0,
        "policy_version": "2026-11-01",
        "recorded_at": START + timedelta(minutes=number),
        "source": "settings",
    }


@dataclass
class Attacker:
    """Someone with the database but not the keys, who drops the triggers and changes a log."""

    connection: AsyncConnection
    log: hash_chain.Log

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of the log."""
        return (self.log.table,) if self.log is hash_chain.CONSENT else (self.log.table, READINGS)

    async def disarm(self) -> None:
        """Drops every trigger of the tables."""
        for table in self.tables:
            if self.connection.dialect.name == "sqlite":
                for trigger in ("kept", "whole", "new", "said"):
                    await self.connection.execute(text(f"DROP TRIGGER IF EXISTS {table.name}_{trigger}"))
            else:
                await self.connection.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))

    def at(self, sequence: int, table: Any = None) -> Any:
        """The condition of one entry, or of its reading."""
        columns = (self.log.table if table is None else table).c
        if table is READINGS:
            mine = columns.sequence == select(DISCLOSURES.c.reading).where(self.at(sequence)).scalar_subquery()
        else:
            mine = columns.sequence == sequence
        return mine & (columns.chain == self.log.name) if "chain" in columns else mine

    async def row(self, sequence: int, table: Any = None) -> Row:
        """One entry, or its row in one of the tables."""
        rows = self.log.records if table is None else table
        found = (await self.connection.execute(select(rows).where(self.at(sequence, rows)))).mappings().one()
        return dict(found)

    async def change(self, sequence: int, /, **values: Any) -> None:
        """Overwrites columns of one entry, wherever they are."""
        for table in self.tables:
            mine = {name: value for name, value in values.items() if name in table.c}
            if mine:
                await self.overwrite(table, sequence, mine)
            values = {name: value for name, value in values.items() if name not in mine}

    async def overwrite(self, table: Table, sequence: int, values: Row) -> None:
        """Overwrites columns of an entry's row in one of the tables."""
        await self.connection.execute(update(table).where(self.at(sequence, table)).values(values))

    async def delete(self, sequence: int) -> None:
        """Deletes an entry and its reading."""
        for table in self.tables[::-1]:
            await self.connection.execute(delete(table).where(self.at(sequence, table)))

    async def insert(self, row: Row) -> None:
        """Inserts an entry with a new unique id."""
        own = {name: value for name, value in row.items() if name in self.log.table.c}
        await self.connection.execute(insert(self.log.table), {**own, "id": new_id()})

    async def head(self, sequence: int, digest: str | None = None) -> None:
        """Moves the head of the chain to this entry."""
        digest = digest or (await self.row(sequence))["hash"]
        head = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == self.log.name)
        await self.connection.execute(head.values(sequence=sequence, hash=digest))

    async def swap(self, first: int, second: int) -> None:
        """Swaps two entries."""
        await self.change(first, sequence=1000)
        await self.change(second, sequence=first)
        await self.move(1000, second)

    async def move(self, sequence: int, to: int) -> None:
        """Changes the sequence number of an entry."""
        await self.change(sequence, sequence=to)

    async def faults(self, services: Services, known: Sequence[Checkpoint] = ()) -> list[str]:
        """The faults that verification finds in this transaction."""
        return await faults(replace(services, database=Inside(self.connection)), known)


class Inside(Database):
    """A database as one transaction sees it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """The transaction's own connection."""
        yield self.connection


@asynccontextmanager
async def attacked(world: World, name: str) -> AsyncIterator[Attacker]:
    """An attacker on a log. Rolls back at the end of the block."""
    async with world.services.database.engines[-1].connect() as connection:
        attacker = Attacker(connection, LOGS[name])
        await attacker.disarm()
        yield attacker
        await connection.rollback()


async def fill(services: Services, many: int, batch: int = ENTRIES) -> None:
    """Writes `many` entries to each log, as the application does."""
    for first in range(0, many, batch):
        numbers = range(first, min(many, first + batch))
        async with services.database.writing() as connection:
            await hash_chain.append(
                connection, services.keys, hash_chain.CONSENT, [consent(number) for number in numbers]
            )
            for sealed in (False, True):
                some = [reading(number, sealed=sealed) for number in numbers]
                await write_disclosures.append_entries(
                    connection, services.keys, some, START + timedelta(minutes=first)
                )


def other(column: Any, value: Any) -> Any:
    """A different value of the column's type."""
    if isinstance(column.type, UtcDateTime):
        return (value or START) + timedelta(microseconds=1)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 4096
    return "x" if value is None else value[:-1] + ("1" if value[-1] == "0" else "0")


async def head_of(services: Services, name: str) -> Checkpoint:
    """The present end of a chain."""
    async with services.database.reading() as connection:
        row = (await connection.execute(select(CHAIN_HEADS).where(CHAIN_HEADS.c.name == name))).one()
    return Checkpoint(name, row.sequence, row.hash)

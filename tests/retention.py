"""A harness for tests of retention: a clock, runs, legal requests and rows."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select, update

from app.commands.audit.verify_log import log_faults
from app.commands.server.retention import ErasurePlaces, erase
from app.operations.erasure_register import ErasureRegister
from models.columns import Text, UtcDateTime, new_id, sort_key
from models.tables import ACCESS_TOKENS, ACCOUNTS, CREDENTIALS, LEGAL_REQUESTS, OUTBOX, SUPPORT_CASES
from models.vocabulary import PersonalField, mask_of
from resolvers.erasure.personal_tables import OWNER_COLUMNS
from resolvers.erasure.retention_run import RetentionRun
from tests.identity import Clock
from tests.world import World

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


class RetentionHarness:
    """Runs retention on a world and moves its clock."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.clock = Clock(world)
        self.places = ErasurePlaces(ErasureRegister(folder / "erasures"), folder / "mail")

    async def due(self) -> dict[str, int]:
        """Counts what a run would delete, without kinds that have nothing due."""
        counts = await RetentionRun(self.world.services, self.places.register).due()
        return dict(+counts)

    async def run(self) -> dict[str, int]:
        """Runs retention and returns the counts. Checks that they match the forecast and that both logs verify."""
        due = await self.due()
        counts, undone = await erase(self.world.services, self.places)
        assert undone == []
        assert +counts == Counter(due)
        assert await self.due() == {}
        assert await log_faults(self.world.services) == []
        return dict(+counts)

    async def request_erasure(self, *ids: str) -> datetime:
        """Requests erasure of these people now."""
        async with self.world.services.database.writing() as connection:
            mine = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids))
            await connection.execute(mine.values(leaving_since=self.clock.at))
        return self.clock.at

    async def rows(self, table: Table, *where: Any) -> list[Any]:
        """Reads the rows of a table."""
        async with self.world.services.database.reading() as connection:
            return list((await connection.execute(select(table).where(*where))).all())

    async def count(self, table: Table) -> int:
        """Counts the rows of a table."""
        async with self.world.services.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())

    async def open_legal_request(self, subject_id: str, *fields: str, days: float = 90, **more: Any) -> str:
        """Stores a legal request that was approved now. Returns its id."""
        id, now = new_id(), self.clock.at
        row = {
            "id": id,
            "subject_id": subject_id,
            "authority": "District Court",
            "reference": "R-1",
            "basis": "Act 1",
            "extent": mask_of({PersonalField(field) for field in fields}),
            "opened_at": now,
            "expires_at": now + days * DAY,
            "notice_after": None,
            "opened_by": "a" * 32,
            "approved_by": "b" * 32,
            "approved_at": now,
            "closed_at": None,
            "ordinal": sort_key(now, id),
            **more,
        }
        async with self.world.services.database.writing() as connection:
            await connection.execute(insert(LEGAL_REQUESTS), row)
        return id

    async def close_legal_request(self, request_id: str) -> None:
        """Closes the legal request."""
        async with self.world.services.database.writing() as connection:
            one = update(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.id == request_id)
            await connection.execute(one.values(closed_at=self.clock.at))

    async def extend_sessions(self) -> None:
        """Extends all sessions beyond the end of the test."""
        async with self.world.services.database.writing() as connection:
            await connection.execute(update(ACCESS_TOKENS).values(expires_at=self.clock.at + 3650 * DAY))


def row_of(table: Table, subject_id: str, later: datetime, **given: Any) -> dict[str, Any]:
    """Builds a row of this table about a person, with all instants at `later`."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given:
            row[column.name] = given[column.name]
        elif column.name in ("subject_id", "holder_id"):
            row[column.name] = subject_id
        elif column.nullable:
            row[column.name] = None
        elif isinstance(column.type, UtcDateTime):
            row[column.name] = later
        else:
            row[column.name] = {"role": "MEMBER", "reason": "why", "reference": "T-1"}.get(
                column.name, new_id() if isinstance(column.type, Text) else 0
            )
    if table is OUTBOX and "due_at" not in given:
        row["due_at"] = later
    if "notice" in row:
        row["notice"] = "NEW_DEVICE"
    if table is SUPPORT_CASES:
        row["reason"] = row["reason"] or "why"
    return {
        name: value[: table.c[name].type.length or 64] if isinstance(value, str) else value
        for name, value in row.items()
    }


async def insert_everywhere(harness: RetentionHarness, id: str) -> None:
    """Inserts a row about this person in every table that erasure deletes from, and an open case."""
    later = harness.clock.at + 3650 * DAY
    async with harness.world.services.database.writing() as connection:
        for table in (*OWNER_COLUMNS, SUPPORT_CASES):
            if table is not CREDENTIALS:
                await connection.execute(insert(table), row_of(table, id, later))

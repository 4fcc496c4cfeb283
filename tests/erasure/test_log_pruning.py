"""Pruned logs can still be verified."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, or_, text, update
from sqlalchemy.exc import DBAPIError

from app.commands.audit.verify_log import log_faults
from models.database import Database
from models.logs import chain_gaps, hash_chain
from models.tables import CHAIN_GAPS, CONSENT_RECORDS, DISCLOSURES, READINGS
from models.vocabulary import Processor, Role
from permissions.retention_periods import YEAR, RecordKind, retention
from tests.erasure.documents import READ, VIEW, compliance_token, extend_grants, open_views
from tests.retention import DAY, MOMENT, RetentionHarness
from tests.world import line


async def test_a_pruned_log_can_still_be_verified(harness: RetentionHarness) -> None:
    world, start = harness.world, harness.clock.at
    ids = [await world.person(f"p{n}@example.org", ("SOCIAL", "EXPANSION"), profile={}) for n in range(3)]
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=start + 12 * YEAR)
    await world.data(VIEW, token, {"ids": ids})
    harness.clock.at += DAY
    await world.data(VIEW, token, {"ids": ids[1:]})
    await harness.request_erasure(ids[1])
    harness.clock.at += 30 * DAY
    ended = harness.clock.at
    assert await harness.run() == {"accounts": 1}
    harness.clock.at = start + 5 * YEAR - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"disclosures": 3 + 1}, "three entries and their view"
    assert len(await harness.rows(READINGS)) == 1
    harness.clock.at = start + 5 * YEAR + DAY
    assert await harness.run() == {"disclosures": 2 + 1}
    harness.clock.at = ended + 5 * YEAR - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"consent_records": 4}
    assert {row.subject_id for row in await harness.rows(CONSENT_RECORDS)} == {ids[0], ids[2]}
    found = {(row.chain, row.first, row.last) for row in await harness.rows(CHAIN_GAPS)}
    assert found == {("consent", 3, 4), ("consent", 7, 8), ("disclosure", 1, 5)}, "beside each other they are one"
    await world.data(VIEW, token, {"ids": ids[:1]})
    assert await log_faults(world.services) == []


async def test_readings_of_open_or_secret_requests_are_not_pruned(harness: RetentionHarness) -> None:
    periods = retention(30 * DAY, {RecordKind.DISCLOSURES: DAY})
    harness.world.services.retention = periods
    token = await compliance_token(harness)
    await extend_grants(harness)
    seen, sealed = await harness.world.store_people(
        line("a@example.org", ("SOCIAL", "EXPANSION")), line("b@example.org")
    )
    request = await harness.open_legal_request(seen, "EMAIL", days=3)
    await harness.open_legal_request(sealed, "EMAIL", days=2, notice_after=harness.clock.at + 9 * DAY)
    for id in (seen, sealed):
        await harness.world.data(READ, token, {"id": id})
    harness.clock.at += 2 * DAY
    assert await harness.run() == {}
    await harness.close_legal_request(request)
    assert await harness.run() == {"disclosures": 1}
    harness.clock.at += 7 * DAY
    assert await harness.run() == {"disclosures": 1}
    assert await harness.count(READINGS) == 0


@pytest.mark.parametrize("log", [hash_chain.CONSENT, hash_chain.DISCLOSURE], ids=lambda log: log.name)
async def test_a_deleted_entry_needs_a_gap_signed_by_a_key(harness: RetentionHarness, log: hash_chain.Log) -> None:
    await open_views(harness, 3)
    database, keys, table = harness.world.services.database, harness.world.services.keys, log.table
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.writing() as connection:
            await connection.execute(delete(table).where(table.c.sequence == 1))
    (first, *_) = await harness.rows(table, table.c.sequence == 1)
    for tag in ("0" * 64, keys.tag("chain gap", b"something else"), keys.tag(log.name, b"")):
        async with database.writing() as connection:
            forged = {"chain": log.name, "first": 1, "last": 1, "hash": first.hash, "tag": tag}
            await connection.execute(delete(CHAIN_GAPS))
            await connection.execute(insert(CHAIN_GAPS), forged)
            await connection.execute(delete(table).where(table.c.sequence == 1))
            if table is DISCLOSURES:
                await connection.execute(delete(READINGS).where(READINGS.c.sequence == 1))
        (fault,) = await log_faults(harness.world.services)
        assert fault.startswith(f"{log.name}: entry 1 was changed")


async def test_a_gap_covers_only_its_own_entries(harness: RetentionHarness) -> None:
    await open_views(harness, 6)
    services, log = harness.world.services, hash_chain.DISCLOSURE
    keys = services.keys
    rows = {row.sequence: row for row in await harness.rows(DISCLOSURES)}

    async def cut(*gone: int, **changed: Any) -> list[str]:
        """Deletes entries behind a gap signed for 2 to 3, then changed. Returns the faults found."""
        try:
            async with services.database.writing() as connection:
                await chain_gaps.record_gaps(connection, keys, log, [(n, rows[n].hash) for n in (2, 3)])
                await connection.execute(update(CHAIN_GAPS).values(**changed) if changed else text("SELECT 1"))
                one = or_(*(DISCLOSURES.c.sequence == n for n in gone))
                if services.database.is_sqlite:
                    for name in ("readings", "disclosures"):
                        await connection.execute(text(f"DROP TRIGGER {name}_whole"))
                else:
                    for name in ("readings", "disclosures"):
                        await connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
                await connection.execute(delete(DISCLOSURES).where(one))
                await connection.execute(delete(READINGS).where(READINGS.c.sequence.in_(gone)))
                monkey = replace(services, database=_Within(connection, services.database))  # type: ignore[arg-type]
                found = await log_faults(monkey)
                raise _Undo(found)
        except _Undo as undone:
            return undone.found

    assert await cut(2, 3) == []
    for gone, changed in (
        ((2, 3, 4), {}),
        ((2, 3, 4), {"last": 4}),
        ((2, 3, 4), {"last": 4, "hash": rows[4].hash}),
        ((1, 2, 3), {"first": 1}),
        ((2, 3), {"hash": rows[2].hash}),
        ((2, 3), {"chain": "sealed"}),
        ((4, 5, 6), {"first": 4, "last": 6, "hash": rows[6].hash}),
    ):
        assert len(await cut(*gone, **changed)) == 1, (gone, changed)


class _Undo(Exception):
    def __init__(self, found: list[str]) -> None:
        self.found = found


class _Within:
    """A database that reads within a transaction that is never committed."""

    def __init__(self, connection: Any, database: Database) -> None:
        self.connection, self.is_sqlite = connection, database.is_sqlite

    def reading(self) -> "_Within":
        return self

    async def __aenter__(self) -> Any:
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        return None

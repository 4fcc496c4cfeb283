"""A row is deleted at the end of its retention period, and not before."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, insert

from models.tables import (
    ACCESS_TOKENS,
    CHALLENGES,
    FAILED_SIGN_INS,
    KNOWN_DEVICES,
    LEGAL_REQUESTS,
    MAILED_TOKENS,
    OUTBOX,
    PROCESSOR_VIEWS,
    SUPPORT_CASES,
    WITHDRAWALS,
)
from permissions.retention_periods import YEAR, RecordKind
from tests.retention import DAY, MOMENT, RetentionHarness, row_of

Row = dict[str, Any]

EXPIRED_ROWS: dict[str, tuple[Table, Callable[[datetime], Row], RecordKind, timedelta]] = {
    "a token that expired": (ACCESS_TOKENS, lambda at: {"expires_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a token that was revoked": (ACCESS_TOKENS, lambda at: {"revoked_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a challenge that expired": (CHALLENGES, lambda at: {"expires_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a challenge that ended": (CHALLENGES, lambda at: {"ended_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a device that was forgotten": (KNOWN_DEVICES, lambda at: {"expires_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a count of wrong passwords": (
        FAILED_SIGN_INS, lambda at: {"last_failed_at": at}, RecordKind.FAILED_SIGN_INS, 30 * DAY,
    ),
    "a letter that was sent": (OUTBOX, lambda at: {"sent_at": at, "due_at": None}, RecordKind.LETTERS, 7 * DAY),
    "a letter that was given up": (OUTBOX, lambda at: {"written_at": at, "due_at": None}, RecordKind.LETTERS, 7 * DAY),
    "a letter that waits in vain": (OUTBOX, lambda at: {"written_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a link that was used": (MAILED_TOKENS, lambda at: {"used_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a link that is over": (MAILED_TOKENS, lambda at: {"expires_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a case that was closed": (SUPPORT_CASES, lambda at: {"closed_at": at}, RecordKind.SUPPORT_CASES, 2 * YEAR),
    "a case that expired": (SUPPORT_CASES, lambda at: {"expires_at": at}, RecordKind.SUPPORT_CASES, 2 * YEAR),
    "a request that was closed": (LEGAL_REQUESTS, lambda at: {"closed_at": at}, RecordKind.LEGAL_REQUESTS, 6 * YEAR),
    "a request that expired": (LEGAL_REQUESTS, lambda at: {"expires_at": at}, RecordKind.LEGAL_REQUESTS, 6 * YEAR),
    "a view": (PROCESSOR_VIEWS, lambda at: {"opened_at": at}, RecordKind.DISCLOSURES, 5 * YEAR),
    "what was forgotten": (
        WITHDRAWALS, lambda at: {"withdrawn_at": at, "acknowledged_at": at}, RecordKind.DISCLOSURES, 5 * YEAR,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPIRED_ROWS)
async def test_a_row_is_deleted_at_the_end_of_its_period(harness: RetentionHarness, name: str) -> None:
    table, ended, kind, period = EXPIRED_ROWS[name]
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    end = harness.clock.at + DAY
    later = harness.clock.at + 9 * YEAR
    async with harness.world.services.database.writing() as connection:
        await connection.execute(insert(table), row_of(table, id, later, **ended(end)))
        await connection.execute(insert(table), row_of(table, id, later))
    harness.clock.at = end + period - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {kind.value: 1}
    assert await harness.count(table) == 1


async def test_an_unacknowledged_withdrawal_is_never_deleted(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    async with harness.world.services.database.writing() as connection:
        row = row_of(WITHDRAWALS, id, harness.clock.at, withdrawn_at=harness.clock.at)
        await connection.execute(insert(WITHDRAWALS), row)
    harness.clock.at += 20 * YEAR
    assert await harness.run() == {}

"""Retention refuses to run under a clock that may be wrong, or when it would erase an unusual share of the accounts."""

import asyncio
import json
import logging
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.commands.server.retention import REFUSED_STATUS, RETENTION_REFUSED, erase_guarded
from models.database import Database
from models.tables import ACCOUNTS
from resolvers.clock import signs
from resolvers.clock.marks import Doubt, Mark, Marked, read_marks, set_mark
from resolvers.clock.signs import Signs
from resolvers.clock.steady_clock import utc_now
from resolvers.erasure.safeguards import Safeguards
from tests.retention import DAY, RetentionHarness
from tests.serving import COMMAND, consentql, environment
from tests.world import line

NOW = datetime.fromisoformat("2027-01-01T12:00:00+00:00")
MINUTES = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def at(**marks: timedelta) -> Mapping[Mark, Marked]:
    """Marks of this long ago."""
    return {Mark(name): Marked(NOW - ago) for name, ago in marks.items()}


def jumped(ago: timedelta) -> Mapping[Mark, Marked]:
    return {Mark.UNCONFIRMED: Marked(NOW - ago, Doubt.CLOCK_JUMPED), Mark.SERVING: Marked(NOW)}


@pytest.mark.parametrize(
    ("marks", "entry", "host", "doubt"),
    [
        ({}, None, 0 * DAY, None),
        ({}, 40 * DAY, 0 * DAY, None),
        (at(retention=40 * DAY), 2 * DAY, 0 * DAY, None),
        (at(retention=40 * DAY), 2 * DAY + TICK, 0 * DAY, Doubt.LONG_STOP),
        (at(serving=2 * DAY), 40 * DAY, 0 * DAY, None),
        (at(serving=2 * DAY + TICK), 40 * DAY, 0 * DAY, Doubt.LONG_STOP),
        (at(serving=40 * DAY, retention=DAY), None, 0 * DAY, None),
        (at(serving=40 * DAY, retention=3 * DAY), DAY, 0 * DAY, None),
        (at(serving=40 * DAY, refused=DAY), None, 0 * DAY, Doubt.LONG_STOP),
        (jumped(3 * DAY), DAY, 0 * DAY, Doubt.CLOCK_JUMPED),
        (jumped(2 * DAY), DAY, 0 * DAY, None),
        (at(serving=DAY), DAY, 5 * MINUTES, None),
        (at(serving=DAY), DAY, 5 * MINUTES + TICK, Doubt.CLOCKS_DIFFER),
        (at(serving=DAY), DAY, -5 * MINUTES - TICK, Doubt.CLOCKS_DIFFER),
        (at(serving=-DAY), -DAY, 0 * DAY, None),
        (at(serving=-2 * DAY), None, 0 * DAY, None),
        (at(serving=-2 * DAY - TICK), None, 0 * DAY, Doubt.CLOCK_JUMPED),
        (at(serving=DAY, retention=-3 * DAY), DAY, 0 * DAY, Doubt.CLOCK_JUMPED),
        (at(serving=DAY), -3 * DAY, 0 * DAY, None),
    ],
)
def test_the_clock_is_in_doubt_two_days_after_the_newest_sign_or_before_the_newest_heartbeat(
    marks: Any, entry: timedelta | None, host: timedelta, doubt: Doubt | None
) -> None:
    found = Signs(NOW + host, NOW, marks, NOW - entry if entry is not None else None).doubt()
    assert (found[0] if found else None) == doubt


async def marks_of(database: Database) -> Mapping[Mark, Marked]:
    async with database.reading() as connection:
        return await read_marks(connection)


async def leaving(harness: RetentionHarness, many: int, among: int) -> None:
    """Stores people and lets some of them ask for erasure long ago."""
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ()) for n in range(among)))
    async with harness.world.services.database.writing() as connection:
        some = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids[:many]))
        await connection.execute(some.values(leaving_since=harness.clock.at - 31 * DAY))


@pytest.mark.parametrize(
    ("many", "among", "share", "refused"),
    [(49, 49, "5", False), (2, 50, "5", False), (3, 50, "5", True), (3, 60, "5", False), (3, 60, "4.9", True)],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_from_50_accounts_on_a_large_share_is_refused(
    harness: RetentionHarness, many: int, among: int, share: str, refused: bool
) -> None:
    await leaving(harness, many, among)
    services = harness.world.services
    found = await Safeguards(Decimal(share)).refusal(services)
    assert (found is not None) == refused
    if found:
        assert (found.reason, found.waiting) == (Doubt.LARGE_SHARE, many)
    assert await Safeguards(Decimal(share), share_accepted=True).refusal(services) is None


async def test_lapsed_purposes_and_restored_people_count_once(harness: RetentionHarness) -> None:
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(50)))
    lapsed = {f"{each}_version": None for each in ("social", "expansion")}
    lapsed |= {f"{each}_lapsed_at": harness.clock.at - 31 * DAY for each in ("social", "expansion")}
    async with harness.world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids[:2])).values(**lapsed))
    services = harness.world.services
    assert await Safeguards().refusal(services) is None
    assert await Safeguards().refusal(services, ids[:2]) is None
    found = await Safeguards().refusal(services, ids[1:3])
    assert found
    assert (found.reason, found.waiting) == (Doubt.LARGE_SHARE, 3)


async def test_a_refusal_erases_nothing_and_lasts_until_a_run_begins(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    harness.clock.at = utc_now()
    services, database = harness.world.services, harness.world.services.database
    await leaving(harness, 1, 3)
    assert (await erase_guarded(services, harness.places, Safeguards())).exit_status == 0
    async with database.writing() as connection:
        await connection.execute(update(ACCOUNTS).values(leaving_since=harness.clock.at))
    harness.clock.at += 40 * DAY

    async def clock(*_: Any) -> datetime:
        return harness.clock.at

    monkeypatch.setattr(signs, "database_time", clock)
    for _ in range(2):
        outcome = await erase_guarded(services, harness.places, Safeguards(share_accepted=True))
        assert (outcome.exit_status, dict(outcome.counts)) == (REFUSED_STATUS, {})
        assert outcome.refusal
        assert "--accept-clock" in outcome.refusal.sentence
        assert await harness.count(ACCOUNTS) == 2
        assert (await marks_of(database))[Mark.REFUSED] == Marked(harness.clock.at, Doubt.LONG_STOP, 2)
    alarms = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [(each.message, each.__dict__["waiting"]) for each in alarms] == [(RETENTION_REFUSED, 2)] * 2
    outcome = await erase_guarded(services, harness.places, Safeguards(clock_accepted=True))
    assert (outcome.exit_status, outcome.counts["accounts"]) == (0, 2)
    marks = await marks_of(database)
    assert set(marks) == {Mark.RETENTION, Mark.SERVING}
    assert {each.at for each in marks.values()} == {harness.clock.at}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_nobody_can_confirm_two_clocks_that_differ(harness: RetentionHarness) -> None:
    harness.clock.at = utc_now() + 6 * MINUTES
    refusal = await Safeguards(clock_accepted=True, share_accepted=True).refusal(harness.world.services)
    assert refusal
    assert refusal.reason is Doubt.CLOCKS_DIFFER


async def test_the_command_refuses_says_so_and_takes_a_confirmation(harness: RetentionHarness, tmp_path: Path) -> None:
    await leaving(harness, 1, 2)
    url, database = harness.world.services.database.url, harness.world.services.database
    long_ago = Marked(utc_now() - 3 * DAY, Doubt.CLOCK_JUMPED)
    async with database.writing() as connection:
        await set_mark(connection, Mark.UNCONFIRMED, long_ago)
    counted = consentql(url, "retention", "--dry-run", cwd=tmp_path)
    assert (counted.returncode, "accounts: 1" in counted.stdout) == (REFUSED_STATUS, True)
    assert set(await marks_of(database)) == {Mark.UNCONFIRMED}, "counting changes nothing"
    refused = consentql(url, "retention", "--json", cwd=tmp_path)
    document = json.loads(refused.stdout)
    assert (refused.returncode, document) == (REFUSED_STATUS, {"refused": {"reason": "clock_jumped", "waiting": 1}})
    alarm, sentence = refused.stderr.splitlines()
    assert (json.loads(alarm)["level"], json.loads(alarm)["message"]) == ("ERROR", RETENTION_REFUSED)
    assert sentence.startswith("Refused: the clock jumped from ")
    assert sentence.endswith("run again with --accept-clock. The data of 1 person waits to be erased.")
    seen = consentql(url, "oversight", cwd=tmp_path).stdout
    assert "retention refused: 1 erasures wait since " in seen
    assert json.loads(consentql(url, "oversight", "--json", cwd=tmp_path).stdout)["retention_refused"]["waiting"] == 1
    accepted = consentql(url, "retention", "--accept-clock", cwd=tmp_path)
    assert (accepted.returncode, "accounts: 1" in accepted.stdout) == (0, True), accepted.stderr
    assert "refused" not in consentql(url, "oversight", cwd=tmp_path).stdout


@pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_run_under_a_clock_40_days_ahead_erases_nobody(harness: RetentionHarness, tmp_path: Path) -> None:
    ids = await harness.world.store_people(*(line(f"p{n}@example.org") for n in range(3)))
    await harness.request_erasure(*ids)
    url = harness.world.services.database.url
    assert consentql(url, "retention", cwd=tmp_path).returncode == 0
    ahead = ["faketime", "-f", "+40d", *COMMAND, "retention"]
    done = await asyncio.to_thread(subprocess.run, ahead, env=environment(url), cwd=tmp_path, capture_output=True)
    assert done.returncode == REFUSED_STATUS, done.stderr
    assert await harness.count(ACCOUNTS) == 3

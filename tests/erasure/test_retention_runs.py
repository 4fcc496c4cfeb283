"""Retention runs: counting, batches, concurrency, the erasure register and the command."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.commands.audit.verify_log import log_faults
from app.commands.server.retention import erase
from app.operations.erasure_register import ErasureRegister
from models import inserts
from models.columns import new_id
from models.database import Database
from models.tables import ACCOUNTS, CONSENT_RECORDS, CREDENTIALS, METADATA, UNSCRUBBED
from permissions.retention_periods import YEAR, RecordKind, retention
from resolvers.erasure import retention_run as run_module
from resolvers.erasure.retention_run import RetentionRun
from tests.erasure.documents import open_views
from tests.retention import DAY, RetentionHarness, insert_everywhere, row_of
from tests.serving import consentql
from tests.world import line


async def store_varied_people(harness: RetentionHarness, many: int) -> list[str]:
    """Stores people: a third request erasure, a third withdrew, and some have e-mails, tokens and cases."""
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(many)))
    await harness.request_erasure(*ids[::3])
    for id in ids[:4]:
        await insert_everywhere(harness, id)
    async with harness.world.services.database.writing() as connection:
        lapsed = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids[1::3]))
        await connection.execute(lapsed.values(social_version=None, social_lapsed_at=harness.clock.at))
    return ids


async def all_rows(harness: RetentionHarness) -> dict[str, list[str]]:
    """Reads every row of every table."""
    return {name: sorted(map(str, await harness.rows(table))) for name, table in METADATA.tables.items()}


async def test_counting_changes_nothing(harness: RetentionHarness) -> None:
    await store_varied_people(harness, 9)
    harness.clock.at += 30 * DAY
    before = await all_rows(harness)
    counts = await harness.due()
    assert (counts["accounts"], counts["lapsed_purposes"]) == (3, 3)
    assert await all_rows(harness) == before
    assert not harness.places.register.path.exists()
    assert (await harness.run()) == counts
    assert await harness.run() == {}


async def test_small_batches_give_the_same_result(harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "BATCH", 2)
    monkeypatch.setattr(run_module, "READINGS_AT_ONCE", 1)
    await store_varied_people(harness, 12)
    await open_views(harness, 3)
    harness.clock.at += 5 * YEAR + 40 * DAY
    counts = await harness.run()
    assert (counts["accounts"], counts["lapsed_purposes"], counts["disclosures"]) == (4, 4, 6)
    assert await harness.count(UNSCRUBBED) == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_concurrent_runs_erase_each_person_once(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "BATCH", 3)
    await store_varied_people(harness, 60)
    await open_views(harness, 8)
    harness.clock.at += 5 * YEAR + 30 * DAY
    due_now = await harness.due()
    both = await asyncio.gather(
        *(RetentionRun(harness.world.services, harness.places.register).delete_due() for _ in range(2))
    )
    assert +(both[0] + both[1]) == due_now
    assert await harness.due() == {}
    assert sorted(harness.places.register.ids()) == sorted(set(harness.places.register.ids()))
    ended = [row.subject_id for row in await harness.rows(CONSENT_RECORDS, CONSENT_RECORDS.c.source == "erasure")]
    assert len(ended) == 2 * 20
    assert await log_faults(harness.world.services) == []


async def test_a_run_uses_the_operators_periods(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    harness.world.services.retention = retention(DAY, {RecordKind.CONSENT_RECORDS: 2 * DAY})
    await harness.request_erasure(id)
    harness.clock.at += DAY
    assert await harness.run() == {"accounts": 1}
    harness.clock.at += 2 * DAY
    assert await harness.run() == {"consent_records": 4}


async def test_people_in_the_register_are_erased_again_after_a_restore(harness: RetentionHarness) -> None:
    back, other = await harness.world.store_people(line("back@example.org"), line("o@example.org"))
    await insert_everywhere(harness, back)
    harness.places.register.add([back, new_id()], harness.clock.at)
    harness.clock.at += 100 * DAY
    counts = await harness.run()
    assert counts["erased_again"] == 1
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [other]
    assert list(harness.places.register.ids()).count(back) == 2


async def test_any_number_of_restored_people_is_counted(harness: RetentionHarness) -> None:
    many, now = 33_000, harness.clock.at  # more than a statement of PostgreSQL takes parameters
    ids = [f"{number:032x}" for number in range(many)]
    one = row_of(ACCOUNTS, "", now, email_verified=True)
    people = {name: [value] * many for name, value in one.items()} | {"id": ids, "account_id": ids}
    credentials = {"subject_id": ids, "email_canonical": ids, "password_hash": [None] * many}
    async with harness.world.services.database.writing() as connection:
        await inserts.insert_rows(connection, ACCOUNTS, people)
        await inserts.insert_rows(connection, CREDENTIALS, credentials)
    harness.places.register.add(ids, now)
    assert await harness.due() == {"erased_again": many}


def test_an_incomplete_line_of_the_register_hides_no_other(tmp_path: Path) -> None:
    register, now = ErasureRegister(tmp_path / "deep" / "erasures"), datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    assert list(register.ids()) == []
    register.add(["a", "b"], now)
    assert register.path.read_text().splitlines()[0] == '{"id": "a", "at": "2027-01-01T00:00:00.000000Z"}'
    whole = register.path.read_bytes()
    for end in range(len(whole)):
        register.path.write_bytes(whole[:end])
        before = list(register.ids())
        assert before == ["a", "b"][: len(before)]
        register.add(["c"], now)
        assert list(register.ids()) == [*before, "c"]
    assert register.path.stat().st_mode & 0o077 == 0


async def test_the_register_is_written_before_the_commit(harness: RetentionHarness, monkeypatch: Any) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY

    def full(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(ErasureRegister, "add", full)
    with pytest.raises(OSError):  # noqa: PT011  # any will do
        await erase(harness.world.services, harness.places)
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [id]


async def test_the_command_counts_and_then_deletes(harness: RetentionHarness, tmp_path: Path) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    harness.clock.at -= 31 * DAY
    await harness.request_erasure(id)
    url, register = harness.world.services.database.url, str(tmp_path / "there" / "register")
    counted = consentql(url, "retention", "--dry-run", "--json", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert counted.returncode == 0, counted.stderr
    assert await harness.count(ACCOUNTS) == 1
    assert list(ErasureRegister(Path(register)).ids()) == []
    done = consentql(url, "retention", "--json", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert (done.returncode, json.loads(done.stdout)) == (0, json.loads(counted.stdout)), done.stderr
    assert json.loads(done.stdout)["accounts"] == 1
    assert list(json.loads(done.stdout)) == ["erased_again", "held_back", *RecordKind]
    assert list(ErasureRegister(Path(register)).ids()) == [id]
    assert "retention: 100 %" in done.stderr
    again = consentql(url, "retention", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert (again.returncode, "accounts: 0" in again.stdout) == (0, True)
    assert consentql(url, "verify-log", cwd=tmp_path).returncode == 0


async def test_without_a_register_nothing_is_erased(harness: RetentionHarness, tmp_path: Path) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    harness.clock.at -= 31 * DAY
    await harness.request_erasure(id)
    (tmp_path / "file").touch()
    register = str(tmp_path / "file" / "register")
    url = harness.world.services.database.url
    assert consentql(url, "retention", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register).returncode == 2
    assert await harness.count(ACCOUNTS) == 1


async def test_a_new_demonstration_does_not_reuse_erased_ids(
    database: Database, second_url: str, tmp_path: Path
) -> None:
    register = {"CONSENTQL_ERASURE_REGISTER": str(tmp_path / "register")}
    assert consentql(database.url, "demo", "--users", "40", cwd=tmp_path, **register).returncode == 0
    grace = register | {"CONSENTQL_ERASURE_GRACE": "1s"}
    async with database.writing() as connection:
        long_ago = update(ACCOUNTS).values(leaving_since=datetime(2026, 1, 1, tzinfo=UTC))
        await connection.execute(long_ago.where(ACCOUNTS.c.email == "member@demo.example.org"))
    gone = json.loads(consentql(database.url, "retention", "--accept", "--json", cwd=tmp_path, **grace).stdout)
    assert gone["accounts"] > 0
    assert consentql(second_url, "demo", "--users", "40", cwd=tmp_path, **register).returncode == 0
    due = json.loads(consentql(second_url, "retention", "--dry-run", "--json", cwd=tmp_path, **register).stdout)
    assert due["erased_again"] == 0

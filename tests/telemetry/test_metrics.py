"""Laws of metrics: each counts what happened, once it has happened, and no label holds a sent value."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.operations.backlog import measure
from app.operations.last_success import record_success
from app.operations.sign_in_metrics import OUTCOMES, count_sign_ins
from models.columns import new_id
from models.database import Database
from models.records.last_success import Task
from models.tables import CHAIN_HEADS, LAST_SUCCESSES
from models.telemetry.catalogue import OTHER, REGISTRY, counters
from models.vocabulary import Audience
from permissions.access_ground import Ground
from permissions.error_codes import ErrorCode
from permissions.events.kinds import EventKind
from resolvers.hashing.queue_metrics import PoolName
from resolvers.hashing.worker_pool import PoolFull, WorkerPool
from resolvers.ledger.write_disclosures import Entry, append_entries
from resolvers.statistics.release import make_release
from tests.hashing.test_worker_pool import Gate
from tests.serving import consentql
from tests.world import PASSWORD, World, services_on

ONE_DATABASE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
CANARY = "canary7f3a"
LOGIN = "mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) { __typename } }"


def value(name: str, **labels: str) -> float:
    """The value of a series; 0 if it has not begun."""
    return REGISTRY.get_sample_value(name, labels) or 0


def since(name: str, **labels: str) -> Callable[[], float]:
    """How much a series has grown since now."""
    before = value(name, **labels)
    return lambda: value(name, **labels) - before


def answers(field: str, code: str = "OK") -> Callable[[], float]:
    """How many answers of a root field with this code there have been since now."""
    return since("consentql_root_field_seconds_count", field=field, code=code)


@ONE_DATABASE
async def test_each_root_field_counts_by_its_name_and_the_code_of_its_error(world: World) -> None:
    viewed, users = answers("Query.viewer"), answers("Query.users", ErrorCode.FORBIDDEN)
    roles = since("consentql_refusals_total", reason="ROLE")
    await world.ask(f"{{ {CANARY}: viewer {{ role }} b: viewer {{ role }} users(first: 1) {{ edges {{ cursor }} }} }}")
    assert (viewed(), users(), roles()) == (2, 1, 1)


@ONE_DATABASE
async def test_a_refusal_counts_by_its_code_and_its_field_is_ok(world: World) -> None:
    _, token = await world.member("p@example.org")
    counted, refused = (
        answers("Mutation.withdrawConsent"),
        since("consentql_refusals_total", reason="CONSENT_MANDATORY"),
    )
    await world.ask("mutation { withdrawConsent(purpose: SERVICE) { __typename } }", token)
    assert (counted(), refused()) == (1, 1)


@ONE_DATABASE
async def test_a_root_field_that_fails_below_counts_with_the_code_of_that_error(world: World) -> None:
    _, token = await world.member("p@example.org")
    counted = answers("Query.me", ErrorCode.INTERNAL)
    async with world.services.database.writing() as connection:
        await connection.execute(text("ALTER TABLE objections RENAME TO objections_away"))
    answer = await world.ask("{ me { processors { processor objectedAt } } }", token)
    assert (answer["errors"][0]["extensions"]["code"], counted()) == (ErrorCode.INTERNAL, 1)


async def test_log_entries_count_when_they_are_committed(database: Database) -> None:
    services = services_on(database)
    written = since("consentql_log_entries_total", log="disclosure")
    shown = since("consentql_disclosures_total", audience="MAILCHIMP")
    waited = since("consentql_log_wait_seconds_count", log="disclosure")
    ground = Ground(new_id(), 1, "a reason")
    entries = [Entry(new_id(), Audience.MAILCHIMP, "Mailchimp", 1, ground) for _ in range(3)]
    async with database.writing() as connection:
        await append_entries(connection, services.keys, entries, services.now())
        assert (written(), shown(), waited()) == (0, 0, 1)
    assert (written(), shown()) == (3, 3)
    with suppress(PoolFull):
        async with database.writing() as connection:
            await append_entries(connection, services.keys, entries, services.now())
            raise PoolFull
    assert (written(), shown(), waited()) == (3, 3, 2)
    services.hashing.close()


@ONE_DATABASE
async def test_consent_entries_count(world: World) -> None:
    _, token = await world.member("p@example.org")
    written = since("consentql_log_entries_total", log="consent")
    await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", token)
    assert written() == 1


async def test_the_pool_counts_connections_in_use_that_wait_and_that_waited_too_long(database_url: str) -> None:
    database = Database(database_url, pool=1)
    database.engine.pool._timeout = 0  # type: ignore[attr-defined]  # waits in no test
    used, late = since("consentql_pool_in_use"), since("consentql_pool_timeouts_total")
    async with database.reading(), database.reading():
        assert used() == 2
        with pytest.raises(PoolTimeout):
            async with database.reading():
                pass
        assert (used(), late(), value("consentql_pool_waiting")) == (2, 1, 0)
        database.engine.pool._timeout = 60  # type: ignore[attr-defined]
        waiting = asyncio.create_task(database.engine.connect().__aenter__())
        await asyncio.sleep(0)
        while not value("consentql_pool_waiting"):  # noqa: ASYNC110  # the other task reaches the pool
            await asyncio.sleep(0)
    await (await waiting).close()
    assert (used(), value("consentql_pool_waiting")) == (0, 0)
    await database.close()


async def test_passwords_count_while_they_wait_and_when_they_are_refused() -> None:
    pool, gate = WorkerPool(PoolName.HEAVY, 1, 3), Gate()
    refused = since("consentql_hashing_refused_total", pool="argon2-heavy")
    waited = since("consentql_hashing_wait_seconds_count", pool="argon2-heavy")
    jobs = [asyncio.create_task(pool.run(gate.pass_through)) for _ in range(3)]
    await asyncio.to_thread(gate.started.wait, 60)
    assert value("consentql_hashing_waiting", pool="argon2-heavy") == 2
    with pytest.raises(PoolFull):
        await pool.run(gate.pass_through)
    gate.open.set()
    await asyncio.gather(*jobs)
    assert (value("consentql_hashing_waiting", pool="argon2-heavy"), refused(), waited()) == (0, 1, 3)
    pool.close()


async def test_the_last_success_of_each_task_is_told_to_every_process(world: World) -> None:
    services = world.services
    await measure(services)
    assert [value("consentql_last_success_timestamp_seconds", task=task) for task in Task] == [0, 0, 0]
    for _ in range(2):
        for task in (Task.RETENTION, Task.VERIFY_LOG):
            await record_success(services, task)
    assert await make_release(services, early=True)
    await measure(services)
    now = services.now().timestamp()
    for task in Task:
        assert now - 60 < value("consentql_last_success_timestamp_seconds", task=task) <= now


@ONE_DATABASE
async def test_a_command_that_finds_a_fault_has_not_succeeded(world: World, database_url: str, tmp_path: Path) -> None:
    await world.member("p@example.org")
    rows = {row.task for row in await _rows(world)}
    async with world.services.database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).values(hash="0" * 64))
    assert consentql(database_url, "verify-log", cwd=tmp_path).returncode == 1
    assert consentql(database_url, "retention", "--dry-run", cwd=tmp_path).returncode == 0
    assert {row.task for row in await _rows(world)} == rows == set()
    assert consentql(database_url, "retention", cwd=tmp_path).returncode == 0
    assert {row.task for row in await _rows(world)} == {Task.RETENTION}


@ONE_DATABASE
async def test_a_success_that_cannot_be_recorded_stays_one(world: World) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute(text("DROP TABLE last_successes"))
    await record_success(world.services, Task.RETENTION)


def test_a_label_outside_of_its_list_is_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.telemetry.catalogue.CATALOGUE", [])  # the metric of this test stands in no page
    series = counters(f"test_{CANARY}", "A test.", kind=("a",))
    series.of("a").inc()
    series.of(CANARY).inc()
    series.of(f"{CANARY}-2").inc()
    assert value(f"test_{CANARY}_total", kind="a") == 1
    assert value(f"test_{CANARY}_total", kind=OTHER) == 2


async def _rows(world: World) -> Any:
    async with world.services.database.reading() as connection:
        return (await connection.execute(LAST_SUCCESSES.select())).all()


@ONE_DATABASE
async def test_sign_ins_count_by_outcome(world: World) -> None:
    count_sign_ins()
    await world.person("p@example.org", password=PASSWORD)
    failed, succeeded = (since("consentql_sign_ins_total", outcome=each) for each in ("failed", "succeeded"))
    for password in ("wrong", "wrong again", PASSWORD):
        await world.data(LOGIN, None, {"e": "p@example.org", "p": password})
    await world.data(LOGIN, None, {"e": "nobody@example.org", "p": PASSWORD})
    assert (failed(), succeeded()) == (3, 1)


def test_every_event_of_a_sign_in_is_an_outcome() -> None:
    steps = {kind for kind in EventKind if kind.name.startswith(("SIGN_IN_", "SECOND_FACTOR_"))}
    assert steps - set(OUTCOMES) == {EventKind.SIGN_IN_UNLOCKED, EventKind.SECOND_FACTOR_CHANGED}

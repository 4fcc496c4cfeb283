"""If the database cannot answer, clients quickly learn to come again, unless something was answered or changed."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.graphql import endpoint
from models.connections.unavailable import CommitOutcomeUnknown, is_unavailable
from models.database import Database
from permissions.errors import not_recorded
from permissions.version_numbers import current_version
from tests.http.requests import ONE_DATABASE
from tests.world import World, codes

ME = "{ me { id } }"
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
BOTH = "mutation { first: withdrawConsent(purpose: SOCIAL) { __typename } second: restrictProcessing { __typename } }"


def sqlite(code: int) -> Exception:
    problem = sqlite3.OperationalError("in words")
    problem.sqlite_errorcode = code
    return OperationalError("", {}, problem)


def postgresql(kind: type[asyncpg.PostgresError]) -> Exception:
    return DBAPIError("", {}, kind("in words"))


LACKS = [
    PoolTimeout(),
    ConnectionRefusedError(),
    ConnectionResetError(),
    TimeoutError(),
    OSError("Multiple exceptions: …"),
    CommitOutcomeUnknown(),
    DBAPIError("", {}, Exception(), connection_invalidated=True),
    postgresql(asyncpg.AdminShutdownError),
    postgresql(asyncpg.CannotConnectNowError),
    postgresql(asyncpg.TooManyConnectionsError),
    postgresql(asyncpg.QueryCanceledError),
    postgresql(asyncpg.LockNotAvailableError),
    postgresql(asyncpg.DiskFullError),
    postgresql(asyncpg.ReadOnlySQLTransactionError),
    postgresql(asyncpg.IdleInTransactionSessionTimeoutError),
    postgresql(asyncpg.ConnectionDoesNotExistError),
    sqlite(sqlite3.SQLITE_BUSY),
    sqlite(sqlite3.SQLITE_BUSY | 5 << 8),
    sqlite(sqlite3.SQLITE_FULL),
    sqlite(sqlite3.SQLITE_READONLY),
    sqlite(sqlite3.SQLITE_IOERR),
]
FAULTS = [
    ValueError(),
    FileNotFoundError(2, "no such file"),
    IntegrityError("", {}, sqlite3.IntegrityError()),
    sqlite(sqlite3.SQLITE_CONSTRAINT),
    sqlite(sqlite3.SQLITE_CORRUPT),
    postgresql(asyncpg.UniqueViolationError),
    postgresql(asyncpg.UndefinedTableError),
    postgresql(asyncpg.DataError),
    not_recorded(),
]


def name_of(problem: Exception) -> str:
    return type(getattr(problem, "orig", None) or problem).__name__


@pytest.mark.parametrize("problem", LACKS, ids=name_of)
def test_a_lack_of_service_is_recognised(problem: Exception) -> None:
    assert is_unavailable(problem)


@pytest.mark.parametrize("problem", FAULTS, ids=name_of)
def test_another_failure_is_no_lack_of_service(problem: Exception) -> None:
    assert not is_unavailable(problem)


def assert_told_to_come_again(answer: httpx.Response) -> None:
    assert (answer.status_code, codes(answer.json())) == (503, ["UNAVAILABLE"]), answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert answer.json()["errors"][0]["extensions"]["retryAfterSeconds"] == int(answer.headers["Retry-After"])
    assert answer.headers["X-Request-Id"]


Fault = Callable[..., None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Fault:
    """Lets transactions that write fail: `failing(after=1)` lets one commit first."""

    def fail(problem: Exception, *, ways: tuple[str, ...] = ("writing",), after: int = 0) -> None:
        begun = 0
        for way in ways:
            before = getattr(Database, way)

            @asynccontextmanager
            async def opened(self: Database, *, opens: Any = before, **options: Any) -> AsyncIterator[Any]:
                nonlocal begun
                begun += 1
                if begun > after:
                    raise problem
                async with opens(self, **options) as connection:
                    yield connection

            monkeypatch.setattr(Database, way, opened)

    return fail


@ONE_DATABASE
@pytest.mark.parametrize(
    "problem", [PoolTimeout(), ConnectionRefusedError(), sqlite(sqlite3.SQLITE_IOERR)], ids=name_of
)
async def test_a_request_without_a_database_is_told_to_come_again(
    world: World, failing: Fault, problem: Exception
) -> None:
    _, token = await world.member("p@example.org")
    failing(problem, ways=("reading", "writing", "snapshot", "acting"))
    for media_type in ("application/json", "application/graphql-response+json"):
        headers = {"Authorization": f"Bearer {token}", "Accept": media_type}
        for document in (ME, WITHDRAW):
            answer = await world.client.post("/graphql", json={"query": document}, headers=headers)
            assert_told_to_come_again(answer)
            assert answer.headers["Content-Type"].startswith(media_type)
    login = 'mutation { login(input: {email: "p@example.org", password: "no"}) { __typename } }'
    assert_told_to_come_again(await world.post(login))


@ONE_DATABASE
async def test_a_mutation_that_changed_nothing_is_told_to_come_again(world: World, failing: Fault) -> None:
    _, token = await world.member("p@example.org")
    failing(PoolTimeout())
    answer = await world.post(WITHDRAW, token)
    assert_told_to_come_again(answer)
    assert answer.json()["data"] == {"withdrawConsent": None}


@ONE_DATABASE
async def test_what_an_earlier_field_committed_is_answered(world: World, failing: Fault) -> None:
    _, token = await world.member("p@example.org")
    failing(PoolTimeout(), after=1)
    answer = await world.post(BOTH, token)
    assert (answer.status_code, "Retry-After" in answer.headers) == (200, False)
    assert answer.json()["data"] == {"first": {"__typename": "ConsentChanged"}, "second": None}
    assert codes(answer.json()) == ["UNAVAILABLE"]
    assert answer.json()["errors"][0]["path"] == ["second"]


@ONE_DATABASE
async def test_a_query_that_was_answered_in_part_keeps_its_data(world: World, failing: Fault) -> None:
    _, token = await world.member("p@example.org")
    failing(PoolTimeout(), ways=("reading", "snapshot"), after=1)  # the caller is read
    answer = await world.post("{ policy { version } me { id } }", token)
    assert (answer.status_code, codes(answer.json())) == (200, ["UNAVAILABLE"]), answer.text
    assert answer.json()["data"] == {"policy": {"version": current_version().name}, "me": None}


@ONE_DATABASE
async def test_a_mutation_that_fails_after_a_commit_has_an_unknown_outcome(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await world.member("p@example.org")
    commit = Database.writing

    @asynccontextmanager
    async def lost(self: Database, **options: Any) -> AsyncIterator[Any]:
        async with commit(self, **options) as connection:
            yield connection
        raise ConnectionResetError

    monkeypatch.setattr(Database, "writing", lost)
    answer = await world.post(WITHDRAW, token)
    assert (answer.status_code, "Retry-After" in answer.headers) == (200, False)
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions == {"code": "UNAVAILABLE", "outcome": "unknown"}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_request_that_gets_no_connection_is_told_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await world.member("p@example.org")
    database = world.services.database
    monkeypatch.setattr(endpoint, "AUTHENTICATION_SECONDS", 0.2)
    async with AsyncExitStack() as held:
        for _ in range(20):  # the pool, and what it may grow by
            await (await held.enter_async_context(database.acting())).execute(text("SELECT 1"))
        assert_told_to_come_again(await world.post(ME, token))
    assert "errors" not in (await world.ask(ME, token))

"""Several workers behave as one: all see a committed withdrawal, and share attempt counters."""

import asyncio
import gc
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.commands.server.serve import process
from app.settings import InvalidSettings, Settings
from models.database import Database
from permissions.version_numbers import current_version
from tests.serving import consentql, serving
from tests.world import PASSWORD, world_of

ROUNDS = 12
READ = "query ($id: ID!) { user(id: $id) { firstName } }"
LISTED = "{ users(first: 100) { edges { node { id firstName } } } }"
SOUGHT = '{ users(search: "amara") { edges { node { id firstName } } } }'
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
GRANT = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"


@dataclass
class ReadHistory:
    """The periods when consent was withdrawn, and the period and result of each read."""

    withdrawn: list[tuple[float, float]] = field(default_factory=list)
    reads: list[tuple[float, float, bool]] = field(default_factory=list)

    async def wait_for_reads(self, count: int) -> None:
        """Waits until `count` more reads have ended."""
        enough = len(self.reads) + count
        while len(self.reads) < enough:  # noqa: ASYNC110  # other tasks append
            await asyncio.sleep(0.005)

    def violations(self) -> list[tuple[float, float, bool]]:
        """Reads within a period of withdrawal that returned the field."""
        return [
            read
            for read in self.reads
            if read[2] and any(since <= read[0] and read[1] <= until for since, until in self.withdrawn)
        ]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_read_after_a_withdrawal_does_not_return_the_field(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    subject, mine = await world.member("subject@example.org")
    _, other = await world.member("reader@example.org", profile={"firstName": "Reader"})
    history, done = ReadHistory(), asyncio.Event()
    with serving(database.url, tmp_path, "--workers", "2") as server:
        readers = [
            asyncio.create_task(_read(server.url, document, other, subject, history, done))
            for document in (READ, READ, LISTED, SOUGHT)
        ]
        await _withdraw_and_grant(server.url, mine, history)
        done.set()
        await asyncio.gather(*readers)
    began = [read for read in history.reads if any(a <= read[0] and read[1] <= b for a, b in history.withdrawn)]
    assert len(began) > ROUNDS, "enough reads are within a period of withdrawal"
    assert any(read[2] for read in history.reads), "reads outside of them return the field"
    assert history.violations() == []


async def _withdraw_and_grant(url: str, token: str, history: ReadHistory) -> None:
    for _ in range(ROUNDS):
        async with httpx.AsyncClient(timeout=60) as client:  # a new connection, so that any worker can accept it
            await _post(client, url, WITHDRAW, token)
            since = time.monotonic()
            await history.wait_for_reads(8)
            until = time.monotonic()
            await _post(client, url, GRANT, token, {"v": current_version().name})
            history.withdrawn.append((since, until))
            await history.wait_for_reads(2)


async def _read(url: str, document: str, token: str, subject: str, history: ReadHistory, done: asyncio.Event) -> None:
    while not done.is_set():
        async with httpx.AsyncClient(timeout=60) as client:
            for _ in range(5):
                began = time.monotonic()
                data = await _post(client, url, document, token, {"id": subject} if document is READ else None)
                history.reads.append((began, time.monotonic(), "Amara" in json.dumps(data)))


async def _post(client: httpx.AsyncClient, url: str, document: str, token: str, variables: Any = None) -> Any:
    body = {"query": document, "variables": variables}
    response = await client.post(f"{url}/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
    answer = response.json()
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_workers_share_attempt_counters(database: Database, tmp_path: Path, redis: str) -> None:
    world = world_of(database)
    await world.person("p@example.org", password=PASSWORD)
    login = 'mutation { login(input: {email: "p@example.org", password: "no"}) { ... on Refusal { code } } }'
    settings = {"CONSENTQL_REDIS_URL": redis, "CONSENTQL_RATE_LIMITS": "on"}
    with serving(database.url, tmp_path, "--workers", "2", **settings) as server:
        codes = []
        for _ in range(14):
            async with httpx.AsyncClient(timeout=60) as client:  # a new connection, so that any worker can accept it
                answer = (await client.post(f"{server.url}/graphql", json={"query": login})).json()
            codes.append(answer["data"]["login"]["code"])
    assert codes == ["INVALID_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"] * 4


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_long_lived_objects_are_excluded_from_garbage_collection(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSENTQL_DATABASE_URL", database_url)
    monkeypatch.setenv("CONSENTQL_RATE_LIMITS", "off")
    try:
        made = process()
        left = {id(each) for each in gc.get_objects()}
        assert id(made) not in left
        assert not left & {id(each) for each in vars(made).values() if gc.is_tracked(each)}
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
def test_an_in_memory_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="CONSENTQL_DATABASE_URL"):
        Settings(database_url=url).validated()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_several_workers_require_redis(database_url: str, tmp_path: Path) -> None:
    done = consentql(database_url, "serve", "--workers", "2", cwd=tmp_path, CONSENTQL_RATE_LIMITS="on")
    assert done.returncode == 2
    assert "CONSENTQL_REDIS_URL" in done.stderr


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_production_names_every_weak_setting(database_url: str, tmp_path: Path) -> None:
    weak = {"CONSENTQL_ENVIRONMENT": "production", "CONSENTQL_SECRET_KEYS": ""}
    done = consentql(database_url, "serve", cwd=tmp_path, **weak)
    assert done.returncode == 2
    for name in ("SECRET_KEYS", "RATE_LIMITS", "PUBLIC_URL", "TLS_CERTIFICATE"):
        assert f"CONSENTQL_{name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_outdated_database_is_migrated_on_sqlite_and_refused_on_postgresql(
    backend: str, empty_url: str, tmp_path: Path
) -> None:
    if backend == "sqlite":
        with serving(empty_url, tmp_path) as server:
            assert httpx.get(f"{server.url}/health/live").status_code == 200
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"event"' in line]
        assert [line["event"] for line in lines] == ["service_started", "service_stopped"]
        assert all(line["schema_revision"] and line["policy_version"] and line["version"] for line in lines)
        return
    refused = consentql(empty_url, "serve", cwd=tmp_path)
    assert (refused.returncode, "migrate" in refused.stderr) == (2, True)
    assert consentql(empty_url, "migrate", cwd=tmp_path).returncode == 0
    assert consentql(empty_url, "migrate", cwd=tmp_path).returncode == 0, "and again changes nothing"
    with serving(empty_url, tmp_path) as server:
        assert httpx.get(f"{server.url}/health/ready").json()["schema"] == "current"

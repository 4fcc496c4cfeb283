"""No read that begins after a case, a request or a role has ended shows the data."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.database import Database
from models.vocabulary import Role
from tests.serving import serving
from tests.staff.staff_requests import REVOKE, opened_case
from tests.world import World

ROUNDS = 10


OPEN_REQUEST = """mutation ($input: OpenLegalRequestInput!) { openLegalRequest(input: $input) {
  ... on LegalRequest { id } } }"""


APPROVE = "mutation ($id: ID!) { approveLegalRequest(id: $id) { ... on LegalRequest { status } } }"


END_CASE = "mutation ($id: ID!) { closeSupportCase(id: $id) { ... on SupportCase { status } } }"


END_REQUEST = "mutation ($id: ID!) { closeLegalRequest(id: $id) { ... on LegalRequest { status } } }"


NARROW = "mutation ($id: ID!) { narrowSupportCase(id: $id, extent: [EMAIL]) { ... on SupportCase { extent } } }"


BY_USER = "query ($id: ID!) { user(id: $id) { email firstName } }"


BY_NODE = "query ($id: ID!) { node(id: $id) { ... on User { email firstName } } }"


BY_CASES = "{ supportCases(first: 100) { edges { node { subject { firstName } } } } }"


BY_REQUESTS = "{ legalRequests(first: 100) { edges { node { subject { firstName } } } } }"


async def opened_request(world: World, subject: str, first: str, second: str) -> str:
    """Opens and approves a legal request."""
    until = (world.services.now() + timedelta(hours=1)).isoformat()
    input = {"subjectId": subject, "authority": "a", "reference": "r", "basis": "b", "expiresAt": until}
    asked = {"input": {**input, "extent": ["EMAIL", "FIRST_NAME"]}}
    id = str((await world.data(OPEN_REQUEST, first, asked))["openLegalRequest"]["id"])
    assert (await world.data(APPROVE, second, {"id": id}))["approveLegalRequest"]["status"] == "OPEN"
    return id


@dataclass
class ReadLoop:
    """Reads in a loop. Records when each read began and ended, and whether it showed the field."""

    document: str
    token: str = ""
    reads: list[tuple[float, float, bool]] = field(default_factory=list)

    async def run(self, url: str, subject: str, done: asyncio.Event) -> None:
        """Reads until `done` is set, with a new connection for every five reads to reach all workers."""
        body = {"query": self.document, "variables": {"id": subject} if "$id" in self.document else None}
        while not done.is_set():
            async with httpx.AsyncClient(timeout=60) as client:
                for _ in range(5):
                    headers, began = {"Authorization": f"Bearer {self.token}"}, time.monotonic()
                    response = await client.post(f"{url}/graphql", json=body, headers=headers)
                    assert response.status_code in (200, 401), response.text
                    if response.status_code == 200:  # the role may have ended after the token was looked up
                        errors = response.json().get("errors", [])
                        assert [each["extensions"].get("reason") for each in errors] in ([], ["ROLE"]), response.text
                    self.reads.append((began, time.monotonic(), "Amara" in response.text))

    def showed(self, since: float, until: float) -> bool:
        """Whether a read between these times showed the field."""
        return any(shown and since <= began and ended <= until for began, ended, shown in self.reads)


async def finish_two_more_reads(readings: list[ReadLoop], tasks: list[asyncio.Task[None]]) -> None:
    """Waits until each loop has finished two more reads, so that no read from before is left."""
    enough = [len(reading.reads) + 2 for reading in readings]
    while any(len(reading.reads) < many for reading, many in zip(readings, enough, strict=True)):
        assert not any(task.done() for task in tasks), "no loop stopped"
        await asyncio.sleep(0.005)


async def renewed(world: World, role: Role, person: str, readings: list[ReadLoop]) -> None:
    """Gives the readers a new token. A token that ended with its role stays invalid."""
    token = await world.token(role, person)
    for reading in readings:
        reading.token = token


async def race(
    url: str,
    subject: str,
    readings: list[ReadLoop],
    begin: Callable[[], Awaitable[str]],
    ends: list[Callable[[str], Awaitable[Any]]],
) -> None:
    """Gives the readers access and ends it, in each way in turn."""
    tasks: list[asyncio.Task[None]] = []
    done = asyncio.Event()
    try:
        for end in itertools.islice(itertools.cycle(ends), ROUNDS):
            opened = time.monotonic()
            id = await begin()
            tasks = tasks or [asyncio.create_task(reading.run(url, subject, done)) for reading in readings]
            await finish_two_more_reads(readings, tasks)
            assert all(reading.showed(opened, time.monotonic()) for reading in readings), "shown while access is open"
            await end(id)
            since = time.monotonic()
            await finish_two_more_reads(readings, tasks)
            assert not any(reading.showed(since, time.monotonic()) for reading in readings), (
                "not shown after the commit"
            )
    finally:
        done.set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_no_read_that_begins_after_a_case_or_its_agents_role_has_ended_shows_the_field(
    database: Database, world: World, tmp_path: Path
) -> None:
    subject, mine = await world.member("subject@example.org")
    agent = await world.person("agent@example.org")
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    readings = [ReadLoop(document) for document in (BY_USER, BY_NODE, BY_CASES)]

    async def begin() -> str:
        await renewed(world, Role.SUPPORT, agent, readings)
        return await opened_case(world, subject, agent, mine, operations)

    async def lost(_: str) -> None:
        assert await world.data(REVOKE, operations, {"id": agent, "role": "SUPPORT"}) == {"revokeRole": True}

    async def narrowed(id: str) -> None:
        assert (await world.data(NARROW, mine, {"id": id}))["narrowSupportCase"] == {"extent": ["EMAIL"]}

    def closed(token: str) -> Callable[[str], Awaitable[Any]]:
        async def close(id: str) -> None:
            assert (await world.data(END_CASE, token, {"id": id}))["closeSupportCase"] == {"status": "CLOSED"}

        return close

    async def closed_by_the_agent(id: str) -> None:
        await closed(readings[0].token)(id)

    ends = [closed(mine), lost, closed_by_the_agent, narrowed, closed(operations)]
    with serving(database.url, tmp_path, "--workers", "2") as server:
        await race(server.url, subject, readings, begin, ends)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_no_read_that_begins_after_a_request_or_its_readers_role_has_ended_shows_the_field(
    database: Database, world: World, tmp_path: Path
) -> None:
    subject = await world.person("subject@example.org")
    reader = await world.person("reader@example.org")
    first, second = [
        await world.token(Role.COMPLIANCE, await world.person(f"{name}@example.org")) for name in ("first", "second")
    ]
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    opened: list[str] = []
    readings = [ReadLoop(document) for document in (BY_USER, BY_NODE, BY_REQUESTS)]

    async def begin() -> str:
        await renewed(world, Role.COMPLIANCE, reader, readings)
        for id in opened:
            await world.data(END_REQUEST, first, {"id": id})
        opened[:] = [await opened_request(world, subject, first, second)]
        return opened[0]

    async def lost(_: str) -> None:
        assert await world.data(REVOKE, operations, {"id": reader, "role": "COMPLIANCE"}) == {"revokeRole": True}

    async def closed(id: str) -> None:
        assert (await world.data(END_REQUEST, second, {"id": id}))["closeLegalRequest"] == {"status": "CLOSED"}

    with serving(database.url, tmp_path, "--workers", "2") as server:
        await race(server.url, subject, readings, begin, [closed, lost])

"""Views, withdrawals and objections at the same time lose no copy and no order to erase it."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.database import Database
from resolvers.ledger import write_disclosures
from resolvers.processors import withdrawals
from tests.expectation import PROCESSORS
from tests.processors.parties import (
    ALLOW,
    COLUMNS,
    GRANT,
    OBJECT,
    REASON,
    VIEW_TYPES,
    WITHDRAW,
    Parties,
    document,
    stored_objections,
)
from tests.serving import serving
from tests.world import line

ROUNDS = 15


@dataclass
class ViewLoop:
    """Opens views of one processor in a loop. Records when each began and ended, and whether it showed the field."""

    processor: str
    views: list[tuple[float, float, bool]] = field(default_factory=list)

    async def run(self, url: str, token: str, subject: str, done: asyncio.Event) -> None:
        """Opens views until `done` is set."""
        asked = {"query": document(self.processor), "variables": {"ids": [subject], "reason": REASON}}
        async with httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {token}"}) as client:
            while not done.is_set():
                began = time.monotonic()
                answer = (await client.post(f"{url}/graphql", json=asked)).json()
                assert "errors" not in answer, answer
                rows = answer["data"]["openProcessorView"][VIEW_TYPES[self.processor][1]]
                shown = any(row["email"] if self.processor == "MAILCHIMP" else row["firstName"] for row in rows)
                self.views.append((began, time.monotonic(), shown))

    def showed(self, since: float, until: float = float("inf")) -> bool:
        """Whether a view between these times showed the field."""
        return any(shown and since <= began and ended <= until for began, ended, shown in self.views)


async def finish_more_views(loops: list[ViewLoop], by: int = 2) -> None:
    """Waits until each loop has finished `by` more views, so that no view from before is left."""
    enough = [len(loop.views) + by for loop in loops]
    while any(len(loop.views) < many for loop, many in zip(loops, enough, strict=True)):  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_every_disclosure_before_a_withdrawal_is_listed_in_the_withdrawal(
    parties: Parties, database: Database, tmp_path: Path
) -> None:
    loops, done = [ViewLoop(each) for each in ("MAILCHIMP", "INTERCOM", "MAILCHIMP", "INTERCOM")], asyncio.Event()
    with serving(database.url, tmp_path, "--workers", "2") as server:
        opening = [
            asyncio.create_task(each.run(server.url, parties.tokens[each.processor], parties.subject, done))
            for each in loops
        ]
        for _ in range(ROUNDS):
            await grant_view_withdraw(parties, loops)
        done.set()
        await asyncio.gather(*opening)
    for loop in loops:
        assert any(shown for *_, shown in loop.views), "some showed it"
        assert not all(shown for *_, shown in loop.views), "and some did not"


async def grant_view_withdraw(parties: Parties, loops: list[ViewLoop]) -> None:
    """Grants consent, lets views run, and withdraws during them."""
    granted = time.monotonic()
    await parties.as_subject(GRANT)
    await finish_more_views(loops, by=random.choice((1, 2, 3)))
    async with asyncio.timeout(60):
        await parties.as_subject(WITHDRAW)
    since = time.monotonic()
    await finish_more_views(loops)
    until = time.monotonic()
    assert not any(loop.showed(since, until) for loop in loops), "no view that began after the commit"
    for processor, lost in (("MAILCHIMP", "EMAIL"), ("INTERCOM", "FIRST_NAME")):
        showed = any(loop.showed(granted) for loop in loops if loop.processor == processor)
        due = await parties.withdrawals(processor)
        assert [each["fields"] for each in due] == ([[lost]] if showed else []), processor
        await parties.acknowledge_all(processor)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_many_views_do_not_starve_a_withdrawal(parties: Parties) -> None:
    """With shared locks, a withdrawal got no lock in 100 s under this load."""
    people = [line(f"s{number}@example.org") for number in range(100)]
    ids = [parties.subject, *await parties.world.store_people(*people)]
    done = asyncio.Event()

    async def viewing(processor: str) -> int:
        many = 0
        while not done.is_set():
            await parties.view(processor, *random.sample(ids, len(ids)))
            many += 1
        return many

    opening = [asyncio.create_task(viewing(processor)) for processor in PROCESSORS * 3]
    await asyncio.sleep(0.5)
    try:
        for act in (WITHDRAW, GRANT) * 3:
            async with asyncio.timeout(60):
                await parties.as_subject(act)
    finally:
        done.set()
        views = sum(await asyncio.gather(*opening))
    assert views > len(opening)


@dataclass
class Gate:
    """Stops a task within its transaction until the gate opens."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Waits until the gate is open."""
        self.reached.set()
        await self.is_open.wait()


async def finish_in_order(first: asyncio.Task[Any], gate: Gate, second: asyncio.Task[Any]) -> tuple[Any, Any]:
    """The answers of both tasks. The second must wait for the first."""
    done, _ = await asyncio.wait([second], timeout=0.5)
    gate.is_open.set()
    answers = await first, await second
    assert not done, "the second task did not wait"
    return answers


async def test_a_withdrawal_waits_for_a_view_in_progress_and_includes_its_fields(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, enter = Gate(), write_disclosures.append_entries

    async def held(*arguments: Any) -> None:
        await gate.wait()
        await enter(*arguments)

    monkeypatch.setattr(write_disclosures, "append_entries", held)
    viewing = asyncio.create_task(parties.rows("MAILCHIMP"))
    await gate.reached.wait()
    rows, _ = await finish_in_order(viewing, gate, asyncio.create_task(parties.as_subject(WITHDRAW)))
    assert len(rows) == 1
    assert [each["fields"] for each in await parties.withdrawals("MAILCHIMP")] == [["EMAIL"]]


@pytest.mark.parametrize("act", [WITHDRAW, OBJECT], ids=["withdrawal", "objection"])
async def test_a_view_waits_for_a_withdrawal_in_progress_and_withholds_its_fields(
    parties: Parties, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    gate, lose = Gate(), withdrawals.record_withdrawals

    async def held(*arguments: Any) -> None:
        await lose(*arguments)
        await gate.wait()

    monkeypatch.setattr(withdrawals, "record_withdrawals", held)
    acting = asyncio.create_task(parties.as_subject(act, "MAILCHIMP" if act is OBJECT else None))
    await gate.reached.wait()
    _, rows = await finish_in_order(acting, gate, asyncio.create_task(parties.rows("MAILCHIMP")))
    assert rows == []
    assert await parties.withdrawals("MAILCHIMP") == [], "nothing was disclosed to it"
    assert (await parties.state("MAILCHIMP"))["fields"] == []


async def test_simultaneous_objections_and_withdrawals_each_count_once(parties: Parties) -> None:
    for processor in PROCESSORS:
        await parties.rows(processor)
    await asyncio.gather(*(parties.as_subject(OBJECT, processor) for processor in PROCESSORS * 3))
    assert sorted(await stored_objections(parties.world)) == sorted((each, "settings", True) for each in PROCESSORS)
    for processor in PROCESSORS:
        assert (await parties.state(processor))["objectedAt"]
        assert [each["fields"] for each in await parties.withdrawals(processor)] == [list(COLUMNS[processor])]
        await parties.acknowledge_all(processor)
    await asyncio.gather(*(parties.as_subject(ALLOW, processor) for processor in PROCESSORS * 3))
    for processor in PROCESSORS:
        assert len(await parties.rows(processor)) == 1
    await asyncio.gather(*(parties.as_subject(WITHDRAW) for _ in range(6)))
    for processor in PROCESSORS:
        assert len(await parties.withdrawals(processor)) == 1

"""A legal request that must stay secret changes no answer to its subject."""

import json
import random
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from models.database import Database
from models.tables import (
    LEGAL_REQUESTS,
    SUPPORT_CASES,
)
from models.vocabulary import Processor, Role
from tests.ledger.readers import MINE, NODE, PAGE, READ, VIEW
from tests.ledger.stored import case_row, entries, execute, request_row
from tests.statements import recorded_statements
from tests.world import World, line, world_of

START = datetime(2026, 12, 1, tzinfo=UTC)
NOTICE = START + timedelta(days=10)


HISTORY = """{ me { id emailVerified restricted consents { purpose granted since } sessions { id lastUsedAt }
  processors { processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt }
  consentHistory { edges { cursor node { id recordedAt receipt } } pageInfo { hasNextPage endCursor } } }
  supportCases { edges { node { id status assignedTo } } } }"""


OFFICERS = (
    "query ($id: ID!) { user(id: $id) { id email city about mobilePhone withheld { field } } }",
    "{ legalRequests { edges { node { id subject { id about } } } } }",
    "query ($id: ID!) { a: user(id: $id) { id } b: node(id: $id) { ... on User { about email } } }",
)


@dataclass
class TwinWorlds:
    """Two worlds with the same events. Only the first has a secret legal request."""

    worlds: tuple[World, World]
    monkeypatch: pytest.MonkeyPatch
    people: dict[str, str] = field(default_factory=dict)
    tokens: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    instant: datetime = START
    events: int = 0

    def seed_random(self, seed: str) -> None:
        """Makes random values of one event equal in both worlds."""
        chance = random.Random(seed)
        self.monkeypatch.setattr(secrets, "token_hex", lambda size: chance.randbytes(size).hex())

    async def both(self, act: Callable[[World, dict[str, str]], Any], later: timedelta = timedelta(minutes=1)) -> None:
        """Runs one event in both worlds at the same time."""
        self.events, self.instant = self.events + 1, self.instant + later
        for world, tokens in zip(self.worlds, self.tokens, strict=True):
            self.seed_random(f"event {self.events}")
            await act(world, tokens)

    async def fill(self, *, with_open_request: bool) -> None:
        """Stores the same people, tokens and case in both worlds, and the secret request only in the first."""
        for world in self.worlds:
            world.services.now = lambda: self.instant

        async def everyone(world: World, tokens: dict[str, str]) -> None:
            roles = {"subject": Role.MEMBER, "agent": Role.SUPPORT, "officer": Role.COMPLIANCE}
            ids = await world.store_people(*(line(f"{name}@example.org") for name in roles))
            self.people = dict(zip(roles, ids, strict=True))
            for name, role in roles.items():
                tokens[name] = await world.token(role, self.people[name], expires_at=NOTICE + timedelta(days=1))
            tokens["processor"] = await world.token(Role.PROCESSOR, processor=Processor.MANDRILL)
            case = case_row(world, ids[0], ids[1], {"EMAIL", "CITY"})
            await execute(world, insert(SUPPORT_CASES).values(case))
            if with_open_request:
                request = request_row(world, ids[0], {"EMAIL", "CITY"})
                await execute(world, insert(LEGAL_REQUESTS).values(request))

        await self.both(everyone)
        self.seed_random("the request under notice")
        request = request_row(self.worlds[0], self.people["subject"], {"EMAIL", "ABOUT", "MOBILE_PHONE"})
        await execute(self.worlds[0], insert(LEGAL_REQUESTS).values({**request, "notice_after": NOTICE}))

    async def answers(self, document: str, variables: dict[str, Any] | None = None) -> list[Any]:
        """The answers to the subject in both worlds, with the number of statements."""
        found = []
        for world, tokens in zip(self.worlds, self.tokens, strict=True):
            async with recorded_statements(world.services.database) as statements:
                response = await world.post(document, tokens["subject"], variables)
            found.append((response.status_code, response.content, len(statements)))
        return found

    async def answer_equally(self) -> bool:
        """Whether all answers to the subject are equal in both worlds."""
        stored = [entry for world in self.worlds for entry in await entries(world)]
        mine = [json.loads(content)["data"]["me"] for _, content, _ in await self.answers(MINE)]
        cursors = [None, *(edge["cursor"] for edge in mine[1]["disclosures"]["edges"])]
        asked = [(MINE, None), (HISTORY, None), *((NODE, {"id": entry.name}) for entry in stored)]
        asked += [(PAGE, {"first": 1, "after": cursor}) for cursor in cursors]
        asked += [(PAGE, {"last": 2, "before": cursor}) for cursor in cursors]
        alike = True
        for document, variables in asked:
            first, second = await self.answers(document, variables)
            alike = alike and first == second
        return alike


@pytest.fixture
async def twin_worlds(
    database: Database, second_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TwinWorlds]:
    """Two empty worlds with the same keys."""
    second = Database(second_url)
    yield TwinWorlds((world_of(database), world_of(second)), monkeypatch)
    await second.close()


@pytest.mark.parametrize("with_open_request", [False, True])
async def test_a_secret_request_changes_no_answer_to_its_subject_until_notice(
    twin_worlds: TwinWorlds, with_open_request: bool
) -> None:
    await twin_worlds.fill(with_open_request=with_open_request)

    def officer(document: str) -> Callable[[World, dict[str, str]], Any]:
        variables = {"id": twin_worlds.people["subject"]} if "$id" in document else {}
        return lambda world, tokens: world.post(document, tokens["officer"], variables)

    async def agent(world: World, tokens: dict[str, str]) -> None:
        await world.data(READ, tokens["agent"], {"id": twin_worlds.people["subject"]})

    async def processor(world: World, tokens: dict[str, str]) -> None:
        variables = {"ids": [twin_worlds.people["subject"]], "reason": "A letter."}
        await world.data(VIEW % ("MandrillView", "recipients { email firstName }"), tokens["processor"], variables)

    async def subject(world: World, tokens: dict[str, str]) -> None:
        await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", tokens["subject"])

    async def nothing(world: World, tokens: dict[str, str]) -> None:
        pass

    officers = [officer(document) for document in OFFICERS]
    for event in (*officers, agent, processor, *officers, subject, *officers, agent):
        await twin_worlds.both(event)
        assert await twin_worlds.answer_equally()
    assert len(await entries(twin_worlds.worlds[0])) > len(await entries(twin_worlds.worlds[1])), (
        "the test compares something"
    )
    await twin_worlds.both(nothing, NOTICE - twin_worlds.instant - timedelta(microseconds=1))
    assert await twin_worlds.answer_equally()
    await twin_worlds.both(nothing, timedelta(microseconds=1))
    assert not await twin_worlds.answer_equally()
    shown = [
        json.loads(content)["data"]["me"]["disclosures"]["edges"] for _, content, _ in await twin_worlds.answers(MINE)
    ]
    late = [edge["node"] for edge in shown[0] if edge not in shown[1]]
    assert [edge for edge in shown[0] if edge in shown[1]] == shown[1]
    assert len(late) == len(await entries(twin_worlds.worlds[0])) - len(await entries(twin_worlds.worlds[1]))
    assert {name for node in late for name in node["fields"]} >= {"ABOUT", "MOBILE_PHONE"}

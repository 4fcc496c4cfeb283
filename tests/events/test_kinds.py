"""Every kind of event is produced, no mutation forgets its event, and no line holds what was typed."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from app.operations.log import JsonFormatter
from models import vocabulary
from permissions.events.kinds import EVENT_RULES, EventKind, fields_of
from permissions.events.record import SecurityEvent
from permissions.events.values import Outcome
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from tests.events.scenarios import EMAIL, SCENARIOS, WITHOUT_EVENT, Scenario, is_locked_out
from tests.identity import STRONG, Clock, sign_in
from tests.world import World

LITERAL = re.compile(r'"([^"]*)"')
SHORTEST = 4
"""Shorter texts would be found in pseudonyms by chance."""
CLOSED = {
    each.value
    for listed in vars(vocabulary).values()
    if isinstance(listed, type) and issubclass(listed, StrEnum)
    for each in listed
}
"""Names in a list of the program, even if a person typed them."""


@pytest.fixture
def backend() -> str:
    """One database is enough: the lines do not depend on it."""
    return "sqlite"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Every log line of the test, from all loggers, as a server process writes it."""
    written: list[str] = []

    class Written(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(JsonFormatter().format(record))

    caplog.set_level(logging.INFO)
    handler = Written()
    logging.getLogger().addHandler(handler)
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(handler)


@dataclass
class Sent:
    """Every text that was sent, and the documents after which an event of something done was recorded."""

    texts: set[str]
    with_event: list[str]


@pytest.fixture
def sent(world: World, security_events: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The texts sent to the world."""
    sent = Sent(set(), [])
    post = world.post

    async def noting(document: str, token: str | None = None, variables: Any = None) -> Any:
        sent.texts.update(LITERAL.findall(document), texts_of(variables), [token] if token else [])
        before = len(security_events)
        answer = await post(document, token, variables)
        if any(event.outcome is Outcome.DONE for event in security_events[before:]):
            sent.with_event.append(document)
        return answer

    monkeypatch.setattr(world, "post", noting)
    return sent


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_of(part)


def test_every_kind_has_a_scenario() -> None:
    assert {kind for scenario in SCENARIOS for kind in scenario.kinds} == set(EventKind)


def test_every_mutation_produces_an_event_or_says_why_not() -> None:
    with_event = {name for scenario in SCENARIOS for name in scenario.mutations}
    every = {name.partition(".")[2] for name in ROOT_FIELD_RULES if name.startswith("Mutation.")}
    assert (with_event | set(WITHOUT_EVENT), with_event & set(WITHOUT_EVENT)) == (every, set())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.act.__name__)
async def test_an_act_produces_its_events_and_logs_nothing_that_was_typed(
    scenario: Scenario,
    world: World,
    lines: list[str],
    sent: Sent,
    security_events: list[SecurityEvent],
    tmp_path: Path,
) -> None:
    await scenario.act(world, tmp_path)
    logged = [json.loads(line) for line in lines if '"event"' in line]
    assert {event.kind for event in security_events} >= set(scenario.kinds)
    assert [line["event"] for line in logged] == [event.kind for event in security_events]
    followed = {name for name in scenario.mutations if any(name in document for document in sent.with_event)}
    assert followed == set(scenario.mutations), "each mutation is followed by an event"
    for event in security_events:
        assert set(event.fields) <= set(fields_of(event.kind)), event
    whole = "\n".join(lines).lower()
    found = [text for text in sent.texts - CLOSED if len(text) >= SHORTEST and text.lower() in whole]
    assert (found, "canary" in whole, "127.0.0.1" in whole) == ([], False, False)


@pytest.mark.parametrize("password", ["canary of a wrong password", STRONG])
async def test_a_failed_sign_in_looks_the_same_with_and_without_an_account(
    password: str, world: World, security_events: list[SecurityEvent], tmp_path: Path
) -> None:
    await world.person(EMAIL, password=STRONG[::-1])
    for address in (EMAIL, "canary.nobody@canary.example"):
        await sign_in(world, address, password)
    present, absent = (event for event in security_events if event.kind is EventKind.SIGN_IN_FAILED)
    assert present.fields.keys() == absent.fields.keys()
    differ = {name for name in present.fields if present.fields[name] != absent.fields[name]}
    assert differ == {"address"}
    assert {len(str(event.fields[name])) for event in (present, absent) for name in differ} == {32}


async def test_a_locked_sign_in_looks_the_same_with_and_without_an_account(
    world: World, security_events: list[SecurityEvent], tmp_path: Path
) -> None:
    Clock(world)
    await is_locked_out(world, tmp_path)
    without = [(event.kind, event.fields) for event in security_events]
    security_events.clear()
    await world.person(EMAIL, password=STRONG)
    await is_locked_out(world, tmp_path)
    assert [(event.kind, event.fields) for event in security_events] == without


async def test_a_spray_over_many_accounts_has_one_network_and_many_addresses(
    world: World, security_events: list[SecurityEvent]
) -> None:
    await world.person(EMAIL, password=STRONG)
    for address in (EMAIL, EMAIL.upper(), "canary.2@canary.example", "canary.3@canary.example"):
        await sign_in(world, address, "canary of a wrong password")
    assert len({event.fields["network"] for event in security_events}) == 1
    assert len({event.fields["address"] for event in security_events}) == 3, "the canonical address counts"


def test_every_field_of_a_rule_is_used_by_a_kind() -> None:
    used = {field for kind in EVENT_RULES for field in fields_of(kind)}
    assert used == set(type(next(iter(used))))

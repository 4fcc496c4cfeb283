"""The `policy` query: published versions and retention periods."""

from datetime import timedelta
from pathlib import Path

import pytest

from models.database import Database
from models.vocabulary import Audience, PersonalField, Purpose
from permissions import retention_periods
from permissions.policy import Cell
from permissions.policy_text import current_policy
from permissions.retention_periods import RETENTION, RecordKind
from permissions.versions import published
from tests.policy.changes import NEXT, set_cell, set_versions
from tests.world import World, world_of

PERIODS = [
    ("30", "days"),
    ("30", "days"),
    ("5", "years"),
    ("5", "years"),
    ("90", "days"),
    ("30", "days"),
    ("2", "years"),
    ("6", "years"),
    ("7", "days"),
]
RETAINED = "{ policy { retention { what why until } } }"
NAMED = "query ($v: String) { policy(version: $v) { version fields { field readers { audience purpose } } } }"


async def test_the_policy_query_returns_published_versions_only(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (await world.data(NAMED, variables={"v": None}))["policy"]
    assert (await world.data(NAMED, variables={"v": old["version"]}))["policy"] == old
    set_cell(monkeypatch, PersonalField.ABOUT, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    (folder.parent / "outside.json").write_text(published.policy_json(current_policy()))
    new = (await world.data(NAMED, variables={"v": NEXT}))["policy"]
    assert (new["version"], new["fields"] == old["fields"]) == (NEXT, False)
    assert (await world.data(NAMED, variables={"v": None}))["policy"] == new
    assert (await world.data(NAMED, variables={"v": old["version"]}))["policy"] == old
    for unknown in ("", "2026-11-02", "../outside", f"./{NEXT}", "\0"):
        assert (await world.data(NAMED, variables={"v": unknown}))["policy"] is None


async def test_the_policy_query_returns_the_operators_periods(world: World, database: Database) -> None:
    periods_in_answer = (await world.data(RETAINED))["policy"]["retention"]
    assert periods_in_answer == [
        {"what": each.what, "why": each.why, "until": None} for each in retention_periods.retention_texts(RETENTION)
    ]
    assert [each["why"].split(" ")[:2] for each in periods_in_answer] == [[number, unit] for number, unit in PERIODS]
    periods = retention_periods.retention(timedelta(days=10), {RecordKind.SESSIONS: timedelta(hours=36)})
    async with world_of(database, retention=periods).client as client:
        answer = (await client.post("/graphql", json={"query": RETAINED})).json()
    whys = [each["why"].split(" after")[0] for each in answer["data"]["policy"]["retention"]]
    assert whys[:5] == ["10 days", "10 days", "5 years", "5 years", "36 hours"]

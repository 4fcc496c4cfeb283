"""The version guard: a change that widens access needs a policy version that announces it."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.commands.console.command_error import CommandError
from app.main import create
from models.database import Database
from models.vocabulary import Audience, PersonalField, Purpose
from permissions import policy
from permissions.policy import ROWS, VERSIONS, Cell
from permissions.policy_text import current_policy
from permissions.versions import diff as difference
from permissions.versions import guard, published
from permissions.versions.guard import UnannouncedChange, require_announced, unannounced_changes
from schema.build import build
from tests.policy.changes import NEXT, publish, set_cell, set_versions
from tests.world import settings_for

CELLS = (None, Cell(None), Cell(Purpose.SERVICE), Cell(Purpose.SOCIAL), Cell(Purpose.EXPANSION))
BREADTH = {"-": 0, "SOCIAL": 1, "EXPANSION": 1, "SERVICE": 2, "always": 3}


@pytest.mark.parametrize("audience", Audience)
def test_a_wider_cell_needs_a_version_that_names_its_purpose(
    audience: Audience, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row, cell in product(ROWS, CELLS):
        before = difference.cell_text(row.cells.get(audience))
        after = difference.cell_text(cell)
        with monkeypatch.context() as patch:
            set_cell(patch, row.field, audience, cell)
            moved = before != after and BREADTH[before] == BREADTH[after]
            widens = moved or BREADTH[after] > BREADTH[before]
            found = unannounced_changes()
            assert bool(found) is widens, (row.field, before, after)
            if not widens:
                continue
            assert all(row.field in each and audience in each for each in found)
            needed = {cell.purpose} if cell and cell.purpose else set(row.purposes)
            set_versions(patch, tuple(set(Purpose) - needed))
            assert unannounced_changes(), "a version that names another purpose is not enough"
            set_versions(patch, (), tuple(needed))
            assert unannounced_changes() == []


@pytest.mark.parametrize("purpose", Purpose)
def test_a_new_purpose_of_a_field_needs_a_version_that_names_it(
    purpose: Purpose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in ROWS:
        wider = tuple(
            replace(each, purposes=tuple(dict.fromkeys([*each.purposes, purpose]))) if each is row else each
            for each in ROWS
        )
        with monkeypatch.context() as patch:
            patch.setattr(policy, "ROWS", wider)
            assert bool(unannounced_changes()) is (purpose not in row.purposes)
            set_versions(patch, (purpose,))
            assert unannounced_changes() == []


def test_a_new_field_needs_a_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = published.policy_json(replace(current_policy(), fields=current_policy().fields[:-1]))
    (folder / f"{VERSIONS[0].name}.json").write_text(without)
    assert unannounced_changes()
    set_versions(monkeypatch, (Purpose.EXPANSION,))
    assert unannounced_changes() == []


def test_an_editorial_version_cannot_widen_access(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, ())
    publish(folder)
    assert len(unannounced_changes()) == 1
    set_versions(monkeypatch, (), ())
    publish(folder)
    assert len(unannounced_changes()) == 1


def test_a_version_does_not_cover_later_widening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    publish(folder)
    assert unannounced_changes() == []
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    assert len(unannounced_changes()) == 1


def test_the_server_does_not_start_with_an_unannounced_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.commands.server.serve import serve

    settings = settings_for(Database(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}"))
    monkeypatch.setattr("app.commands.server.serve.load", lambda: settings)
    set_cell(monkeypatch, PersonalField.MOBILE_PHONE, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    for start, refusal in (
        (build, UnannouncedChange),
        (lambda: create(settings), UnannouncedChange),
        (served(serve), CommandError),
    ):
        with pytest.raises(refusal) as raised:
            start()
        assert "PUBLIC would read MOBILE_PHONE: SOCIAL, so far -" in str(raised.value)
        assert guard.WHAT_TO_DO in str(raised.value)
    assert not (tmp_path / "none.db").exists()
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    build()


def test_production_needs_the_text_of_the_newest_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_versions(monkeypatch, ())
    require_announced()
    with pytest.raises(UnannouncedChange, match=f"versions/{NEXT}.json does not exist"):
        require_announced(text_required=True)
    publish(folder)
    require_announced(text_required=True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', "{" * 4])
def test_the_server_does_not_start_with_an_unreadable_version(folder: Path, text: str) -> None:
    (folder / f"{VERSIONS[0].name}.json").write_text(text)
    with pytest.raises(UnannouncedChange, match=VERSIONS[0].name):
        require_announced()


def test_the_published_text_of_the_newest_version_is_current() -> None:
    assert published.published_policy(VERSIONS[-1].name) == current_policy()


def served(serve: Any) -> Any:
    return lambda: serve("127.0.0.1", 0, 1, create=False)

"""Changes to the policy for one test: cells, versions and published texts."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.vocabulary import Audience, PersonalField, Purpose
from permissions import policy
from permissions.policy import VERSIONS, Cell, Version
from permissions.policy_text import current_policy
from permissions.versions import published

NEXT = "2027-03-01"


def set_cell(monkeypatch: pytest.MonkeyPatch, field: PersonalField, audience: Audience, cell: Cell | None) -> None:
    """Changes one cell of the policy table."""
    rows = []
    for row in policy.ROWS:
        cells = {each: row.cells.get(each) if each is not audience else cell for each in Audience}
        remaining = {each: found for each, found in cells.items() if found is not None}
        rows.append(replace(row, cells=remaining) if row.field is field else row)
    monkeypatch.setattr(policy, "ROWS", tuple(rows))


def set_versions(monkeypatch: pytest.MonkeyPatch, *changes: tuple[Purpose, ...]) -> None:
    """Adds one version per tuple of material changes."""
    more = [
        Version(f"{2027 + place}-03-01", datetime(2027 + place, 3, 1, tzinfo=UTC), changed)
        for place, changed in enumerate(changes)
    ]
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS[:1], *more))


def publish(folder: Path) -> None:
    """Stores the text of the current version."""
    (folder / f"{policy.VERSIONS[-1].name}.json").write_text(published.policy_json(current_policy()))

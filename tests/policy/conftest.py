"""Fixtures for tests of policy versions."""

from pathlib import Path

import pytest

from permissions.policy import VERSIONS
from permissions.policy_text import current_policy
from permissions.versions import published


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate folder of published versions, with the current version."""
    here = tmp_path / "versions"
    here.mkdir()
    (here / f"{VERSIONS[0].name}.json").write_text(published.policy_json(current_policy()))
    monkeypatch.setattr(published, "FOLDER", here)
    return here

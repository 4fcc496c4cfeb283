"""The fixture for tests of retention's safeguards."""

from pathlib import Path

import pytest

from tests.retention import RetentionHarness
from tests.world import World


@pytest.fixture
def harness(world: World, tmp_path: Path) -> RetentionHarness:
    """Runs retention on the world, with a clock that the test moves."""
    return RetentionHarness(world, tmp_path)

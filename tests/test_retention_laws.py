"""What is due goes at its day and not a moment before; what a request holds stays, and nothing else does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.tables import (
    ACCOUNTS,
)
from tests.retaining import DAY, MOMENT, Keeper
from tests.world import World


@pytest.fixture
def keeper(world: World, tmp_path: Path) -> Iterator[Keeper]:
    """Retention on the world, by a clock moved by hand."""
    return Keeper(world, tmp_path)


async def test_an_account_goes_when_its_grace_is_over_and_not_before(keeper: Keeper) -> None:
    id, other = await keeper.world.settle(*({"email": f"p{n}@example.org", "emailVerified": True} for n in range(2)))
    await keeper.leave(id)
    keeper.clock.at += 30 * DAY - MOMENT
    assert await keeper.run() == {}
    keeper.clock.at += MOMENT
    assert await keeper.run() == {"accounts": 1}
    assert [row.id for row in await keeper.rows(ACCOUNTS)] == [other]
    assert await keeper.run() == {}

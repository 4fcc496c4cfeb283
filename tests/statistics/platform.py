"""A platform with a settable clock and noise, and an analyst who queries its statistics."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import select, update

from models.statistics.discrete_laplace import Noise
from models.tables import ROLE_GRANTS
from models.vocabulary import Role
from permissions.statistics.histograms import BREAKDOWNS
from tests.world import PROFILE, World, line

BOTH = ("SOCIAL", "EXPANSION")
STARTED = datetime(2026, 11, 20, 12, tzinfo=UTC)
USUAL = Noise()
SMALLER = Noise(Fraction(1, 2), 24)
ASK = """query ($by: [Dimension!]!) { statistics(groupBy: $by) {
  releasedAt nextAt epsilon margin subjects groups { values count } suppressedGroups } }"""


def noise_id(value: Any) -> str:
    return f"{value.epsilon},{value.bound}" if isinstance(value, Noise) else str(value)


class FixedNoise(Noise):
    """Noise with a fixed value: the answer of `below`."""

    def draw(self) -> int:
        return self.below(self.bound)


def fixed_noise(value: int, bound: int = 48) -> Noise:
    return FixedNoise(Fraction(1, 4), bound, lambda _: value)


EXACT = fixed_noise(0, bound=0)
"""No noise, so that a group of ten is published: for tests of who is counted."""


def seeded(noise: Noise, seed: int) -> Noise:
    return Noise(noise.epsilon, noise.bound, random.Random(seed).randrange)


@dataclass
class Platform:
    """A world with a settable clock, and the token of an analyst."""

    world: World
    token: str
    now: datetime = STARTED

    async def statistics(self, *by: str) -> Any:
        return (await self.world.data(ASK, self.token, {"by": by}))["statistics"]

    async def raw(self, *by: str) -> bytes:
        return (await self.world.post(ASK, self.token, {"by": by})).content

    async def everything(self) -> list[bytes]:
        return [await self.raw(*each.dimensions) for each in BREAKDOWNS]

    async def groups(self, *by: str) -> dict[tuple[str, ...], int]:
        return {tuple(group["values"]): group["count"] for group in (await self.statistics(*by))["groups"]}

    async def crowd(self, name: str, many: int, purposes: Sequence[str] = BOTH, **more: Any) -> list[str]:
        lines = (line(f"{name}{number}@example.org", purposes, **more) for number in range(many))
        return await self.world.store_people(*lines)

    async def specialized(self, what: str, many: int, purposes: Sequence[str] = BOTH, **more: Any) -> list[str]:
        return await self.crowd(what, many, purposes, profile={**PROFILE, "specialization": what}, **more)

    async def rows(self, table: Any) -> list[Any]:
        async with self.world.services.database.reading() as connection:
            return list((await connection.execute(select(table))).all())

    async def change(self, table: Any, ids: Sequence[str], **values: Any) -> None:
        column = table.c.subject_id if table is ROLE_GRANTS else table.c.id
        async with self.world.services.database.writing() as connection:
            await connection.execute(update(table).where(column.in_(ids)).values(**values))


async def make_platform(world: World) -> Platform:
    analyst = await world.person("analyst@example.org", ())
    token = await world.token(Role.ANALYTICS, analyst, now=STARTED, expires_at=STARTED + timedelta(days=3000))
    async with world.services.database.writing() as connection:
        await connection.execute(update(ROLE_GRANTS).values(expires_at=STARTED + timedelta(days=3000)))
    platform = Platform(world, token)
    world.services.now = lambda: platform.now
    return platform

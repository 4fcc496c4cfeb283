"""Measures what one document costs: its CPU, and the CPU of the longest step of the event loop."""

import asyncio
import contextlib
import time
from asyncio.events import Handle
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

from dear.documents import Writer
from tests.world import World

VIEWER: Final = "{ viewer { role } }"


@dataclass(frozen=True)
class Cost:
    """What one document costs."""

    cpu_ms: float
    hold_ms: float

    def lower(self, other: "Cost") -> "Cost":
        """The lower of two measurements. Only the machine makes one of them higher."""
        return Cost(min(self.cpu_ms, other.cpu_ms), min(self.hold_ms, other.hold_ms))

    def __str__(self) -> str:
        return f"{self.cpu_ms:5.0f} ms CPU {self.hold_ms:4.0f} ms hold"


@dataclass
class Holds:
    """The CPU of the longest step of the event loop."""

    longest_ms: float = 0.0
    _stock: Any = field(default=Handle._run)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Times every step in the body."""

        def run(handle: Handle) -> None:
            began = time.thread_time()
            self._stock(handle)
            self.longest_ms = max(self.longest_ms, (time.thread_time() - began) * 1000)

        Handle._run = run
        try:
            yield
        finally:
            Handle._run = self._stock


async def cost_of_request(world: World, token: str | None, document: str, variables: dict[str, Any]) -> Cost:
    """Sends a document and returns its cost. Fails if the service refuses it."""
    holds, began = Holds(), time.process_time()
    with holds.measured():
        await asyncio.sleep(0)  # the step that is running began before the measurement
        response = await world.post(document, token, variables)
    spent = (time.process_time() - began) * 1000
    response.raise_for_status()
    return Cost(spent, holds.longest_ms)


async def cost(world: World, token: str, writer: Writer, names: list[str], times: int = 1) -> Cost:
    """The lowest cost of a document with these root fields, whose text is new each time."""
    found = Cost(float("inf"), float("inf"))
    for _ in range(times):
        document = writer.document(names)
        found = found.lower(await cost_of_request(world, token, document, writer.variables_of(document)))
    return found


async def waits(world: World, token: str, writer: Writer, names: list[str], times: int) -> float:
    """The 99th percentile in milliseconds of another caller's `viewer` while the document is sent again and again."""
    found: list[float] = []

    async def dear() -> None:
        for _ in range(times):
            document = writer.document(names)
            await world.post(document, token, writer.variables_of(document))

    sending = asyncio.create_task(dear())
    while not sending.done():
        began = time.perf_counter()
        await world.post(VIEWER)
        found.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.005)
    return quantiles(found, n=100)[98]

"""Finds out whether a process can do its work: read, write and check passwords. It also tells what is impaired."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from app.http.client_address import TrustedProxies
from app.operations.schema_version import USABLE, SchemaState, state_of
from models.connections.deadline import within
from resolvers.context import Services

log = logging.getLogger(__name__)

PROBE_SECONDS: Final = 1.5
"""How long a database may take to answer a probe."""

FRESH_SECONDS: Final = 0.5
"""Requests within this time share one look, so that they cost the database nothing."""

YES: Final = "yes"
NO: Final = "no"
UNUSABLE: Final = frozenset(("schema", state.value.lower()) for state in SchemaState if state not in USABLE)
NOT_READY: Final = frozenset({("reads", NO), ("writes", NO), ("hashing", NO)}) | UNUSABLE
"""The states of parts without which the process cannot do its work. The answer also names the other states."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the process can do its work, and the state of each part."""

    is_ready: bool
    parts: dict[str, str]


@dataclass(slots=True)
class Readiness:
    """Looks at the parts of one process."""

    services: Services
    proxies: TrustedProxies
    failed_deliveries: Callable[[], int]
    has_started: bool = False
    _looking: "asyncio.Task[Look] | None" = None
    _looked_at: float = float("-inf")

    async def look(self) -> Look:
        """Looks, or returns what another request has just seen."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at > FRESH_SECONDS):
            self._looked_at = now
            self._looking = asyncio.create_task(self._seen())
        seen = await asyncio.shield(self._looking)
        self.has_started |= seen.is_ready
        told = {"mail": "failing" if self.failed_deliveries() else "ok"}
        if self.proxies.has_unnamed_clients:
            told["proxy"] = f"names no client address in {self.proxies.header.value}"
        return Look(seen.is_ready, {**seen.parts, **told})

    async def _seen(self) -> Look:
        services = self.services
        data, limits, hashes = await asyncio.gather(self._data(), services.limits.state(), services.hashing.is_alive())
        parts = {**data, "hashing": YES if hashes else NO, "limits": limits.value}
        return Look(NOT_READY.isdisjoint(parts.items()), parts)

    async def _data(self) -> dict[str, str]:
        """Whether the database can be read and written, and has the schema of this version."""
        try:
            probe = await within(PROBE_SECONDS, self.services.database.probe())
        except Exception as problem:  # noqa: BLE001  # whatever it is, the database cannot be read
            log.warning("the database cannot be read", extra={"problem": type(problem).__name__})
            return {"reads": NO, "writes": NO}
        found = {"reads": YES, "writes": probe.writes.value if probe else YES}
        return {**found, "schema": _schema_state(probe.revision).value.lower()} if probe else found


@cache
def _schema_state(revision: str | None) -> SchemaState:
    """The state of a schema, which cannot change while the process runs. The migrations are read from files."""
    return state_of(revision)

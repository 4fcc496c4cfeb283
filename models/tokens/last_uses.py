"""Records when tokens were used, some time after the answer. No request waits for that, or fails because of it."""

import asyncio
import logging
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, or_, select, update

from models.columns import UtcDateTime
from models.database import Database
from models.tables import ACCESS_TOKENS
from models.telemetry.failure import failure_fields

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""How long uses are collected for one transaction."""

LONGEST_SECONDS: Final = 10.0
MOST: Final = 1000
"""Uses that may wait. Further ones are dropped: the token's next request records one."""

_USED_AT: Final = bindparam("used_at", type_=UtcDateTime())
_FREE: Final = (
    select(ACCESS_TOKENS.c.id)
    .where(
        ACCESS_TOKENS.c.id == bindparam("token_id"),
        or_(ACCESS_TOKENS.c.last_used_at.is_(None), ACCESS_TOKENS.c.last_used_at < _USED_AT),
    )
    .with_for_update(skip_locked=True)
)
_RECORD: Final = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id.in_(_FREE)).values(last_used_at=_USED_AT)


class LastUses:
    """The uses of tokens that this process has not recorded yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, datetime] = {}
        self._noted = asyncio.Event()

    def note(self, token_id: str, at: datetime) -> None:
        """Notes a use, to be recorded later."""
        if len(self._waiting) < MOST or token_id in self._waiting:
            self._waiting[token_id] = at
            self._noted.set()

    async def record(self, database: Database) -> None:
        """Records what was noted, in one transaction. A failure is logged, and drops the notes."""
        self._noted.clear()
        noted, self._waiting = self._waiting, {}
        if not noted:
            return
        uses = [{"token_id": id, "used_at": at} for id, at in sorted(noted.items())]
        try:
            async with asyncio.timeout(LONGEST_SECONDS), database.writing() as connection:
                await connection.execute(_RECORD, uses)
        except Exception as problem:  # noqa: BLE001  # the token's next request notes a use again
            log.warning("uses of tokens were not recorded", extra={**failure_fields(problem), "count": len(uses)})

    async def record_forever(self, database: Database) -> None:
        """Runs until it is cancelled."""
        while True:
            await self._noted.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            await self.record(database)

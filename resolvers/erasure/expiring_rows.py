"""Rows with a retention period: for each kind, the table and the columns from which the period counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import (
    ACCESS_TOKENS,
    CHALLENGES,
    FAILED_SIGN_INS,
    KNOWN_DEVICES,
    LEGAL_REQUESTS,
    MAILED_TOKENS,
    OUTBOX,
    PROCESSOR_VIEWS,
    SUPPORT_CASES,
    WITHDRAWALS,
)
from permissions.retention_periods import RecordKind
from resolvers.erasure.personal_tables import OWNER_COLUMNS


@dataclass(frozen=True, slots=True)
class ExpiringRows:
    """A table whose rows expire a period after the first of the `ends`, and not before `done` is set."""

    kind: RecordKind
    table: Table
    ends: tuple[ColumnElement[datetime], ...]
    done: ColumnElement[datetime] | None = None

    def is_due(self, before: datetime) -> ColumnElement[bool]:
        """Whether a row's period had started by `before`."""
        ended = or_(*(column <= before for column in self.ends))
        return ended if self.done is None else and_(ended, self.done.is_not(None))

    async def count(self, connection: AsyncConnection, before: datetime, but: Select[Any]) -> int:
        """Counts the due rows, except rows of these people, which are erased with them."""
        counted = select(func.count()).select_from(self.table).where(self.is_due(before))
        if (owner := OWNER_COLUMNS.get(self.table)) is not None:
            counted = counted.where(or_(owner.is_(None), owner.not_in(but)))
        return int((await connection.execute(counted)).scalar_one())

    async def delete_due(self, connection: AsyncConnection, before: datetime, most: int) -> int:
        """Deletes at most `most` due rows and returns how many. Locked rows are left to the next run."""
        (name,) = self.table.primary_key
        some = select(name).where(self.is_due(before)).order_by(name).limit(most).with_for_update(skip_locked=True)
        ids = list((await connection.execute(some)).scalars())
        await connection.execute(delete(self.table).where(name.in_(ids)))
        return len(ids)


K = RecordKind
EXPIRING_ROWS: Final = (
    ExpiringRows(K.SESSIONS, ACCESS_TOKENS, (ACCESS_TOKENS.c.revoked_at, ACCESS_TOKENS.c.expires_at)),
    ExpiringRows(K.SESSIONS, CHALLENGES, (CHALLENGES.c.ended_at, CHALLENGES.c.expires_at)),
    ExpiringRows(K.SESSIONS, KNOWN_DEVICES, (KNOWN_DEVICES.c.expires_at,)),
    ExpiringRows(K.FAILED_SIGN_INS, FAILED_SIGN_INS, (FAILED_SIGN_INS.c.last_failed_at,)),
    # a letter that was never sent counts from when it was written
    ExpiringRows(K.LETTERS, OUTBOX, (func.coalesce(OUTBOX.c.sent_at, OUTBOX.c.written_at),)),
    ExpiringRows(K.LETTERS, MAILED_TOKENS, (MAILED_TOKENS.c.used_at, MAILED_TOKENS.c.expires_at)),
    ExpiringRows(K.SUPPORT_CASES, SUPPORT_CASES, (SUPPORT_CASES.c.closed_at, SUPPORT_CASES.c.expires_at)),
    ExpiringRows(K.LEGAL_REQUESTS, LEGAL_REQUESTS, (LEGAL_REQUESTS.c.closed_at, LEGAL_REQUESTS.c.expires_at)),
    ExpiringRows(K.DISCLOSURES, PROCESSOR_VIEWS, (PROCESSOR_VIEWS.c.opened_at,)),
    ExpiringRows(K.DISCLOSURES, WITHDRAWALS, (WITHDRAWALS.c.withdrawn_at,), done=WITHDRAWALS.c.acknowledged_at),
)
"""Deleted in this order, after the logs: an erasure request to a processor must outlive the disclosures to it."""

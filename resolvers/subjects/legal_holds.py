"""What open legal requests hold back from erasure: fields of their extents, and never an account."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import LEGAL_REQUESTS
from resolvers.subjects.access_grounds import request_is_open


async def held_fields(connection: AsyncConnection, subject_ids: Sequence[str], now: datetime) -> dict[str, int]:
    """The bits of the fields of each of these subjects that requests hold back now; who is not there has none."""
    open_ones = select(LEGAL_REQUESTS.c.subject_id, LEGAL_REQUESTS.c.extent).where(
        LEGAL_REQUESTS.c.subject_id.in_(subject_ids), request_is_open(now)
    )
    bits: dict[str, int] = {}
    for row in (await connection.execute(open_ones)).all():
        bits[row.subject_id] = bits.get(row.subject_id, 0) | row.extent
    return bits

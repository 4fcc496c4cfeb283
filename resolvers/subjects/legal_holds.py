"""Finds the fields that open legal requests exempt from erasure."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import LEGAL_REQUESTS
from resolvers.subjects.access_grounds import request_is_open


async def held_fields(connection: AsyncConnection, subject_ids: Sequence[str], now: datetime) -> dict[str, int]:
    """Returns the bits of the fields under legal hold for each subject. Subjects without a hold are left out."""
    open_ones = select(LEGAL_REQUESTS.c.subject_id, LEGAL_REQUESTS.c.extent).where(
        LEGAL_REQUESTS.c.subject_id.in_(subject_ids), request_is_open(now)
    )
    bits: dict[str, int] = {}
    for row in (await connection.execute(open_ones)).all():
        bits[row.subject_id] = bits.get(row.subject_id, 0) | row.extent
    return bits

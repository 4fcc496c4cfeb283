"""What outlives an erased subject, as far as they may know of it."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from models.vocabulary import fields_of
from permissions.retention_periods import KeptRecord, retained_records
from resolvers.context import Services
from resolvers.subjects.access_grounds import disclosable_requests, request_is_open


async def retained_after(
    connection: AsyncConnection, subject_id: str, ends: datetime, services: Services
) -> tuple[KeptRecord, ...]:
    """Each kind of record that a law keeps, and each request that holds fields back and of which notice is allowed."""
    now = services.now()
    rows = (await connection.execute(disclosable_requests(subject_id, now).where(request_is_open(now)))).all()
    return (*retained_records(ends, services.retention), *(_held_fields(row) for row in rows))


def _held_fields(row: Any) -> KeptRecord:
    """Its day is the latest: a request may be closed before."""
    return KeptRecord(
        f"Held back by a legal request: {', '.join(fields_of(row.extent))}",
        f"until legal request {row.reference} of {row.authority} ends: {row.basis}",
        row.expires_at,
    )

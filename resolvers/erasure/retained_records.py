"""Lists the records that remain after erasure, as far as the subject may know of them."""

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
    """Returns each kind of record that the law retains, and each disclosable request with fields under legal hold."""
    now = services.now()
    rows = (await connection.execute(disclosable_requests(subject_id, now).where(request_is_open(now)))).all()
    return (*retained_records(ends, services.retention), *(_held_fields(row) for row in rows))


def _held_fields(row: Any) -> KeptRecord:
    """Returns a request's fields and the latest day: the request may be closed earlier."""
    return KeptRecord(
        f"Fields under legal hold: {', '.join(fields_of(row.extent))}",
        f"until legal request {row.reference} of {row.authority} ends: {row.basis}",
        row.expires_at,
    )

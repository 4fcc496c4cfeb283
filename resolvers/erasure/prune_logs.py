"""Prunes expired entries from the logs, and records gaps so that the hash chains can still be verified."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from models.logs import chain_gaps, hash_chain
from models.tables import ACCOUNTS, CONSENT_RECORDS, DISCLOSURES, LEGAL_REQUESTS, READINGS
from resolvers.subjects.access_grounds import request_is_open

LEDGERS: Final = (hash_chain.DISCLOSURE, hash_chain.SEALED)

_record, _reading, _entry = CONSENT_RECORDS.c, READINGS.c, DISCLOSURES.c


def _expired_subjects(before: datetime) -> Select[Any]:
    """Selects subjects without an account whose last record, the end of the account, is from `before` or earlier."""
    there = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == _record.subject_id).exists()
    ended = select(_record.subject_id).where(~there).group_by(_record.subject_id)
    return ended.having(func.max(_record.recorded_at) <= before)


async def count_consent_records(connection: AsyncConnection, before: datetime) -> int:
    """Counts the expired consent records."""
    due = select(func.count()).select_from(CONSENT_RECORDS).where(_record.subject_id.in_(_expired_subjects(before)))
    return int((await connection.execute(due)).scalar_one())


async def prune_consent_records(connection: AsyncConnection, keys: KeyRing, before: datetime, most: int) -> int:
    """Deletes the expired consent records of at most `most` subjects, and returns the number of records."""
    await hash_chain.lock_end(connection, hash_chain.CONSENT)
    some = _expired_subjects(before).order_by(_record.subject_id).limit(most)
    ids = list((await connection.execute(some)).scalars())
    links = select(_record.sequence, _record.hash).where(_record.subject_id.in_(ids))
    found = [(row.sequence, row.hash) for row in (await connection.execute(links)).all()]
    await chain_gaps.record_gaps(connection, keys, hash_chain.CONSENT, found)
    await connection.execute(delete(CONSENT_RECORDS).where(_record.subject_id.in_(ids)))
    return len(found)


def _expired_readings(log: hash_chain.Log, before: datetime, now: datetime) -> ColumnElement[bool]:
    """Whether a reading has expired. Readings for open requests, or still hidden from the subject, have not."""
    needed = select(LEGAL_REQUESTS.c.id).where(request_is_open(now))
    seen = or_(_reading.visible_at.is_(None), _reading.visible_at <= now)
    return and_(_reading.chain == log.name, _reading.at <= before, seen, _reading.ground.not_in(needed))


async def count_ledger_entries(connection: AsyncConnection, before: datetime, now: datetime) -> int:
    """Counts the expired ledger entries."""
    same = and_(_entry.chain == _reading.chain, _entry.reading == _reading.sequence)
    due = or_(*(_expired_readings(log, before, now) for log in LEDGERS))
    counted = select(func.count()).select_from(DISCLOSURES.join(READINGS, same)).where(due)
    return int((await connection.execute(counted)).scalar_one())


async def prune_ledger(
    connection: AsyncConnection, keys: KeyRing, log: hash_chain.Log, before: datetime, now: datetime, most: int
) -> int:
    """Deletes at most `most` expired readings from one chain of the ledger, and returns the number of entries."""
    await hash_chain.lock_end(connection, log)
    due = select(_reading.sequence).where(_expired_readings(log, before, now)).order_by(_reading.sequence).limit(most)
    firsts = list((await connection.execute(due)).scalars())
    if not firsts:
        return 0
    theirs = await _entries_of(connection, log, firsts)
    links = select(_entry.sequence, _entry.hash).where(theirs)
    found = [(row.sequence, row.hash) for row in (await connection.execute(links)).all()]
    await chain_gaps.record_gaps(connection, keys, log, found)
    await connection.execute(delete(DISCLOSURES).where(theirs))
    await connection.execute(delete(READINGS).where(_reading.chain == log.name, _reading.sequence.in_(firsts)))
    return len(found)


async def _entries_of(connection: AsyncConnection, log: hash_chain.Log, firsts: Sequence[int]) -> ColumnElement[bool]:
    """Matches the entries of these readings. They are adjacent, so the query scans one range of the chain."""
    after = select(func.min(_reading.sequence)).where(_reading.chain == log.name, _reading.sequence > firsts[-1])
    end = (await connection.execute(after)).scalar_one_or_none()
    within = [_entry.chain == log.name, _entry.sequence >= firsts[0], _entry.reading.in_(firsts)]
    return and_(*within, *([_entry.sequence < end] if end else []))

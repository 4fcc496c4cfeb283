"""Writes disclosures to the ledger, one per subject and root field, in the transaction that reads."""

import hashlib
import itertools
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from models import inserts
from models.columns import sort_key
from models.connections.after_commit import after_commit
from models.connections.unavailable import is_unavailable, waited_too_long
from models.key_ring import KeyRing
from models.logs import hash_chain
from models.tables import DISCLOSURES, READINGS
from models.telemetry.catalogue import counters
from models.telemetry.failure import failure_fields
from models.telemetry.spans import Attribute, SpanName, span
from models.vocabulary import Audience
from permissions.access_ground import Ground, Grounds
from permissions.errors import not_recorded
from permissions.subject import Subject
from resolvers.caller_database import mark_as_recording
from resolvers.context import Context
from resolvers.ledger.pseudonyms import pseudonym

log = logging.getLogger(__name__)

WRITTEN: Final = counters("consentql_disclosures", "Disclosures written to the ledger.", audience=Audience)
WRITTEN.all()

TITLES = {Audience.SUPPORT_CASE: "support agent", Audience.LEGAL_REQUEST: "compliance officer"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A disclosure to append: one subject in one root field."""

    subject_id: str
    audience: Audience
    recipient: str
    fields: int
    ground: Ground
    recipient_id: str | None = None
    token_id: str | None = None


same_reading: Final = attrgetter("audience", "recipient", "recipient_id", "token_id", "ground")
"""Entries with the same values here share one reading."""

ReadingEntries = tuple[dict[str, Any], list[Entry]]
"""The row of a reading, and its entries."""


def commitment(salt: str, reason: str) -> str:
    """Returns a salted hash of the reason. It reveals no part of the reason after salt and reason are erased."""
    return hashlib.sha256(f"{len(salt)}:{salt}:{reason}".encode()).hexdigest()


async def append_entries(connection: AsyncConnection, keys: KeyRing, entries: Sequence[Entry], now: datetime) -> None:
    """Appends entries within the transaction of `connection`. Sealed entries have a separate chain."""
    groups = [list(some) for _, some in itertools.groupby(entries, same_reading)]
    readings = [(_reading(some[0], now), some) for some in groups]
    for log, sealed in ((hash_chain.DISCLOSURE, False), (hash_chain.SEALED, True)):
        if mine := [each for each in readings if (each[0]["visible_at"] is not None) is sealed]:
            with span(SpanName.LEDGER, {Attribute.LOG: log.name}):
                await _append(connection, keys, log, mine)


def _reading(entry: Entry, now: datetime) -> dict[str, Any]:
    salt = secrets.token_hex(16)
    return {
        "at": now,
        "audience": entry.audience.value,
        "recipient": entry.recipient,
        "recipient_id": entry.recipient_id,
        "token_id": entry.token_id,
        "ground": entry.ground.id,
        "commitment": commitment(salt, entry.ground.reason),
        "visible_at": entry.ground.visible_at,
        "reason": entry.ground.reason,
        "salt": salt,
        "ordinal": sort_key(now, ""),
    }


async def _append(
    connection: AsyncConnection, keys: KeyRing, log: hash_chain.Log, readings: Sequence[ReadingEntries]
) -> None:
    end = await hash_chain.ChainEnd.lock(connection, log)
    first, places, hashes = end.sequence + 1, [], []
    for reading, entries in readings:
        reading.update(chain=log.name, sequence=end.sequence + 1)
        places += [end.sequence + 1] * len(entries)
        hashes += end.link(keys, reading, [(None, entry.subject_id, entry.fields) for entry in entries])
    everyone = [entry for _, entries in readings for entry in entries]
    await inserts.insert_rows(connection, READINGS, inserts.by_column(READINGS, [reading for reading, _ in readings]))
    columns = {
        "chain": [log.name] * len(everyone),
        "sequence": range(first, end.sequence + 1),
        "reading": places,
        "id": [None] * len(everyone),
        "subject_id": [entry.subject_id for entry in everyone],
        "fields": [entry.fields for entry in everyone],
        "hash": hashes,
    }
    await inserts.insert_rows(connection, DISCLOSURES, columns)
    await end.save(connection)
    for reading, entries in readings:
        after_commit(partial(WRITTEN.of(reading["audience"]).inc, len(entries)))


async def record_entries(connection: AsyncConnection, keys: KeyRing, entries: Sequence[Entry], now: datetime) -> None:
    """Appends entries within the transaction that read. Raises NOT_RECORDED if that fails.

    A failure because the database itself is unavailable, read-only or full is raised unchanged.
    """
    try:
        await append_entries(connection, keys, entries, now)
    except Exception as problem:
        if is_unavailable(problem) and not (isinstance(problem, DBAPIError) and waited_too_long(problem)):
            raise
        log.error("a reading could not be recorded", extra=failure_fields(problem))
        raise not_recorded() from problem
    await mark_as_recording(connection)


async def record_subjects(connection: AsyncConnection, context: Context, shown: Iterable[tuple[Subject, int]]) -> None:
    """Records the subjects that staff read through a case or a legal request, each with the requested fields."""
    entries = [entry for subject, bits in shown for entry in _entries(context, subject, subject.mask & bits)]
    if entries:
        await record_entries(connection, context.services.keys, entries, context.now())


def _entries(context: Context, subject: Subject, fields: int) -> list[Entry]:
    caller, grounds, reader = context.caller, subject.grounds, context.caller.subject_id
    if grounds is None or reader is None:
        raise TypeError("a reading by staff must have a ground and a reader")
    recipient = f"{TITLES[grounds.audience]} {pseudonym(context.services.keys, reader)}"
    return [
        Entry(
            subject_id=subject.id,
            audience=grounds.audience,
            recipient=recipient,
            fields=part,
            ground=ground,
            recipient_id=reader,
            token_id=caller.token_id,
        )
        for ground, part in _parts(grounds, fields)
    ]


def _parts(grounds: Grounds, fields: int) -> list[tuple[Ground, int]]:
    """Splits the fields by when the subject may learn of them. Each field counts for the earliest ground.

    Without this, the entry of an open request would name a field that only a sealed request gives access to.
    """
    parts: list[tuple[Ground, int]] = []
    for instant in sorted({each.visible_at for each in grounds.all}, key=lambda at: (at is not None, at)):
        same_time = Grounds(grounds.audience, tuple(each for each in grounds.all if each.visible_at == instant))
        part = fields & same_time.extent
        if part or not parts:
            parts.append((same_time.ground_for(part), part))
        fields &= ~part
    return parts

"""Writes who was shown what of whom: one entry a subject and answer, before the first byte of it leaves."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from models import chain
from models.columns import ordinal
from models.keys import KeyRing
from models.vocabulary import Audience
from permissions.failure import not_recorded
from permissions.ground import Ground, Grounds
from resolvers.context import Context
from resolvers.pseudonyms import pseudonym

TITLES = {Audience.SUPPORT_CASE: "support agent", Audience.LEGAL_REQUEST: "compliance officer"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject in one answer, as it goes into the ledger."""

    subject_id: str
    audience: Audience
    recipient: str
    fields: int
    ground: Ground
    recipient_id: str | None = None
    token_id: str | None = None


def commitment(salt: str, reason: str) -> str:
    """Binds a reason without holding it: once salt and reason are erased, nothing of it is left."""
    return hashlib.sha256(f"{len(salt)}:{salt}:{reason}".encode()).hexdigest()


async def enter(connection: AsyncConnection, keys: KeyRing, entries: Sequence[Entry], now: datetime) -> None:
    """Appends entries in the transaction that is given; sealed ones to a chain of their own."""
    written, drawn = ordinal(now, ""), secrets.token_hex(32 * len(entries))
    rows = []
    for place, entry in enumerate(entries):
        id, salt = drawn[64 * place : 64 * place + 32], drawn[64 * place + 32 : 64 * place + 64]
        rows.append({**_row(entry, id, salt), "at": now, "ordinal": written + id})
    for log, sealed in ((chain.DISCLOSURE, False), (chain.SEALED, True)):
        await chain.append(connection, keys, log, [row for row in rows if (row["visible_at"] is not None) is sealed])


def _row(entry: Entry, id: str, salt: str) -> dict[str, Any]:
    return {
        "id": id,
        "subject_id": entry.subject_id,
        "audience": entry.audience.value,
        "recipient": entry.recipient,
        "recipient_id": entry.recipient_id,
        "token_id": entry.token_id,
        "fields": entry.fields,
        "ground": entry.ground.id,
        "commitment": commitment(salt, entry.ground.reason),
        "visible_at": entry.ground.visible_at,
        "reason": entry.ground.reason,
        "salt": salt,
    }


async def record(context: Context) -> None:
    """Enters every subject whom this answer met through a case or a request, in one transaction."""
    if not context.met:
        return
    entries = _entries(context)
    async with context.database.writing() as connection:
        await enter(connection, context.services.keys, entries, context.now())


async def record_within(connection: AsyncConnection, context: Context, bits: int) -> None:
    """Enters what a mutation is about to show, in its own transaction: both commit, or neither does."""
    for subject in context.met:
        subject.disclosed |= subject.mask & bits
    try:
        await enter(connection, context.services.keys, _entries(context), context.now())
    except Exception as problem:
        raise not_recorded() from problem
    finally:
        context.met.clear()


def _entries(context: Context) -> list[Entry]:
    shown: dict[tuple[str, Grounds], int] = {}
    caller, reader = context.reader, context.reader.subject_id or ""
    for subject in context.met:
        if subject.grounds is None or not reader:
            raise TypeError("a reading by staff rests on a ground and has a reader")
        reading = (subject.id, subject.grounds)
        shown[reading] = shown.get(reading, 0) | subject.disclosed
    entries, name = [], pseudonym(context.services.keys, reader)
    for (subject_id, grounds), fields in shown.items():
        entries += [
            Entry(
                subject_id=subject_id,
                audience=grounds.audience,
                recipient=f"{TITLES[grounds.audience]} {name}",
                fields=part,
                ground=ground,
                recipient_id=reader,
                token_id=caller.token_id,
            )
            for ground, part in _parts(grounds, fields)
        ]
    return entries


def _parts(grounds: Grounds, fields: int) -> list[tuple[Ground, int]]:
    """One ground, unless requests are sealed for different times: each field goes with what may be told first.

    Otherwise the entry of an open request would name a field that only a sealed one opens.
    """
    parts: list[tuple[Ground, int]] = []
    for instant in sorted({each.visible_at for each in grounds.each}, key=lambda at: (at is not None, at)):
        alike = Grounds(grounds.audience, tuple(each for each in grounds.each if each.visible_at == instant))
        part = fields & alike.extent
        if part or not parts:
            parts.append((alike.for_fields(part), part))
        fields &= ~part
    return parts

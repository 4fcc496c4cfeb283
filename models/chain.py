"""Tamper evidence: each consent record's hash covers the record and the hash before it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.keys import KeyRing
from models.tables import CHAIN_HEADS, CONSENT_RECORDS

CONSENT: Final = "consent"
GENESIS: Final = "0" * 64
HASHED: Final = ("sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source")


def encoded(record: dict[str, Any], previous: str) -> bytes:
    """Fixed order, explicit lengths, instants in UTC microseconds: two records never share an encoding."""
    parts = [previous, *(_text(record[name]) for name in HASHED)]
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(int(value)) if isinstance(value, bool) else str(value)


async def append(connection: AsyncConnection, keys: KeyRing, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Writes records at the end of the chain, in order, and returns them with id, sequence and hash.

    The head row is locked for the rest of the transaction, so that concurrent writers queue.
    """
    pending = list(records)
    if not pending:
        return []
    sequence, previous = await _head(connection)
    for record in pending:
        sequence += 1
        record.update(sequence=sequence, id=record.get("id") or new_id())
        previous = record["hash"] = keys.tag(CONSENT, encoded(record, previous))
    await connection.execute(insert(CONSENT_RECORDS), pending)
    await connection.execute(
        update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == CONSENT).values(sequence=sequence, hash=previous)
    )
    return pending


async def _head(connection: AsyncConnection) -> tuple[int, str]:
    statement = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == CONSENT)
    row = (await connection.execute(statement.with_for_update())).one()
    return row.sequence, row.hash


def receipt(sequence: int, digest: str) -> str:
    """What a subject can keep to prove later that the record was there."""
    return f"{sequence}:{digest}"


def first_break(keys: KeyRing, records: Sequence[dict[str, Any]], previous: str = GENESIS) -> int | None:
    """The sequence number of the first record that does not follow from the one before, or None."""
    for expected, record in enumerate(records, start=1):
        known = {keys.tag(CONSENT, encoded(record, previous), place) for place in range(len(keys))}
        if record["sequence"] != expected or record["hash"] not in known:
            return expected
        previous = record["hash"]
    return None

"""Tamper evidence: each record's hash covers the record and the hash before it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.keys import KeyRing
from models.tables import CHAIN_HEADS, CONSENT_RECORDS, DISCLOSURES

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Log:
    """An append-only table whose rows are linked, in this order of columns."""

    name: str
    table: Table
    hashed: tuple[str, ...]

    def encoded(self, record: Any, previous: str) -> bytes:
        """Fixed order, explicit lengths, instants in UTC microseconds: two records never share an encoding."""
        parts = [previous, *(_text(record[name]) for name in self.hashed)]
        return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)

    def rows(self) -> Any:
        """Every record of this chain in order."""
        rows = select(self.table).order_by(self.table.c.sequence)
        return rows.where(self.table.c.chain == self.name) if "chain" in self.table.c else rows


CONSENT: Final = Log(
    "consent",
    CONSENT_RECORDS,
    ("sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source"),
)
DISCLOSED: Final = (
    "chain",
    "sequence",
    "id",
    "subject_id",
    "at",
    "audience",
    "recipient",
    "recipient_id",
    "token_id",
    "fields",
    "ground",
    "commitment",
    "visible_at",
    "ordinal",
)
DISCLOSURE: Final = Log("disclosure", DISCLOSURES, DISCLOSED)
SEALED: Final = Log("sealed", DISCLOSURES, DISCLOSED)
"""Entries of which a law forbids notice for a time: in a chain of their own, so that no receipt tells of them."""

LOGS: Final = (CONSENT, DISCLOSURE, SEALED)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if value is None:
        return "-"
    return str(int(value)) if isinstance(value, bool) else f"={value}" if isinstance(value, str) else str(value)


async def append(
    connection: AsyncConnection, keys: KeyRing, log: Log, records: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Writes records at the end of a chain, in order, and returns them with id, sequence and hash.

    The head row is locked for the rest of the transaction, so that concurrent writers queue.
    """
    pending = list(records)
    if not pending:
        return []
    sequence, previous = await _head(connection, log)
    for record in pending:
        sequence += 1
        record.update(sequence=sequence, id=record.get("id") or new_id())
        if "chain" in log.hashed:
            record["chain"] = log.name
        previous = record["hash"] = keys.tag(log.name, log.encoded(record, previous))
    await connection.execute(insert(log.table), pending)
    ended = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == log.name)
    await connection.execute(ended.values(sequence=sequence, hash=previous))
    return pending


async def wait_for_turn(connection: AsyncConnection, log: Log) -> None:
    """Holds the chain's end for the rest of the transaction, before anything is looked up that must still hold then."""
    await _head(connection, log)


async def _head(connection: AsyncConnection, log: Log) -> tuple[int, str]:
    statement = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
    row = (await connection.execute(statement.with_for_update())).one()
    return row.sequence, row.hash


def receipt(sequence: int, digest: str) -> str:
    """What a subject can keep to prove later that the record was there."""
    return f"{sequence}:{digest}"


@dataclass(slots=True)
class Verifier:
    """Follows a chain record by record, in constant memory."""

    keys: KeyRing
    log: Log
    sequence: int = 0
    hash: str = GENESIS

    def follows(self, record: Any) -> bool:
        """Whether this record is the one that comes next; if so, it has been followed."""
        encoded = self.log.encoded(record, self.hash)
        known = any(self.keys.tag(self.log.name, encoded, place) == record["hash"] for place in range(len(self.keys)))
        if record["sequence"] != self.sequence + 1 or not known:
            return False
        self.sequence, self.hash = record["sequence"], record["hash"]
        return True


def first_break(keys: KeyRing, log: Log, records: Iterable[Any]) -> int | None:
    """The place of the first record that does not follow from the one before, counted from one, or None."""
    verifier = Verifier(keys, log)
    for place, record in enumerate(records, start=1):
        if not verifier.follows(record):
            return place
    return None

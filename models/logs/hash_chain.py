"""Tamper evidence: each record's hash covers the record and the hash before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import FromClause, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import bulk_insert
from models.columns import new_id, rfc3339
from models.key_ring import KeyRing
from models.logs.ledger import LEDGER
from models.tables import CHAIN_HEADS, CONSENT_RECORDS, DISCLOSURES

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Log:
    """An append-only table whose rows are linked, and how a record is read: its own columns between shared ones."""

    name: str
    table: Table
    records: FromClause
    own: tuple[str, ...]
    shared: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns that a hash covers, in this order."""
        return (*self.shared, *self.own, *self.ending)

    def encoded(self, record: Any, previous: str) -> bytes:
        """Fixed order, explicit lengths, instants in UTC microseconds: two records never share an encoding."""
        own = length_prefixed([record[name] for name in self.own])
        return self.encoded_start(record) + _length_prefixed(previous.encode()) + own + self.encoded_end(record)

    def encoded_start(self, record: Any) -> bytes:
        """The part of an encoding before the hash of the predecessor."""
        return length_prefixed([record[name] for name in self.shared])

    def encoded_end(self, record: Any) -> bytes:
        """The part after a record's own columns."""
        return length_prefixed([record[name] for name in self.ending])

    def rows(self) -> Any:
        """Every record of this chain in order."""
        columns = self.records.c
        rows = select(self.records).order_by(columns.sequence)
        return rows.where(columns.chain == self.name) if "chain" in columns else rows


CONSENT: Final = Log(
    "consent",
    CONSENT_RECORDS,
    CONSENT_RECORDS,
    ("sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source"),
)
ENTRY_COLUMNS: Final = ("sequence", "id", "subject_id", "fields")
READING_COLUMNS: Final = ("chain", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "visible_at")
READING_END_COLUMNS: Final = ("commitment", "ordinal")
DISCLOSURE: Final = Log("disclosure", DISCLOSURES, LEDGER, ENTRY_COLUMNS, READING_COLUMNS, READING_END_COLUMNS)
SEALED: Final = Log("sealed", DISCLOSURES, LEDGER, ENTRY_COLUMNS, READING_COLUMNS, READING_END_COLUMNS)
"""Entries of which a law forbids notice for a time: in a chain of their own, so that no receipt tells of them."""

LOGS: Final = (CONSENT, DISCLOSURE, SEALED)


LENGTHS: Final = tuple(length.to_bytes(4, "big") for length in range(256))


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return b"=" + value.encode()
    if value is None:
        return b"-"
    if isinstance(value, datetime):
        return rfc3339(value).encode()
    return b"%d" % value if isinstance(value, int) else str(value).encode()


def _length_prefixed(part: bytes) -> bytes:
    length = len(part)
    return (LENGTHS[length] if length < 256 else length.to_bytes(4, "big")) + part


def length_prefixed(values: Iterable[object]) -> bytes:
    """Values one after another, each after its length."""
    return b"".join([_length_prefixed(_bytes(value)) for value in values])


@dataclass(slots=True)
class ChainEnd:
    """Where a chain ends; its row stays locked for the rest of the transaction, so that concurrent writers queue."""

    log: Log
    sequence: int
    hash: str

    @classmethod
    async def lock(cls, connection: AsyncConnection, log: Log) -> "ChainEnd":
        """Waits for whoever writes."""
        statement = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
        row = (await connection.execute(statement.with_for_update())).one()
        return cls(log, row.sequence, row.hash)

    def link(self, keys: KeyRing, shared: Mapping[str, Any], rows: Iterable[Iterable[object]]) -> list[str]:
        """Goes on to records of these columns of their own, the sequence left out; returns their hashes."""
        tag, ending = keys.tagger(self.log.name, self.log.encoded_start(shared)), self.log.encoded_end(shared)
        hashes = []
        for row in rows:
            self.sequence += 1
            self.hash = tag(_length_prefixed(self.hash.encode()) + length_prefixed((self.sequence, *row)) + ending)
            hashes.append(self.hash)
        return hashes

    async def move(self, connection: AsyncConnection) -> None:
        """Writes down where the chain ends now."""
        head = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == self.log.name)
        await connection.execute(head.values(sequence=self.sequence, hash=self.hash))


async def append(
    connection: AsyncConnection, keys: KeyRing, log: Log, records: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Writes records that share nothing at the end of a chain, in order, with id, sequence and hash."""
    pending = list(records)
    if not pending:
        return []
    for record in pending:
        record["id"] = record.get("id") or new_id()
    end = await ChainEnd.lock(connection, log)
    first = end.sequence + 1
    hashes = end.link(keys, {}, ([record[name] for name in log.own[1:]] for record in pending))
    for sequence, (record, digest) in enumerate(zip(pending, hashes, strict=True), start=first):
        record.update(sequence=sequence, hash=digest)
    await bulk_insert.insert_rows(connection, log.table, bulk_insert.by_column(log.table, pending))
    await end.move(connection)
    return pending


async def lock_end(connection: AsyncConnection, log: Log) -> None:
    """Holds the chain's end for the rest of the transaction, before anything is looked up that must still hold then."""
    await ChainEnd.lock(connection, log)


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
    skipped: int = 0

    def accept(self, record: Any) -> bool:
        """Whether this record is the one that comes next; if so, it has been followed."""
        encoded = self.log.encoded(record, self.hash)
        known = self.keys.verify_tag(self.log.name, encoded, record["hash"])
        if record["sequence"] != self.sequence + 1 or not known:
            return False
        self.sequence, self.hash = record["sequence"], record["hash"]
        return True

    def skip(self, last: int, digest: str) -> None:
        """Goes on behind links that went with retention."""
        self.skipped += last - self.sequence
        self.sequence, self.hash = last, digest


def first_break(keys: KeyRing, log: Log, records: Iterable[Any]) -> int | None:
    """The place of the first record that does not follow from the one before, counted from one, or None."""
    verifier = Verifier(keys, log)
    for place, record in enumerate(records, start=1):
        if not verifier.accept(record):
            return place
    return None

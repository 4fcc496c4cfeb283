"""Hash chains: each record's keyed hash covers the record and the hash before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, Final

from sqlalchemy import FromClause, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import inserts
from models.columns import new_id, rfc3339
from models.connections.after_commit import after_commit
from models.key_ring import KeyRing
from models.logs.ledger import LEDGER
from models.tables import CHAIN_HEADS, CONSENT_RECORDS, DISCLOSURES
from models.telemetry.catalogue import counters, histograms
from models.telemetry.spans import Attribute, SpanName, span

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Log:
    """An append-only table whose rows form a hash chain, and the columns that the hash covers.

    `own` are a record's own columns. `shared` and `ending` come from the reading that several records share.
    """

    name: str
    table: Table
    records: FromClause
    own: tuple[str, ...]
    shared: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns that a hash covers, in order."""
        return (*self.shared, *self.own, *self.ending)

    def encoded(self, record: Any, previous: str) -> bytes:
        """Returns the bytes to hash: columns in fixed order with explicit lengths, so no two records are equal."""
        own = length_prefixed([record[name] for name in self.own])
        return self.encoded_start(record) + _length_prefixed(previous.encode()) + own + self.encoded_end(record)

    def encoded_start(self, record: Any) -> bytes:
        """Returns the bytes before the previous hash."""
        return length_prefixed([record[name] for name in self.shared])

    def encoded_end(self, record: Any) -> bytes:
        """Returns the bytes after the record's own columns."""
        return length_prefixed([record[name] for name in self.ending])

    def rows(self) -> Any:
        """Selects every record of this chain in order."""
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
"""Entries that a law keeps secret for a time. They have a separate chain, so no receipt reveals them."""

LOGS: Final = (CONSENT, DISCLOSURE, SEALED)
NAMES: Final = tuple(log.name for log in LOGS)

ENTRIES_WRITTEN: Final = counters(
    "consentql_log_entries", "Entries written to the consent history and to the ledger.", log=NAMES
)
WAIT: Final = histograms("consentql_log_wait_seconds", "Time that a writer waited for the end of a log.", log=NAMES)
ENTRIES_WRITTEN.all()

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
    """Returns the values as bytes, each preceded by its length."""
    return b"".join([_length_prefixed(_bytes(value)) for value in values])


@dataclass(slots=True)
class ChainEnd:
    """The end of a chain. Its row stays locked until the transaction ends, so writers wait for each other."""

    log: Log
    sequence: int
    hash: str
    _saved: int = field(init=False)

    def __post_init__(self) -> None:
        self._saved = self.sequence

    @classmethod
    async def lock(cls, connection: AsyncConnection, log: Log) -> "ChainEnd":
        """Locks the end of the chain, after any other writer."""
        statement = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
        began = perf_counter()
        row = (await connection.execute(statement.with_for_update())).one()
        WAIT.of(log.name).observe(perf_counter() - began)
        return cls(log, row.sequence, row.hash)

    def link(self, keys: KeyRing, shared: Mapping[str, Any], rows: Iterable[Iterable[object]]) -> list[str]:
        """Extends the chain by rows of own columns without `sequence`. Returns their hashes."""
        tag, ending = keys.tagger(self.log.name, self.log.encoded_start(shared)), self.log.encoded_end(shared)
        hashes = []
        for row in rows:
            self.sequence += 1
            self.hash = tag(_length_prefixed(self.hash.encode()) + length_prefixed((self.sequence, *row)) + ending)
            hashes.append(self.hash)
        return hashes

    async def save(self, connection: AsyncConnection) -> None:
        """Stores the new end of the chain."""
        head = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == self.log.name)
        await connection.execute(head.values(sequence=self.sequence, hash=self.hash))
        after_commit(partial(ENTRIES_WRITTEN.of(self.log.name).inc, self.sequence - self._saved))
        self._saved = self.sequence


async def append(
    connection: AsyncConnection, keys: KeyRing, log: Log, records: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Appends records without shared columns to a chain, and returns them with id, sequence and hash."""
    pending = list(records)
    if not pending:
        return []
    with span(SpanName.LEDGER, {Attribute.LOG: log.name}):
        for record in pending:
            record["id"] = record.get("id") or new_id()
        end = await ChainEnd.lock(connection, log)
        first = end.sequence + 1
        hashes = end.link(keys, {}, ([record[name] for name in log.own[1:]] for record in pending))
        for sequence, (record, digest) in enumerate(zip(pending, hashes, strict=True), start=first):
            record.update(sequence=sequence, hash=digest)
        await inserts.insert_rows(connection, log.table, inserts.by_column(log.table, pending))
        await end.save(connection)
    return pending


async def lock_end(connection: AsyncConnection, log: Log) -> None:
    """Locks the end of the chain until the transaction ends. Call it before reads that the append depends on."""
    await ChainEnd.lock(connection, log)


def receipt(sequence: int, digest: str) -> str:
    """Returns a receipt, with which a subject can later prove that the record existed."""
    return f"{sequence}:{digest}"


@dataclass(slots=True)
class Verifier:
    """Verifies a chain record by record, in constant memory."""

    keys: KeyRing
    log: Log
    sequence: int = 0
    hash: str = GENESIS
    skipped: int = 0

    def accept(self, record: Any) -> bool:
        """Returns whether the record is the next link. If so, moves on to it."""
        encoded = self.log.encoded(record, self.hash)
        authentic = self.keys.verify_tag(self.log.name, encoded, record["hash"])
        if record["sequence"] != self.sequence + 1 or not authentic:
            return False
        self.sequence, self.hash = record["sequence"], record["hash"]
        return True

    def skip(self, last: int, digest: str) -> None:
        """Continues after links that retention deleted."""
        self.skipped += last - self.sequence
        self.sequence, self.hash = last, digest


def first_break(keys: KeyRing, log: Log, records: Iterable[Any]) -> int | None:
    """Returns the position of the first record that breaks the chain, from 1, or None."""
    verifier = Verifier(keys, log)
    for place, record in enumerate(records, start=1):
        if not verifier.accept(record):
            return place
    return None

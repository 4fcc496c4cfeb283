"""Tamper evidence: each record's hash covers the record and the hash before it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Table, insert, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.keys import KeyRing
from models.tables import CHAIN_HEADS, CONSENT_RECORDS, DISCLOSURES

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Log:
    """An append-only table whose rows are linked: the columns that one answer's rows share, and each row's own."""

    name: str
    table: Table
    shared: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns that a hash covers, in this order."""
        return (*self.shared, *self.own)

    def encoded(self, record: Any, previous: str) -> bytes:
        """Fixed order, explicit lengths, instants in UTC microseconds: two records never share an encoding."""
        return self.linked(framed(record, self.shared), previous, record)

    def linked(self, shared: bytes, previous: str, record: Any) -> bytes:
        """The same from what the rows of one answer share, already encoded."""
        return shared + _frame(previous) + framed(record, self.own)

    def rows(self) -> Any:
        """Every record of this chain in order."""
        rows = select(self.table).order_by(self.table.c.sequence)
        return rows.where(self.table.c.chain == self.name) if "chain" in self.table.c else rows


CONSENT: Final = Log(
    "consent",
    CONSENT_RECORDS,
    (),
    ("sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source"),
)
OF_AN_ANSWER: Final = ("chain", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "visible_at")
OF_A_SUBJECT: Final = ("sequence", "id", "subject_id", "fields", "commitment", "ordinal")
DISCLOSURE: Final = Log("disclosure", DISCLOSURES, OF_AN_ANSWER, OF_A_SUBJECT)
SEALED: Final = Log("sealed", DISCLOSURES, OF_AN_ANSWER, OF_A_SUBJECT)
"""Entries of which a law forbids notice for a time: in a chain of their own, so that no receipt tells of them."""

LOGS: Final = (CONSENT, DISCLOSURE, SEALED)


def _text(value: object) -> str:
    if isinstance(value, str):
        return f"={value}"
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(int(value)) if isinstance(value, bool) else str(value)


def _frame(text: str) -> bytes:
    part = text.encode()
    return len(part).to_bytes(4, "big") + part


def framed(record: Any, names: tuple[str, ...]) -> bytes:
    """These columns of a record, each after its length."""
    return b"".join([_frame(_text(record[name])) for name in names])


class Linking:
    """Hashes records one after another; what they share is encoded anew only when it changes."""

    def __init__(self, keys: KeyRing, log: Log) -> None:
        self.keys = keys
        self.log = log
        self._shared: list[Any] | None = None
        self._encoded = b""

    def hash(self, record: dict[str, Any], previous: str) -> str:
        """Over the record and the hash before it."""
        shared = [record[name] for name in self.log.shared]
        if shared != self._shared:
            self._shared, self._encoded = shared, framed(record, self.log.shared)
        return self.keys.tag(self.log.name, self.log.linked(self._encoded, previous, record))


class Binding:
    """Rows by place, as the driver takes them: bound by name, a thousand cost 4 ms more."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        names = [column.name for column in table.columns]
        self.statement = str(insert(table).compile(dialect=dialect, column_keys=names))
        self._values: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*names)
        kinds = (column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns)
        self._bound = [(place, lru_cache(1)(bind)) for place, bind in enumerate(kinds) if bind]

    def row(self, record: dict[str, Any]) -> tuple[Any, ...]:
        """One record."""
        values = list(self._values(record))
        for place, bind in self._bound:
            values[place] = bind(values[place])
        return tuple(values)


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
    linking, binding = Linking(keys, log), Binding(log.table, connection.dialect)
    for record in pending:
        sequence += 1
        record.update(sequence=sequence, id=record.get("id") or new_id())
        if "chain" in log.shared:
            record["chain"] = log.name
        previous = record["hash"] = linking.hash(record, previous)
    await connection.exec_driver_sql(binding.statement, [binding.row(record) for record in pending])
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

"""Verifies the hash chain of each log, and reports the first entry that was changed and accounts that contradict it."""

import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from sqlalchemy import Boolean, func, select, type_coerce
from sqlalchemy.engine import Dialect
from sqlalchemy.types import NullType

from app.commands.audit.account_state import differences
from app.commands.audit.orphaned_entries import missing_reading_fault, unknown_chain_fault
from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from app.operations.last_success import record_success
from models.columns import UtcDateTime
from models.database import Database
from models.logs import chain_gaps, hash_chain
from models.records.last_success import Task
from models.tables import CHAIN_HEADS, CREDENTIALS
from resolvers.context import Services
from resolvers.ledger.write_disclosures import commitment

PAGE: Final = 1000
CONFLICT: Final = ""
"""Marks an entry with two contradicting checkpoints. No entry has this hash."""

STORED: Final = "stored "
"""Prefix for the stored form of a column. In SQLite the same time can be stored as different texts."""

UNREADABLE: Final = (ValueError, TypeError, OverflowError)
"""What a driver raises if a stored value does not fit the type of its column."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a chain at some time, as the server logged it."""

    log: str
    sequence: int
    hash: str


def verify_log(checkpoint: Path | None, *, as_json: bool) -> int:
    """Returns the exit status: 1 if an entry was changed, deleted, inserted, reordered or cut off.

    It is 1, too, if an account contradicts its records.
    """
    known = _checkpoints(checkpoint) if checkpoint else frozenset()

    taken: Counter[str] = Counter()

    async def act(services: Services) -> list[str]:
        found = await faults(services, known, taken)
        if not found:
            await record_success(services, Task.VERIFY_LOG)
        return found

    found = run(act)
    if as_json:
        print_json({"faults": found})
    for fault in found:
        typer.echo(fault, err=True)
    if not found:
        typer.echo("The consent history and the disclosure ledger are intact, and the accounts agree.", err=True)
    for name, many in taken.items():
        typer.echo(f"{name}: retention removed {many} entries at the end of their retention period.", err=True)
    return 1 if found else 0


async def faults(services: Services, known: Iterable[Checkpoint] = (), taken: Counter[str] | None = None) -> list[str]:
    """The faults of the logs, or else of the accounts that contradict them. `taken` counts what retention removed."""
    found = await log_faults(services, known, taken)
    return found or (await differences(services.database, services.keys, services.now())).lines()


async def log_faults(
    services: Services, known: Iterable[Checkpoint] = (), taken: Counter[str] | None = None
) -> list[str]:
    """The first fault of each chain, or else an incomplete reading. `taken` counts what retention removed."""
    taken = Counter() if taken is None else taken
    found = [await _chain_fault(services, log, known, taken) for log in hash_chain.LOGS]
    found.append(await unknown_chain_fault(services.database))
    return [fault for fault in found if fault] or [
        fault for fault in [await missing_reading_fault(services.database)] if fault
    ]


def _checkpoints(path: Path) -> frozenset[Checkpoint]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        found = frozenset(point for line in lines if (point := _checkpoint(line)))
    if not found:
        raise CommandError("The file contains no checkpoint.")
    return found


def _checkpoint(line: str) -> Checkpoint | None:
    try:
        entry = json.loads(line)
        return Checkpoint(str(entry["chain"]), int(entry["sequence"]), str(entry["hash"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _expected(log: hash_chain.Log, known: Iterable[Checkpoint]) -> dict[int, str]:
    hashes = {0: hash_chain.GENESIS}
    for point in known:
        if point.log == log.name:
            agreed = hashes.get(point.sequence, point.hash) == point.hash
            hashes[point.sequence] = point.hash if agreed else CONFLICT
    return hashes


async def _chain_fault(
    services: Services, log: hash_chain.Log, known: Iterable[Checkpoint], taken: Counter[str]
) -> str | None:
    """Returns the first fault. The head is read before and after, because others append."""
    database, verifier = services.database, hash_chain.Verifier(services.keys, log)
    before = await _head(database, log)
    if before is None:
        return f"{log.name}: the head of the chain is missing"
    expected = _expected(log, itertools.chain(known, [before]))
    if expected[0] != hash_chain.GENESIS:
        return f"{log.name}: the head of the chain was changed"
    if fault := await _entries_fault(database, verifier, expected):
        return f"{log.name}: {fault}"
    taken.update({log.name: verifier.skipped} if verifier.skipped else {})
    head = await _head(database, log)
    if head is None or head.sequence < verifier.sequence:
        return f"{log.name}: entry {head.sequence + 1 if head else 1} is beyond the head of the chain"
    return None


async def _entries_fault(database: Database, verifier: hash_chain.Verifier, expected: dict[int, str]) -> str | None:
    log = verifier.log
    with progress(f"verify-log {log.name}", await _length(database, log)) as advance:
        async for page in _pages(database, log):
            live = await _live_subjects(database, page)
            for row in page:
                if row is not None and row["sequence"] > verifier.sequence + 1:
                    await _skip_removed(database, verifier)
                if fault := _hash_fault(verifier, expected) or _entry_fault(verifier, row, expected, live):
                    return fault
            advance(verifier.sequence - verifier.skipped)
    if verifier.sequence < max(expected):
        await _skip_removed(database, verifier)
    if verifier.sequence < max(expected):
        return f"entry {verifier.sequence + 1} is missing, and with it the end of the chain"
    return _hash_fault(verifier, expected)


async def _skip_removed(database: Database, verifier: hash_chain.Verifier) -> None:
    """Skips entries that retention removed. It is called when one is missing, as retention may run at the same time."""
    async with database.reading() as connection:
        gap = await chain_gaps.gap_containing(connection, verifier.keys, verifier.log, verifier.sequence + 1)
    if gap:
        verifier.skip(gap.last, gap.hash)


def _entry_fault(verifier: hash_chain.Verifier, row: Any, expected: dict[int, str], live: Set[str]) -> str | None:
    if row is None or not verifier.accept(row):
        return f"entry {verifier.sequence + 1} was changed"
    if not _reason_matches(row, live):
        return f"entry {verifier.sequence} has a changed reason"
    return _hash_fault(verifier, expected)


def _hash_fault(verifier: hash_chain.Verifier, expected: dict[int, str]) -> str | None:
    if expected.get(verifier.sequence, verifier.hash) == verifier.hash:
        return None
    return f"entry {verifier.sequence} does not match a checkpoint or the head of the chain"


def _reason_matches(row: Any, live: Set[str]) -> bool:
    """Whether the reason matches its commitment, or was erased with its salt and its subject."""
    if "commitment" not in row:
        return True
    if row["salt"] is None and row["reason"] is None:
        return row["subject_id"] not in live
    if row["salt"] is None or row["reason"] is None:
        return False
    return bool(commitment(row["salt"], row["reason"]) == row["commitment"])


async def _live_subjects(database: Database, page: Sequence[Any]) -> Set[str]:
    """Which subjects of erased reasons still have an account. It is queried after the page was read."""
    erased = {row["subject_id"] for row in page if row and "reason" in row and row["reason"] is None}
    if not erased:
        return erased
    async with database.reading() as connection:
        whose = select(CREDENTIALS.c.subject_id).where(CREDENTIALS.c.subject_id.in_(erased))
        return set((await connection.execute(whose)).scalars())


def _rows(log: hash_chain.Log) -> Any:
    """The entries of a chain, with the stored form of each value that can be stored in several forms."""
    forms = (column for column in log.records.c if isinstance(column.type, (UtcDateTime, Boolean)))
    return log.rows().add_columns(*(type_coerce(each, NullType()).label(STORED + each.name) for each in forms))


def _is_canonical(log: hash_chain.Log, row: Any, dialect: Dialect) -> bool:
    """Whether each stored form is the one that this program writes."""
    for column in log.records.c:
        if STORED + column.name in row:
            bind = column.type.dialect_impl(dialect).bind_processor(dialect)
            written = bind(row[column.name]) if bind else row[column.name]
            if row[STORED + column.name] != written:
                return False
    return True


async def _pages(database: Database, log: hash_chain.Log) -> AsyncIterator[Sequence[Any]]:
    """The entries of a chain in order. An entry that cannot be read, or has another stored form, is None."""
    size, rest = PAGE, _rows(log)
    while True:
        try:
            async with database.reading() as connection:
                page = (await connection.execute(rest.limit(size))).mappings().all()
                written = [row if _is_canonical(log, row, connection.dialect) else None for row in page]
        except UNREADABLE:
            if size == 1:
                yield [None]
                return
            size = 1
            continue
        if not page:
            return
        yield written
        rest = _rows(log).where(log.records.c.sequence > page[-1]["sequence"])


async def _length(database: Database, log: hash_chain.Log) -> int:
    async with database.reading() as connection:
        counted = select(func.count()).select_from(log.rows().order_by(None).subquery())
        return int((await connection.execute(counted)).scalar_one())


async def _head(database: Database, log: hash_chain.Log) -> Checkpoint | None:
    async with database.reading() as connection:
        one = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
        row = (await connection.execute(one)).one_or_none()
    return Checkpoint(log.name, row.sequence, row.hash) if row else None

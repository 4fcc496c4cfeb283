"""Follows each log from its first entry, and says which is the first that was touched."""

import itertools
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from sqlalchemy import func, select

from app.commands.fault import Fault
from app.commands.progress import progress
from app.commands.session import run
from models import chain
from models.database import Database
from models.tables import CHAIN_HEADS, DISCLOSURES
from resolvers.context import Services
from resolvers.ledger import commitment

PAGE: Final = 1000
CONTRADICTED: Final = ""
"""Stands for two checkpoints of one entry that disagree; no entry has this hash."""

UNREADABLE: Final = (ValueError, TypeError, OverflowError)
"""What a driver raises where a stored value is none of its column's."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a chain was at some time, as it was written down elsewhere."""

    log: str
    sequence: int
    hash: str


def verify_log(checkpoint: Path | None) -> int:
    """The exit status: 1 if anything was changed, deleted, inserted, reordered or cut off."""
    known = _checkpoints(checkpoint) if checkpoint else frozenset()

    async def act(services: Services) -> list[str]:
        return await faults(services, known)

    found = run(act)
    for fault in found:
        typer.echo(fault, err=True)
    if not found:
        typer.echo("The consent history and the disclosure ledger are whole.", err=True)
    return 1 if found else 0


async def faults(services: Services, known: Iterable[Checkpoint] = ()) -> list[str]:
    """The first fault of each chain."""
    found = [await _verified(services, log, known) for log in chain.LOGS]
    return [fault for fault in (*found, await _stray(services.database)) if fault]


def _checkpoints(path: Path) -> frozenset[Checkpoint]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        found = frozenset(point for line in lines if (point := _checkpoint(line)))
    if not found:
        raise Fault("There is no checkpoint in that file.")
    return found


def _checkpoint(line: str) -> Checkpoint | None:
    try:
        entry = json.loads(line)
        return Checkpoint(str(entry["chain"]), int(entry["sequence"]), str(entry["hash"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _expected(log: chain.Log, known: Iterable[Checkpoint]) -> dict[int, str]:
    hashes = {0: chain.GENESIS}
    for point in known:
        if point.log == log.name:
            agreed = hashes.get(point.sequence, point.hash) == point.hash
            hashes[point.sequence] = point.hash if agreed else CONTRADICTED
    return hashes


async def _verified(services: Services, log: chain.Log, known: Iterable[Checkpoint]) -> str | None:
    """The head is read before the entries and after them: what others append meanwhile is no fault."""
    database, verifier = services.database, chain.Verifier(services.keys, log)
    expected = _expected(log, itertools.chain(known, [await _head(database, log)]))
    if expected[0] != chain.GENESIS:
        return f"{log.name}: the head of the chain was changed"
    with progress(f"verify-log {log.name}", await _length(database, log)) as advance:
        async for page in _pages(database, log):
            for row in page:
                if fault := _fault(verifier, row, expected):
                    return f"{log.name}: {fault}"
            advance(verifier.sequence)
    if verifier.sequence < max(expected):
        return f"{log.name}: entry {verifier.sequence + 1} is missing, and with it the end of the chain"
    head = await _head(database, log)
    if head.sequence < verifier.sequence:
        return f"{log.name}: entry {head.sequence + 1} is beyond the head of the chain"
    return None


def _fault(verifier: chain.Verifier, row: Any, expected: dict[int, str]) -> str | None:
    if row is None or not verifier.follows(row):
        return f"entry {verifier.sequence + 1} is not the one that was written"
    if not _reason_holds(row):
        return f"entry {verifier.sequence} has another reason than the one that was written"
    if expected.get(verifier.sequence, verifier.hash) != verifier.hash:
        return f"entry {verifier.sequence} is not the one that a checkpoint, or the head of the chain, names"
    return None


def _reason_holds(row: Any) -> bool:
    """Whether the reason is the one that was committed to; one that was erased with its salt is no fault."""
    if "commitment" not in row or (row["salt"] is None and row["reason"] is None):
        return True
    return row["salt"] is not None and commitment(row["salt"], row["reason"] or "") == row["commitment"]


async def _pages(database: Database, log: chain.Log) -> AsyncIterator[Sequence[Any]]:
    """A chain's entries in order; a page that cannot be read comes entry by entry, and the one at fault as None."""
    size, rest = PAGE, log.rows()
    while True:
        try:
            async with database.reading() as connection:
                page = (await connection.execute(rest.limit(size))).mappings().all()
        except UNREADABLE:
            if size == 1:
                yield [None]
                return
            size = 1
            continue
        if not page:
            return
        yield page
        rest = log.rows().where(log.table.c.sequence > page[-1]["sequence"])


async def _length(database: Database, log: chain.Log) -> int:
    async with database.reading() as connection:
        counted = select(func.count()).select_from(log.rows().order_by(None).subquery())
        return int((await connection.execute(counted)).scalar_one())


async def _head(database: Database, log: chain.Log) -> Checkpoint:
    async with database.reading() as connection:
        one = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
        row = (await connection.execute(one)).one_or_none()
    return Checkpoint(log.name, row.sequence, row.hash) if row else Checkpoint(log.name, 0, chain.GENESIS)


async def _stray(database: Database) -> str | None:
    """An entry under a chain's name that nobody writes would be shown to its subject and followed by nothing."""
    known = [log.name for log in chain.LOGS]
    others = select(DISCLOSURES.c.sequence).where(DISCLOSURES.c.chain.not_in(known)).order_by(DISCLOSURES.c.sequence)
    async with database.reading() as connection:
        sequence = (await connection.execute(others.limit(1))).scalar_one_or_none()
    return None if sequence is None else f"disclosure: entry {sequence} is of a chain that nobody writes"

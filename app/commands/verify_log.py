"""Follows both logs from their first entry, and says which is the first that was touched."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import func, select

from app.commands.fault import Fault
from app.commands.progress import progress
from app.commands.session import run
from models import chain
from models.database import Database
from models.tables import CHAIN_HEADS
from resolvers.context import Services
from resolvers.ledger import commitment

WATCHED_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a chain was at some time, as it was written down elsewhere."""

    log: str
    sequence: int
    hash: str


def verify_log(checkpoint: Path | None) -> int:
    """The exit status: 1 if anything was changed, deleted, inserted, reordered or cut off."""
    known = _checkpoints(checkpoint) if checkpoint else []

    async def act(services: Services) -> list[str]:
        return [fault for log in chain.LOGS if (fault := await _verified(services, log, known))]

    faults = run(act)
    for fault in faults:
        typer.echo(fault, err=True)
    if not faults:
        typer.echo("The consent history and the disclosure ledger are whole.", err=True)
    return 1 if faults else 0


def _checkpoints(path: Path) -> list[Checkpoint]:
    found = []
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
            found.append(Checkpoint(entry["chain"], int(entry["sequence"]), str(entry["hash"])))
        except (ValueError, KeyError, TypeError):
            continue
    if not found:
        raise Fault("There is no checkpoint in that file.")
    return found


async def _verified(services: Services, log: chain.Log, known: list[Checkpoint]) -> str | None:
    expected = {point.sequence: point.hash for point in known if point.log == log.name}
    verifier = chain.Verifier(services.keys, log)
    total = await _length(services.database, log)
    with progress(f"verify-log {log.name}", total) as advance:
        async with services.database.reading() as connection:
            rows = await connection.stream(log.rows().execution_options(yield_per=WATCHED_EVERY))
            async for row in rows.mappings():
                if not verifier.follows(row) or not _reason_holds(row):
                    return f"{log.name}: entry {verifier.sequence + 1} is not the one that was written"
                if expected.get(verifier.sequence, verifier.hash) != verifier.hash:
                    return f"{log.name}: entry {verifier.sequence} is not the one of the checkpoint"
                if verifier.sequence % WATCHED_EVERY == 0:
                    advance(verifier.sequence)
                    await asyncio.sleep(0)
    head = await _head(services.database, log)
    last = max([head[0], *expected])
    if verifier.sequence < last or (verifier.sequence, verifier.hash) != head:
        return f"{log.name}: entries after {verifier.sequence} are missing, or the end of the chain was changed"
    return None


def _reason_holds(row: Any) -> bool:
    """Whether the reason is the one that was committed to; one that was erased with its salt is no fault."""
    if "commitment" not in row or (row["salt"] is None and row["reason"] is None):
        return True
    return row["salt"] is not None and commitment(row["salt"], row["reason"] or "") == row["commitment"]


async def _length(database: Database, log: chain.Log) -> int:
    async with database.reading() as connection:
        counted = select(func.count()).select_from(log.rows().order_by(None).subquery())
        return int((await connection.execute(counted)).scalar_one())


async def _head(database: Database, log: chain.Log) -> tuple[int, str]:
    async with database.reading() as connection:
        one = select(CHAIN_HEADS.c.sequence, CHAIN_HEADS.c.hash).where(CHAIN_HEADS.c.name == log.name)
        row = (await connection.execute(one)).one_or_none()
    return (row.sequence, row.hash) if row else (0, chain.GENESIS)

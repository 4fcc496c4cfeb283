"""Records the gaps that retention leaves in a hash chain, so that the rest can still be verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from models.logs.hash_chain import Log, length_prefixed
from models.tables import CHAIN_GAPS

USE = "chain gap"


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of deleted links, with the hash of the last one."""

    first: int
    last: int
    hash: str


def _message(log: Log, gap: Gap) -> bytes:
    return length_prefixed((log.name, gap.first, gap.last, gap.hash))


async def gap_containing(connection: AsyncConnection, keys: KeyRing, log: Log, sequence: int) -> Gap | None:
    """Returns the gap that contains this link, if a tag made with our keys proves that retention left it."""
    columns = CHAIN_GAPS.c
    contains = (columns.chain == log.name) & (columns.first <= sequence) & (columns.last >= sequence)
    rows = (await connection.execute(select(CHAIN_GAPS).where(contains).order_by(columns.first))).all()
    return next((gap for row in rows if (gap := _verified_gap(keys, log, row))), None)


def _verified_gap(keys: KeyRing, log: Log, row: Any) -> Gap | None:
    gap = Gap(row.first, row.last, row.hash)
    return gap if keys.verify_tag(USE, _message(log, gap), row.tag) else None


def contiguous_gaps(links: Sequence[tuple[int, str]]) -> list[Gap]:
    """Returns the links, given as sequence and hash, as runs of consecutive links."""
    gaps: list[Gap] = []
    for sequence, digest in sorted(links):
        if gaps and gaps[-1].last + 1 == sequence:
            gaps[-1] = Gap(gaps[-1].first, sequence, digest)
        else:
            gaps.append(Gap(sequence, sequence, digest))
    return gaps


async def record_gaps(connection: AsyncConnection, keys: KeyRing, log: Log, links: Sequence[tuple[int, str]]) -> None:
    """Stores the gaps that deleting these links leaves. Adjacent gaps are merged.

    Call it before the deletion, with the chain's head locked, so that no two callers change one gap.
    """
    for gap in contiguous_gaps(links):
        columns = CHAIN_GAPS.c
        touches = (columns.chain == log.name) & ((columns.last == gap.first - 1) | (columns.first == gap.last + 1))
        adjacent = [
            verified
            for row in (await connection.execute(select(CHAIN_GAPS).where(touches))).all()
            if (verified := _verified_gap(keys, log, row))
        ]
        parts = sorted([gap, *adjacent], key=lambda each: each.first)
        whole = Gap(parts[0].first, parts[-1].last, parts[-1].hash)
        replaced = columns.first.in_([each.first for each in adjacent])
        await connection.execute(delete(CHAIN_GAPS).where(columns.chain == log.name, replaced))
        tag = keys.tag(USE, _message(log, whole))
        row = {"chain": log.name, "first": whole.first, "last": whole.last, "hash": whole.hash, "tag": tag}
        await connection.execute(insert(CHAIN_GAPS), row)

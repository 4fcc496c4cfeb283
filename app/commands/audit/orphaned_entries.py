"""Finds entries of the ledger that belong to no chain or to no whole reading, which the chains do not detect."""

from sqlalchemy import select

from models.database import Database
from models.logs import hash_chain
from models.tables import DISCLOSURES, READINGS


async def unknown_chain_fault(database: Database) -> str | None:
    """Reports an entry with an unknown chain name, which no chain would verify."""
    known = [log.name for log in hash_chain.LOGS]
    others = select(DISCLOSURES.c.sequence).where(DISCLOSURES.c.chain.not_in(known)).order_by(DISCLOSURES.c.sequence)
    async with database.reading() as connection:
        sequence = (await connection.execute(others.limit(1))).scalar_one_or_none()
    return None if sequence is None else f"disclosure: entry {sequence} has an unknown chain name"


async def missing_reading_fault(database: Database) -> str | None:
    """Reports a reading whose first entry is missing, which the chains do not detect."""
    entry, reading = DISCLOSURES.c, READINGS.c
    first = (entry.chain == reading.chain) & (entry.sequence == reading.sequence) & (entry.reading == reading.sequence)
    without = select(reading.chain, reading.sequence).where(~select(entry.sequence).where(first).exists())
    async with database.reading() as connection:
        found = (await connection.execute(without.order_by(reading.chain, reading.sequence).limit(1))).first()
    return f"{found.chain}: entry {found.sequence} is missing from the reading that begins with it" if found else None

"""Logs the head of each hash chain every minute, so that a later truncation is detected."""

import asyncio
import logging
from typing import Final

from sqlalchemy import select

from app.operations import backlog
from models.tables import CHAIN_HEADS
from models.telemetry.failure import failure_fields
from resolvers.context import Services

log = logging.getLogger("consentql.checkpoint")

INTERVAL_SECONDS: Final = 60


async def write_every_minute(services: Services) -> None:
    """Runs until it is cancelled. If the database is unreachable, it tries again after a minute."""
    while True:
        try:
            await log_checkpoints(services)
        except Exception as problem:  # noqa: BLE001  # tries again after a minute
            log.warning("checkpoints could not be written", extra=failure_fields(problem))
        await backlog.measure(services)
        await asyncio.sleep(INTERVAL_SECONDS)


async def log_checkpoints(services: Services) -> None:
    """Logs one line per chain: its name, length and last hash."""
    async with services.database.reading() as connection:
        heads = (await connection.execute(select(CHAIN_HEADS).order_by(CHAIN_HEADS.c.name))).all()
    for head in heads:
        log.info("checkpoint", extra={"chain": head.name, "sequence": head.sequence, "hash": head.hash})

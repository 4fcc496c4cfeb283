"""Metrics of the lines before the threads that hash passwords."""

from enum import StrEnum
from typing import Final

from models.telemetry.catalogue import Merging, counters, gauges, histograms


class PoolName(StrEnum):
    """The pools of threads: for most passwords, for costly imported hashes, and for known devices."""

    USUAL = "argon2"
    HEAVY = "argon2-heavy"
    KNOWN = "argon2-known"


WAITING: Final = gauges("consentql_hashing_waiting", "Passwords that wait for a thread.", Merging.SUM, pool=PoolName)
WAIT: Final = histograms("consentql_hashing_wait_seconds", "Time that a password waited for a thread.", pool=PoolName)
REFUSED: Final = counters(
    "consentql_hashing_refused",
    "Passwords that were refused because the line was full, or because their turn came too late.",
    pool=PoolName,
)
WAITING.all()
REFUSED.all()

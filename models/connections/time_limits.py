"""How long a process waits for PostgreSQL before it gives up."""

from dataclasses import dataclass
from typing import Final

CANCEL_SECONDS: Final = 1
"""The server ends a statement this much sooner than the process, so that a live server's connection is kept."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The longest waits, in seconds: for a connection, for an answer, for a lock, for the next statement."""

    connect: float = 3
    """To open a connection and sign in."""
    pool: float = 3
    """For a connection of the pool, if all are taken."""
    statement: float = 10
    """For the answer to a statement."""
    lock: float = 5
    """For a lock that another transaction holds."""
    idle: float = 15
    """In a transaction without a statement. Then the server ends the connection."""
    network: float = 10
    """Without an acknowledgement of the network. Then the kernel ends the connection."""

    @property
    def answer(self) -> float:
        """How long the process itself waits for the answer to a statement."""
        return self.statement + CANCEL_SECONDS


REQUEST_LIMITS: Final = TimeLimits()
"""The default limits of a process that answers requests."""

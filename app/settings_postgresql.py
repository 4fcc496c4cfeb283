"""The settings of connections to PostgreSQL."""

from dataclasses import replace
from typing import ClassVar, Final

from pydantic import Field

from app.settings_section import Section
from models.connections.postgresql import PREPARED_STATEMENTS
from models.connections.time_limits import REQUEST_LIMITS, TimeLimits

HOUR: Final = 3600


class PostgresqlSettings(Section):
    """How long the service waits for PostgreSQL. Each setting is a number of seconds, except the last."""

    title: ClassVar = "PostgreSQL"

    postgres_connect_timeout: float = Field(
        default=REQUEST_LIMITS.connect, gt=0, le=60, description="The most time to open a connection."
    )
    postgres_pool_timeout: float = Field(
        default=REQUEST_LIMITS.pool,
        gt=0,
        le=3,
        description="The most time that a request waits for a connection if all are taken.",
    )
    postgres_statement_timeout: float = Field(
        default=REQUEST_LIMITS.statement,
        gt=0,
        le=600,
        description="The most time of a statement of a request. A server that has not answered one second later counts "
        "as silent, and the connection is dropped.",
    )
    postgres_lock_timeout: float = Field(
        default=REQUEST_LIMITS.lock,
        gt=0,
        le=600,
        description="The most time that a statement of a request waits for a lock of another transaction.",
    )
    postgres_idle_timeout: float = Field(
        default=REQUEST_LIMITS.idle,
        gt=0,
        le=600,
        description="The server ends a transaction of a request that sends no statement for so long, for example "
        "because its process is frozen.",
    )
    postgres_network_timeout: float = Field(
        default=REQUEST_LIMITS.network,
        ge=1,
        le=600,
        description="A TCP connection is dropped if the network acknowledges nothing for so long.",
    )
    postgres_command_timeout: float = Field(
        default=HOUR,
        gt=0,
        le=24 * HOUR,
        description="The most time of a statement, or between two statements, of a command such as `migrate` or "
        "`retention`.",
    )
    postgres_prepared_statements: int = Field(
        default=PREPARED_STATEMENTS,
        ge=0,
        le=10_000,
        description="How many prepared statements each connection keeps. Set 0 if a pooler between the service and "
        "PostgreSQL does not know them, such as PgBouncer in transaction mode with `max_prepared_statements=0`.",
    )

    @property
    def request_limits(self) -> TimeLimits:
        """The time limits of a process that answers requests."""
        return TimeLimits(
            connect=self.postgres_connect_timeout,
            pool=self.postgres_pool_timeout,
            statement=self.postgres_statement_timeout,
            lock=self.postgres_lock_timeout,
            idle=self.postgres_idle_timeout,
            network=self.postgres_network_timeout,
        )

    @property
    def command_limits(self) -> TimeLimits:
        """The time limits of a command. Its statements take long, and nobody waits for the answer."""
        most = self.postgres_command_timeout
        return replace(self.request_limits, statement=most, lock=min(60, most), idle=most)

"""A connection of asyncpg that gives up on a server that does not answer."""

import socket
from typing import Any, Final

import asyncpg

from models.connections.time_limits import TimeLimits

PROBES: Final = 3
"""Unanswered probes of an idle connection after which the kernel ends it."""


class BoundedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose transactions have time limits. They hold for one transaction, so a pooler may be between."""

    limits: TimeLimits
    _server_caps: Any
    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, *more: Any, **named: Any) -> None:
        super().__init__(protocol, transport, *more, **named)
        # the driver would switch this off for the session, which behind a pooler may be another client's
        self._server_caps = self._server_caps._replace(jit=False)
        _watch(transport.get_extra_info("socket"), self.limits.network)

    async def execute(self, query: str, *parameters: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  # as asyncpg has it
        """Executes commands. One that begins a transaction sets its time limits in the same round trip."""
        begins = query.startswith("BEGIN") and not parameters
        status: str = await super().execute(
            query + _local_limits(self.limits) if begins else query, *parameters, timeout=timeout
        )
        return status

    async def _introspect_types(self, type_ids: Any, timeout: float | None) -> Any:  # noqa: ASYNC109  # as above
        """Reads the types that a statement needs, in a transaction, which compiles nothing."""
        if self.is_in_transaction():
            return await super()._introspect_types(type_ids, timeout)
        async with self.transaction():
            return await super()._introspect_types(type_ids, timeout)

    def drop_if_idle(self) -> None:
        """Closes the connection without a word to the server, unless a statement still has to be cancelled there."""
        if not self._cancellations:
            self.terminate()


def connection_class(limits: TimeLimits) -> type[BoundedConnection]:
    """The class of connections with these limits."""
    return type("BoundedConnection", (BoundedConnection,), {"limits": limits, "__slots__": ()})


def _local_limits(limits: TimeLimits) -> str:
    """Commands that hold for one transaction. To compile a statement would take longer than to run it."""
    values = {
        "lock_timeout": limits.lock,
        "statement_timeout": limits.statement,
        "idle_in_transaction_session_timeout": limits.idle,
    }
    settings = {**{name: str(round(seconds * 1000)) for name, seconds in values.items()}, "jit": "off"}
    return "".join(f" SET LOCAL {name} = {value};" for name, value in settings.items())


def _watch(channel: Any, seconds: float) -> None:
    """Lets the kernel end a TCP connection whose other end acknowledges nothing for so long."""
    if channel is None or channel.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    pause = max(1, round(seconds / (PROBES + 1)))
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", pause),
        ("TCP_KEEPINTVL", pause),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", round(seconds * 1000)),
    ):
        if (option := getattr(socket, name, None)) is not None:  # not every system has each
            channel.setsockopt(socket.IPPROTO_TCP, option, value)

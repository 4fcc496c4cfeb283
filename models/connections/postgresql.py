"""Makes the engine of a PostgreSQL database, whose connections may go silent, break or be pooled elsewhere."""

from time import monotonic
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from models.connections.postgresql_url import PostgresqlUrl, parse
from models.connections.time_limits import TimeLimits

PREPARED_STATEMENTS: Final = 100
"""How many prepared statements each connection keeps."""

UNCHECKED_SECONDS: Final = 1
"""If a connection was used this recently, the next use does not ask the server first."""

PING_SECONDS: Final = 2
USED: Final = "last used"


def postgresql_engines(
    url: str, limits: TimeLimits, prepared_statements: int, **options: Any
) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine for transactions and the one for single reads, which share one pool. The URL's parameters prevail."""
    address = parse(url)
    kept = prepared_statements if address.prepared_statements is None else address.prepared_statements
    engine = _engine(address, address.limits(limits), kept, **options)
    # a statement sees the data committed before it began, with or without a transaction; without one PostgreSQL
    # saves two round trips per read, but a pooler may prepare a nameless statement elsewhere than it runs it
    return engine, engine.execution_options(isolation_level="AUTOCOMMIT") if kept else engine


def _engine(address: PostgresqlUrl, limits: TimeLimits, prepared_statements: int, **options: Any) -> AsyncEngine:
    """The engine. Each transaction is READ COMMITTED under any default of the server."""
    from models.connections.postgresql_connection import connection_class  # loads the driver, which takes long

    engine = create_async_engine(
        address.url,
        # an authority is read again after its lock was waited for, so the server's own default must not apply
        isolation_level="READ COMMITTED",
        pool_timeout=limits.pool,
        connect_args={
            "dsn": address.dsn,
            "server_settings": dict(address.session),
            "timeout": limits.connect,
            "command_timeout": limits.answer,
            "connection_class": connection_class(limits),
            **_statement_arguments(prepared_statements),
        },
        **options,
    )
    _drop_silent_connections(engine, min(PING_SECONDS, limits.answer))
    return engine


def _statement_arguments(prepared_statements: int) -> dict[str, Any]:
    kept = {"statement_cache_size": prepared_statements, "prepared_statement_cache_size": prepared_statements}
    # a statement without a name lasts until the next one, so behind a pooler no two clients share one
    return kept if prepared_statements else {**kept, "prepared_statement_name_func": str}


def _drop_silent_connections(engine: AsyncEngine, ping_seconds: float) -> None:
    """A connection whose server does not answer is dropped, and with it all older ones of the pool."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def note_silence(context: Any) -> None:
        if isinstance(context.original_exception, TimeoutError) and context.connection is not None:
            context.is_disconnect = True

    @event.listens_for(engine.sync_engine, "checkin")
    def note_use(_connection: Any, record: Any) -> None:
        record.info[USED] = monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get(USED, monotonic()) < UNCHECKED_SECONDS:
            return
        try:
            connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=ping_seconds))
        except Exception as problem:
            connection.driver_connection.terminate()
            raise (InvalidatePoolError if isinstance(problem, TimeoutError) else DisconnectionError) from problem

    @event.listens_for(engine.sync_engine, "close")
    def drop(connection: Any, _record: Any) -> None:
        connection.driver_connection.drop_if_idle()

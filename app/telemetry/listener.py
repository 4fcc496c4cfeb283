"""Serves the metrics of all processes of `serve` to Prometheus, at an address that is not the public one."""

import logging
import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Metric, make_wsgi_app
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from models.telemetry.catalogue import REGISTRY
from models.telemetry.failure import failure_fields
from models.telemetry.worker_files import FOLDER_VARIABLE, reserve

log = logging.getLogger("consentql.metrics")

MEMORY: Final = "/dev/shm"  # noqa: S108  # the folder made in it has a random name and the mode 0700
ROOM: Final = 4 * 1024 * 1024
"""The bytes that the files of one process may need. Writing to a mapped file without room kills the process."""
PATH: Final = "/metrics"
CLIENT_SECONDS: Final = 10
"""How long a client of the listener may take for each part of its request."""
DAMAGED: Final = (struct.error, RuntimeError, ValueError)
"""What reading the file of a process that was killed can raise."""
ENDED: Final = "ended"
"""The name under which the counts of workers that ended are kept."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Prometheus reads the metrics."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@contextmanager
def metrics_served(address: Address | None, *, workers: int) -> Iterator[None]:
    """Serves the metrics while the body runs. If they cannot be served, the body runs all the same."""
    if address is None:
        yield
        return
    with _registry(workers) as registry:
        server = _listen(address, registry) if registry else None
        try:
            yield
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each client in a separate thread, so that a slow one delays no other."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients may be too slow or go away."""


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Request(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing, because the lines of the service are JSON."""


def _listen(address: Address, registry: Collector) -> WSGIServer | None:
    answer = _only_metrics(make_wsgi_app(registry))
    kind = _ServerV6 if ":" in address.host else _Server
    try:
        server = make_server(address.host, address.port, answer, kind, _Request)
    except OSError as problem:
        log.error(
            "metrics are not served, because CONSENTQL_METRICS_ADDRESS cannot be used. The service runs without them.",
            extra={"kind": type(problem).__name__, "problem": problem.strerror or ""},
        )
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    log.info("metrics are served at http://%s%s", Address(address.host, server.server_port), PATH)
    return server


def _only_metrics(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Answers 404 at every path but one, and 500 if the metrics cannot be read."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, text = "404 Not Found", f"Metrics are at {PATH}.\n"
        if environ.get("PATH_INFO") == PATH:
            try:
                found: Iterable[bytes] = answer(environ, start_response)
                return found
            except Exception as problem:  # noqa: BLE001  # the next request may succeed
                log.error("metrics could not be read", extra=failure_fields(problem))
                status, text = "500 Internal Server Error", "The metrics could not be read. See the log.\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return app


@contextmanager
def _registry(workers: int) -> Iterator[Collector | None]:
    """The metrics of this process or, with several workers, of all of them through files in a private folder.

    None if there is no room for the files.
    """
    if workers == 1:
        yield REGISTRY
        return
    place = _place_with(ROOM * (workers + 1))
    if place is None:
        log.error("metrics are not served, because /dev/shm and the folder for temporary files are full.")
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="consentql-metrics-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER_VARIABLE] = folder  # the workers inherit it
        try:
            registry = CollectorRegistry()
            registry.register(WorkersCollector(Path(folder)))
            yield registry
        finally:
            del os.environ[FOLDER_VARIABLE]


def _place_with(room: int) -> str | None:
    """A folder with so much room, in memory where that is possible."""
    for memory in (MEMORY, None):
        try:
            place = memory or tempfile.gettempdir()
            if os.access(place, os.W_OK) and shutil.disk_usage(place).free >= room:
                return place
        except OSError:
            continue
    return None


class WorkersCollector(Collector):
    """Adds up the metrics of all workers. The counts of those that ended are kept, and their gauges dropped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering it reads no file."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        with self._lock:
            for file in self._folder.glob("*.db"):
                kind, _, owner = file.stem.rpartition("_")
                if owner != ENDED and not _is_running(int(owner)):
                    self._keep_counts(kind, file)
            found: Iterable[Metric] = list(MultiProcessCollector(None, str(self._folder)).collect())
            return found

    def _keep_counts(self, kind: str, file: Path) -> None:
        """Moves the counts of a worker that ended to the common file. Without room they stay where they are."""
        try:
            if not kind.startswith("gauge"):
                _add_values(file, self._folder / f"{kind}_{ENDED}.db")
        except DAMAGED as problem:
            log.warning("the counts of a worker that ended are lost", extra=failure_fields(problem))
        except OSError as problem:
            log.warning("the counts of a worker that ended could not be merged", extra=failure_fields(problem))
            return
        file.unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _add_values(source: Path, target: Path) -> None:
    """Adds the counts in a file to those in another one. Raises OSError if there is no room."""
    added = list(MmapedDict.read_all_values_from_file(str(source)))
    reserve(target, _used(source) + _used(target))  # without room, writing would kill the supervisor of the workers
    sums = MmapedDict(str(target))
    for key, value, _time, _place in added:
        before, _ = sums.read_value(key)
        sums.write_value(key, before + value, 0)
    sums.close()


def _used(file: Path) -> int:
    """How many bytes of a file hold values. A file that does not exist has none."""
    return int(struct.unpack("i", file.read_bytes()[:4])[0]) if file.exists() else 0

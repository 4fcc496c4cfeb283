"""Serves the metrics of all processes of `serve` to Prometheus, at an address that is not the public one."""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Metric, make_wsgi_app, start_http_server
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from models.telemetry.catalogue import REGISTRY

log = logging.getLogger("consentql.metrics")

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
MEMORY: Final = "/dev/shm"  # noqa: S108  # the folder made in it has a random name and the mode 0700
PATH: Final = "/metrics"
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
    """Serves the metrics while the body runs. If the address cannot be used, the body runs all the same."""
    if address is None:
        yield
        return
    with _registry(workers) as registry:
        server = _listen(address, registry)
        try:
            yield
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()


def _listen(address: Address, registry: Collector) -> WSGIServer | None:
    try:
        server, _ = start_http_server(address.port, address.host, registry)
    except OSError as problem:
        log.error(
            "metrics are not served, because CONSENTQL_METRICS_ADDRESS cannot be used. The service runs without them.",
            extra={"kind": type(problem).__name__, "problem": problem.strerror or ""},
        )
        return None
    server.set_app(_only_metrics(make_wsgi_app(registry)))
    log.info("metrics are served at http://%s%s", Address(address.host, server.server_port), PATH)
    return server


def _only_metrics(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Answers 404 at every path but one. The library gives the metrics at any path."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH:
            found: Iterable[bytes] = answer(environ, start_response)
            return found
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"Metrics are at {PATH}.\n".encode()]

    return app


@contextmanager
def _registry(workers: int) -> Iterator[Collector]:
    """The metrics of this process or, with several workers, of all of them through files in a private folder."""
    if workers == 1:
        yield REGISTRY
        return
    # a full disk would kill a worker that writes to a mapped file, so the files are in memory where that is possible
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="consentql-metrics-", dir=memory, ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER_VARIABLE] = folder  # the workers inherit it
        try:
            registry = CollectorRegistry()
            registry.register(WorkersCollector(Path(folder)))
            yield registry
        finally:
            del os.environ[FOLDER_VARIABLE]


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
                    if not kind.startswith("gauge"):
                        _add_values(file, self._folder / f"{kind}_{ENDED}.db")
                    file.unlink()
            found: Iterable[Metric] = list(MultiProcessCollector(None, str(self._folder)).collect())
            return found


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _add_values(source: Path, target: Path) -> None:
    """Adds the counts in a file to those in another one."""
    sums = MmapedDict(str(target))
    for key, value, _time, _place in MmapedDict.read_all_values_from_file(str(source)):
        before, _ = sums.read_value(key)
        sums.write_value(key, before + value, 0)
    sums.close()

"""Metrics of the process itself, and of the lag of its event loop."""

import asyncio
from importlib.metadata import version
from typing import Final

from prometheus_client import ProcessCollector

from models.telemetry.catalogue import Merging, counter, gauge, gauges, histogram
from permissions.version_numbers import current_version

INTERVAL_SECONDS: Final = 1.0
MEASURED_EVERY: Final = 10
"""The process is measured once in so many intervals."""

LAG: Final = histogram("consentql_event_loop_lag_seconds", "How late a task runs that is due, sampled each second.")
PROCESSES: Final = gauge("consentql_processes", "Processes that serve.", Merging.SUM)
CPU: Final = counter("consentql_process_cpu_seconds", "CPU time of the processes that serve.")
MEMORY: Final = gauge("consentql_process_resident_memory_bytes", "Memory of the processes that serve.", Merging.SUM)
FILES: Final = gauge("consentql_process_open_files", "Open files and sockets of the processes that serve.", Merging.SUM)
MOST_FILES: Final = gauge("consentql_process_max_files", "The most that one process may open.", Merging.LOWEST)
STARTED: Final = gauge(
    "consentql_process_start_time_seconds", "When the oldest process that serves started, in Unix time.", Merging.LOWEST
)
BUILD: Final = gauges(
    "consentql_build_info",
    "Always 1: the version of the program and of the policy.",
    Merging.NEWEST,
    version=[version("consentql")],
    policy=[current_version().name],
)


class ProcessMeter:
    """Measures this process."""

    def __init__(self) -> None:
        self._collector = ProcessCollector(registry=None)
        self._cpu_seconds = 0.0

    async def run(self) -> None:
        """Measures until it is cancelled."""
        PROCESSES.set(1)
        for series in BUILD.all():
            series.set(1)
        loop, interval = asyncio.get_running_loop(), 0
        while True:
            if interval % MEASURED_EVERY == 0:
                self.measure()
            interval += 1
            due = loop.time() + INTERVAL_SECONDS
            await asyncio.sleep(INTERVAL_SECONDS)
            LAG.observe(max(0.0, loop.time() - due))

    def measure(self) -> None:
        """Sets the metrics of this process. Where the system has no /proc, they stay at zero."""
        found = {sample.name: sample.value for metric in self._collector.collect() for sample in metric.samples}
        seconds = found.get("process_cpu_seconds_total", 0.0)
        CPU.inc(max(0.0, seconds - self._cpu_seconds))
        self._cpu_seconds = max(seconds, self._cpu_seconds)
        for metric, name in (
            (MEMORY, "process_resident_memory_bytes"),
            (FILES, "process_open_fds"),
            (MOST_FILES, "process_max_fds"),
            (STARTED, "process_start_time_seconds"),
        ):
            if name in found:
                metric.set(found[name])

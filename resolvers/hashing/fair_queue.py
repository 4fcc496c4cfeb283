"""A queue that serves the networks in rotation, so that one of them cannot keep the others waiting."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """The jobs that wait, in one line for each network. Threads may take jobs while the event loop adds some."""

    def __init__(self, count_changed: Callable[[int], object] = lambda _count: None) -> None:
        self._count = 0
        self._count_changed = count_changed
        self._lines: dict[str | None, deque[T]] = {}
        self._lock = threading.Lock()

    def put(self, site: str | None, job: T) -> None:
        """Adds a job at the end of the line of its network."""
        with self._lock:
            self._lines.setdefault(site, deque()).append(job)
            self._add(1)

    def take(self) -> T | None:
        """Removes the first job of the network whose turn it is; None if no job waits."""
        with self._lock:
            if not self._lines:
                return None
            site = next(iter(self._lines))
            line = self._lines.pop(site)
            job = line.popleft()
            self._add(-1)
            if line:  # the next turn of this network comes after those of all others
                self._lines[site] = line
            return job

    def remove(self, site: str | None, job: T) -> None:
        """Removes a job if it still waits."""
        with self._lock:
            line = self._lines.get(site, deque())
            if job in line:
                line.remove(job)
                self._add(-1)
                if not line:
                    del self._lines[site]

    def has_longer_line(self, site: str | None) -> bool:
        """Whether another network has at least two jobs more, so that it still has as many if it gives up one."""
        with self._lock:
            return max(map(len, self._lines.values()), default=0) > len(self._lines.get(site, ())) + 1

    def take_surplus(self) -> T | None:
        """Removes the last job of the longest line; None if no job waits."""
        with self._lock:
            if not self._lines:
                return None
            site, line = max(self._lines.items(), key=lambda each: len(each[1]))
            job = line.pop()
            self._add(-1)
            if not line:
                del self._lines[site]
            return job

    def _add(self, change: int) -> None:
        self._count += change
        self._count_changed(self._count)

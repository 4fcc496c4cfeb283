"""Declares Prometheus metrics. The values of each label are a closed list, so no label holds a sent value."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values

from models.telemetry.worker_files import has_room

S = TypeVar("S", Counter, Gauge, Histogram)

disable_created_metrics()

REGISTRY: Final = CollectorRegistry()
OTHER: Final = "other"
"""The label of every value outside of its list."""

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""The upper limits of the parts of each histogram, in seconds."""


class Kind(StrEnum):
    """The type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merging(StrEnum):
    """How the values of several worker processes become one."""

    SUM = "livesum"
    LOWEST = "livemin"
    NEWEST = "mostrecent"


if not has_room((Kind.COUNTER, Kind.HISTOGRAM, *(f"{Kind.GAUGE}_{each}" for each in Merging))):
    values.ValueClass = values.MutexValue  # read by each metric when it is made


@dataclass(frozen=True, slots=True)
class Described:
    """One line of the catalogue: the exposed name, type, labels with their values, and meaning of a metric."""

    name: str
    kind: Kind
    meaning: str
    labels: Mapping[str, tuple[str, ...]]


CATALOGUE: Final[list[Described]] = []
"""Every metric that was declared."""


class Series(Generic[S]):
    """A metric with labels."""

    def __init__(self, metric: S, labels: Mapping[str, tuple[str, ...]]) -> None:
        self._metric: S = metric
        self._lists = list(labels.values())
        self._known: dict[tuple[str, ...], S] = {}

    def of(self, *values: str) -> S:
        """The series with these values of the labels, in their order."""
        found = self._known.get(values)
        if found is None:
            closed = [value if value in some else OTHER for value, some in zip(values, self._lists, strict=True)]
            found = self._metric.labels(*closed)
            if closed == list(values):
                self._known[values] = found
        return found

    def all(self) -> list[S]:
        """Every series. Those that did not exist begin at zero, so that the first event is seen as an increase."""
        return [self.of(*values) for values in itertools.product(*self._lists)]


def counter(name: str, meaning: str) -> Counter:
    """Declares a counter without labels."""
    _describe(f"{name}_total", Kind.COUNTER, meaning, {})
    return Counter(name, meaning, registry=REGISTRY)


def counters(name: str, meaning: str, **labels: Iterable[str]) -> Series[Counter]:
    """Declares a counter with labels."""
    lists = _describe(f"{name}_total", Kind.COUNTER, meaning, labels)
    return Series(Counter(name, meaning, list(lists), registry=REGISTRY), lists)


def gauge(name: str, meaning: str, merging: Merging) -> Gauge:
    """Declares a gauge without labels."""
    _describe(name, Kind.GAUGE, meaning, {})
    return Gauge(name, meaning, registry=REGISTRY, multiprocess_mode=_mode(merging))


def gauges(name: str, meaning: str, merging: Merging, **labels: Iterable[str]) -> Series[Gauge]:
    """Declares a gauge with labels."""
    lists = _describe(name, Kind.GAUGE, meaning, labels)
    return Series(Gauge(name, meaning, list(lists), registry=REGISTRY, multiprocess_mode=_mode(merging)), lists)


def histogram(name: str, meaning: str) -> Histogram:
    """Declares a histogram of seconds without labels."""
    _describe(name, Kind.HISTOGRAM, meaning, {})
    return Histogram(name, meaning, registry=REGISTRY, buckets=BUCKETS)


def histograms(name: str, meaning: str, **labels: Iterable[str]) -> Series[Histogram]:
    """Declares a histogram of seconds with labels."""
    lists = _describe(name, Kind.HISTOGRAM, meaning, labels)
    return Series(Histogram(name, meaning, list(lists), registry=REGISTRY, buckets=BUCKETS), lists)


def _describe(name: str, kind: Kind, meaning: str, labels: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    lists = {label: tuple(dict.fromkeys(values)) for label, values in labels.items()}
    CATALOGUE.append(Described(name, kind, meaning, lists))
    return lists


def _mode(merging: Merging) -> Literal["livesum", "livemin", "mostrecent"]:
    modes: dict[Merging, Literal["livesum", "livemin", "mostrecent"]] = {
        Merging.SUM: "livesum",
        Merging.LOWEST: "livemin",
        Merging.NEWEST: "mostrecent",
    }
    return modes[merging]

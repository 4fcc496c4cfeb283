"""Counters for Prometheus; no label ever holds a value that somebody sent."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY: Final = CollectorRegistry()
ANSWERS: Final = Counter("consentql_answers", "HTTP answers", ["path", "status"], registry=REGISTRY)
SECONDS: Final = Histogram("consentql_answer_seconds", "Time to an HTTP answer", ["path"], registry=REGISTRY)

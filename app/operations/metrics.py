"""The Prometheus metrics. No label contains a sent value."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
ANSWERS: Final = Counter("consentql_answers", "HTTP answers", ["path", "status"], registry=REGISTRY)
SECONDS: Final = Histogram("consentql_answer_seconds", "Time to an HTTP answer", ["path"], registry=REGISTRY)
OUTSTANDING_WITHDRAWALS: Final = Gauge(
    "consentql_withdrawals_outstanding", "Withdrawals not acknowledged", ["processor"], registry=REGISTRY
)
OLDEST_WITHDRAWAL: Final = Gauge(
    "consentql_withdrawal_oldest_seconds", "Age of the oldest of them", ["processor"], registry=REGISTRY
)
OVERDUE_WITHDRAWALS: Final = Gauge(
    "consentql_withdrawals_overdue", "Withdrawals not acknowledged within 72 hours", ["processor"], registry=REGISTRY
)
LETTERS_WAITING: Final = Gauge("consentql_letters_waiting", "Letters not sent yet", registry=REGISTRY)
OLDEST_LETTER: Final = Gauge("consentql_letter_oldest_seconds", "Age of the oldest of them", registry=REGISTRY)
LETTERS_GIVEN_UP: Final = Gauge(
    "consentql_letters_given_up", "Letters that were refused for good, or not accepted in 7 days", registry=REGISTRY
)

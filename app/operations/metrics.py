"""Metrics of HTTP answers, of e-mails, of withdrawals, and of what runs in other processes."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from models.records.last_success import Task
from models.telemetry.catalogue import OTHER, Merging, counters, gauge, gauges, histograms
from models.vocabulary import Processor
from permissions.rate_limits import CountingState

PATHS: Final = ("/", "/graphql", "/health/live", "/health/started", "/health/ready", "/verify", "/reset")
"""The paths named in metrics and log lines. Any other is `other`."""


class LetterState(StrEnum):
    """The state of an e-mail in the outbox."""

    WAITING = "waiting"
    RETRIED = "retried"
    GIVEN_UP = "given_up"


ANSWERS: Final = counters(
    "consentql_answers",
    "HTTP answers.",
    path=(*PATHS, OTHER),
    status=(*(str(status.value) for status in HTTPStatus), OTHER),
)
SECONDS: Final = histograms("consentql_answer_seconds", "Time to an HTTP answer.", path=(*PATHS, OTHER))
OUTSTANDING_WITHDRAWALS: Final = gauges(
    "consentql_withdrawals_outstanding",
    "Withdrawals that a processor has not acknowledged.",
    Merging.NEWEST,
    processor=Processor,
)
OVERDUE_WITHDRAWALS: Final = gauges(
    "consentql_withdrawals_overdue",
    "Withdrawals that a processor has not acknowledged within 72 hours.",
    Merging.NEWEST,
    processor=Processor,
)
OLDEST_WITHDRAWAL: Final = gauges(
    "consentql_withdrawal_oldest_seconds",
    "Age of the oldest withdrawal not acknowledged.",
    Merging.NEWEST,
    processor=Processor,
)
LETTERS: Final = gauges(
    "consentql_letters",
    "E-mails that wait, that failed at least once and are tried again, and that were given up.",
    Merging.NEWEST,
    state=LetterState,
)
OLDEST_LETTER: Final = gauge("consentql_letter_oldest_seconds", "Age of the oldest e-mail that waits.", Merging.NEWEST)
LAST_SUCCESS: Final = gauges(
    "consentql_last_success_timestamp_seconds",
    "When a task last succeeded, in Unix time. 0 if it never did.",
    Merging.NEWEST,
    task=Task,
)
LIMIT_STORES: Final = gauges(
    "consentql_limits_processes", "Processes by where they count attempts.", Merging.SUM, store=CountingState
)

"""Counts sign-ins by outcome, from the security events of this process."""

from collections.abc import Mapping
from typing import Final

from models.telemetry.catalogue import counters
from permissions.events.kinds import EventKind
from permissions.events.record import SecurityEvent, observe

OUTCOMES: Final[Mapping[EventKind, str]] = {
    EventKind.SIGN_IN_SUCCEEDED: "succeeded",
    EventKind.SIGN_IN_FAILED: "failed",
    EventKind.SIGN_IN_LOCKED: "locked",
    EventKind.SECOND_FACTOR_ASKED: "code_asked",
    EventKind.SECOND_FACTOR_WRONG: "code_wrong",
    EventKind.SECOND_FACTOR_REUSED: "code_reused",
    EventKind.SECOND_FACTOR_LOCKED: "code_locked",
}

SIGN_INS: Final = counters("consentql_sign_ins", "Steps of sign-ins by outcome.", outcome=OUTCOMES.values())
SIGN_INS.all()


def count_sign_ins() -> None:
    """Counts every sign-in of this process from now on."""
    observe(_count)


def _count(event: SecurityEvent) -> None:
    if outcome := OUTCOMES.get(event.kind):
        SIGN_INS.of(outcome).inc()

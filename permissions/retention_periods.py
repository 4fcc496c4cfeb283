"""How long each kind of record is kept, and why: one table, whose periods an operator may set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365, hours=6)


class RecordKind(StrEnum):
    """A kind of record, by the name that a setting gives its period."""

    ACCOUNTS = "accounts"
    LAPSED_PURPOSES = "lapsed_purposes"
    CONSENT_RECORDS = "consent_records"
    DISCLOSURES = "disclosures"
    SESSIONS = "sessions"
    SUPPORT_CASES = "support_cases"
    LEGAL_REQUESTS = "legal_requests"
    LETTERS = "letters"


@dataclass(frozen=True, slots=True)
class RetentionPeriod:
    """What is kept for this period, since when it is counted, and why."""

    what: str
    period: timedelta
    since: str
    why: str


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """The same in words; `until` where the day is known."""

    what: str
    why: str
    until: datetime | None = None


RetentionTable = Mapping[RecordKind, RetentionPeriod]

KEPT_AFTER_ERASURE: Final = (
    RecordKind.CONSENT_RECORDS,
    RecordKind.DISCLOSURES,
    RecordKind.SUPPORT_CASES,
    RecordKind.LEGAL_REQUESTS,
)
"""What outlives the person whom it is about."""

GRACE: Final = (RecordKind.ACCOUNTS, RecordKind.LAPSED_PURPOSES)
"""What one setting of its own, the grace before erasure, says for both."""

K = RecordKind
RETENTION: Final[RetentionTable] = {
    K.ACCOUNTS: RetentionPeriod(
        "Account, profile, pre-registration form and credentials",
        30 * DAY,
        "after erasure was asked for, or after registration where the address was never verified",
        "then their purpose is gone; until then erasure can be taken back, and the address verified.",
    ),
    K.LAPSED_PURPOSES: RetentionPeriod(
        "Data held only for a purpose that lapsed",
        30 * DAY,
        "after it lapsed, unless it is granted again",
        "our reading of storage as demanded by law.",
    ),
    K.CONSENT_RECORDS: RetentionPeriod(
        "Consent records, under an opaque id", 5 * YEAR, "after the account ends", "proof of consent (GDPR 7(1))."
    ),
    K.DISCLOSURES: RetentionPeriod(
        "Disclosures and what processors were told to forget, under an opaque id",
        5 * YEAR,
        "after they were made",
        "accountability (GDPR 5(2)).",
    ),
    K.SESSIONS: RetentionPeriod(
        "Sessions, tokens and sign-ins with their addresses", 90 * DAY, "after they end", "security of users."
    ),
    K.SUPPORT_CASES: RetentionPeriod(
        "Support cases, their extent and dates; their free text goes with the account",
        2 * YEAR,
        "after they end",
        "defence of claims.",
    ),
    K.LEGAL_REQUESTS: RetentionPeriod("Legal requests", 6 * YEAR, "after they end", "legal duty."),
    K.LETTERS: RetentionPeriod(
        "Letters and their links",
        7 * DAY,
        "after they were sent, used or over, or waited in vain",
        "they are of no use then; an address that is no account's own goes once its letter is sent.",
    ),
}
"""The periods unless set otherwise."""


def retention(grace: timedelta, periods: Mapping[RecordKind, timedelta]) -> RetentionTable:
    """The table with an operator's periods in it."""
    chosen = {**dict.fromkeys(GRACE, grace), **periods}
    return {kind: replace(kept, period=chosen.get(kind, kept.period)) for kind, kept in RETENTION.items()}


def account_erasure_date(leaving_since: datetime, table: RetentionTable) -> datetime:
    """When an account is erased that was left then."""
    return leaving_since + table[K.ACCOUNTS].period


def retained_records(ends: datetime, table: RetentionTable) -> tuple[KeptRecord, ...]:
    """What outlives an account that ends then; records whose time each counts from a day of its own have no day."""
    days = {K.CONSENT_RECORDS: ends + table[K.CONSENT_RECORDS].period}
    return tuple(_record_text(table[kind], days.get(kind)) for kind in KEPT_AFTER_ERASURE)


def retention_texts(table: RetentionTable) -> tuple[KeptRecord, ...]:
    """The table in words."""
    return tuple(_record_text(kept) for kept in table.values())


def _record_text(kept: RetentionPeriod, until: datetime | None = None) -> KeptRecord:
    return KeptRecord(kept.what, f"{period_text(kept.period)} {kept.since}: {kept.why}", until)


def period_text(period: timedelta) -> str:
    """A period in the largest unit that says it exactly."""
    for name, unit in (("year", YEAR), ("day", DAY), ("hour", DAY / 24), ("minute", DAY / 1440)):
        if period >= unit and not period % unit:
            return f"{period // unit} {name}{'s' * (period != unit)}"
    return f"{period.total_seconds():.0f} seconds"

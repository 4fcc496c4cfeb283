"""Retention periods: how long each kind of record is kept, and why. An operator can set the periods."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365, hours=6)


class RecordKind(StrEnum):
    """A kind of record. Its value is the name in the settings."""

    ACCOUNTS = "accounts"
    LAPSED_PURPOSES = "lapsed_purposes"
    CONSENT_RECORDS = "consent_records"
    DISCLOSURES = "disclosures"
    SESSIONS = "sessions"
    FAILED_SIGN_INS = "failed_sign_ins"
    SUPPORT_CASES = "support_cases"
    LEGAL_REQUESTS = "legal_requests"
    LETTERS = "letters"


@dataclass(frozen=True, slots=True)
class RetentionPeriod:
    """A retention period: the records, the start of the period, and the reason."""

    what: str
    period: timedelta
    since: str
    why: str


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A kept kind of record as text, and the end of its period, if known."""

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
"""The records that are kept after their subject is erased."""

GRACE: Final = (RecordKind.ACCOUNTS, RecordKind.LAPSED_PURPOSES)
"""The records whose period is the grace period before erasure, a separate setting."""

K = RecordKind
RETENTION: Final[RetentionTable] = {
    K.ACCOUNTS: RetentionPeriod(
        "Account, profile, pre-registration form and credentials",
        30 * DAY,
        "after erasure was requested, or after registration if the address was never verified",
        "their purpose ends then. Until then you can cancel the erasure or verify the address.",
    ),
    K.LAPSED_PURPOSES: RetentionPeriod(
        "Data stored only for a purpose that no longer stands",
        30 * DAY,
        "after the purpose ended, unless you grant it again",
        "our reading of storage as demanded by law.",
    ),
    K.CONSENT_RECORDS: RetentionPeriod(
        "Consent records, under an opaque id", 5 * YEAR, "after the account ends", "proof of consent (GDPR 7(1))."
    ),
    K.DISCLOSURES: RetentionPeriod(
        "Disclosures and deletion orders to processors, under an opaque id",
        5 * YEAR,
        "after they were made",
        "accountability (GDPR 5(2)).",
    ),
    K.SESSIONS: RetentionPeriod(
        "Sessions, tokens and sign-ins with their addresses", 90 * DAY, "after they end", "security of users."
    ),
    K.FAILED_SIGN_INS: RetentionPeriod(
        "Counts of wrong passwords and codes, under keyed hashes of addresses and ids",
        30 * DAY,
        "after the last failure",
        "security of users.",
    ),
    K.SUPPORT_CASES: RetentionPeriod(
        "Support cases with extent and dates; their free text is erased with the account",
        2 * YEAR,
        "after they end",
        "defense against claims.",
    ),
    K.LEGAL_REQUESTS: RetentionPeriod("Legal requests", 6 * YEAR, "after they end", "legal duty."),
    K.LETTERS: RetentionPeriod(
        "Letters and their links",
        7 * DAY,
        "after they were sent, used or expired, or delivery was abandoned",
        "they are useless then. An address that belongs to no account is erased once its letter is sent.",
    ),
}
"""The default periods."""


def retention(grace: timedelta, periods: Mapping[RecordKind, timedelta]) -> RetentionTable:
    """Returns the table with the operator's periods."""
    chosen = {**dict.fromkeys(GRACE, grace), **periods}
    return {kind: replace(entry, period=chosen.get(kind, entry.period)) for kind, entry in RETENTION.items()}


def account_erasure_date(leaving_since: datetime, table: RetentionTable) -> datetime:
    """Returns when an account is erased whose erasure was requested at `leaving_since`."""
    return leaving_since + table[K.ACCOUNTS].period


def retained_records(ends: datetime, table: RetentionTable) -> tuple[KeptRecord, ...]:
    """Returns the records that are kept after an account that ends at `ends`.

    `until` is None if each record has its own end.
    """
    ends_of_records = {K.CONSENT_RECORDS: ends + table[K.CONSENT_RECORDS].period}
    return tuple(_record_text(table[kind], ends_of_records.get(kind)) for kind in KEPT_AFTER_ERASURE)


def retention_texts(table: RetentionTable) -> tuple[KeptRecord, ...]:
    """Returns the table as text."""
    return tuple(_record_text(entry) for entry in table.values())


def _record_text(entry: RetentionPeriod, until: datetime | None = None) -> KeptRecord:
    return KeptRecord(entry.what, f"{period_text(entry.period)} {entry.since}: {entry.why}", until)


def period_text(period: timedelta) -> str:
    """Returns the period in the largest unit that divides it exactly."""
    for name, unit in (("year", YEAR), ("day", DAY), ("hour", DAY / 24), ("minute", DAY / 1440)):
        if period >= unit and not period % unit:
            return f"{period // unit} {name}{'s' * (period != unit)}"
    return f"{period.total_seconds():.0f} seconds"

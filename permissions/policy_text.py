"""The policy as text: the current version, built from the table, or a published one."""

from dataclasses import dataclass

from models.vocabulary import Audience, PersonalField, Processor, Purpose
from permissions import policy, retention_periods, version_numbers
from permissions.policy import PROCESSORS, PURPOSES, READINGS, PurposeText, Reading
from permissions.retention_periods import RETENTION, KeptRecord, RetentionTable


@dataclass(frozen=True, slots=True)
class PolicyReader:
    """An audience that can read a field, and the purpose it reads under; None if consent does not matter."""

    audience: Audience
    purpose: Purpose | None


@dataclass(frozen=True, slots=True)
class PolicyField:
    """A field, its purposes, and everyone who can ever read it."""

    field: PersonalField
    purposes: tuple[Purpose, ...]
    readers: tuple[PolicyReader, ...]


@dataclass(frozen=True, slots=True)
class PolicyProcessor:
    """A processor, the policy's sentence about it, and the fields that it can receive."""

    processor: Processor
    text: str
    fields: tuple[PersonalField, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One complete version of the policy."""

    version: str
    purposes: tuple[PurposeText, ...]
    fields: tuple[PolicyField, ...]
    processors: tuple[PolicyProcessor, ...]
    retention: tuple[KeptRecord, ...]
    readings: tuple[Reading, ...]


def current_policy(periods: RetentionTable = RETENTION) -> Policy:
    """Returns the current version, built from the table that decides."""
    fields = tuple(
        PolicyField(row.field, row.purposes, tuple(PolicyReader(a, cell.purpose) for a, cell in row.cells.items()))
        for row in policy.ROWS
    )
    return Policy(
        version=version_numbers.current_version().name,
        purposes=PURPOSES,
        fields=fields,
        processors=tuple(PolicyProcessor(p, text, processor_fields(fields, p)) for p, text in PROCESSORS.items()),
        retention=retention_periods.retention_texts(periods),
        readings=READINGS,
    )


def processor_fields(fields: tuple[PolicyField, ...], processor: Processor) -> tuple[PersonalField, ...]:
    """Returns the fields that a processor can receive, according to these rows."""
    return tuple(row.field for row in fields if any(reader.audience == processor.value for reader in row.readers))

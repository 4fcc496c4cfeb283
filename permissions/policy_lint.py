"""Checks the policy for contradictions and returns all of them as sentences."""

from collections.abc import Iterator
from itertools import pairwise

from models.vocabulary import Audience, PersonalField, Processor, Purpose
from permissions import policy
from permissions.masked_columns import FIELD_COLUMNS
from permissions.policy_text import Policy, PolicyField, current_policy, processor_fields
from permissions.retention_periods import RETENTION, RecordKind
from permissions.versions import guard
from permissions.versions.published import InvalidPolicyFile, published_policy

WITHOUT_PURPOSE = (Audience.SELF, Audience.LEGAL_REQUEST)
"""The audiences that read regardless of consent: the subject, and legal requests."""


def find_problems() -> list[str]:
    """Returns every problem of the table, its texts and its versions."""
    return [
        *version_problems(current_policy()),
        *_storage_problems(),
        *_history_problems(),
        *guard.unannounced_changes(),
        *_unpublished_changes(),
    ]


def version_problems(version: Policy) -> list[str]:
    """Returns every problem within one version."""
    return [*_field_problems(version), *_processor_problems(version), *_text_problems(version)]


def _field_problems(version: Policy) -> Iterator[str]:
    rows = [row.field for row in version.fields]
    if rows != list(PersonalField):
        yield "fields: there must be one row per PersonalField, in that order"
    for row in version.fields:
        yield from _row_problems(row)


def _row_problems(row: PolicyField) -> Iterator[str]:
    if not row.purposes or len(set(row.purposes)) < len(row.purposes):
        yield f"{row.field}: must have at least one purpose, each named once"
    audiences = [reader.audience for reader in row.readers]
    if len(set(audiences)) < len(audiences):
        yield f"{row.field}: names an audience twice"
    for reader in row.readers:
        if reader.purpose is None and reader.audience not in WITHOUT_PURPOSE:
            yield f"{row.field}: {reader.audience} must read it under a purpose"
        if reader.purpose is not None and reader.purpose not in row.purposes:
            yield f"{row.field}: {reader.audience} reads it under {reader.purpose}, for which it was not collected"


def _processor_problems(version: Policy) -> Iterator[str]:
    if [each.processor for each in version.processors] != list(Processor):
        yield "processors: there must be one sentence per Processor, in that order"
    for each in version.processors:
        received = processor_fields(version.fields, each.processor)
        if not received:
            yield f"{each.processor}: receives no field; remove the processor or give it a field"
        if each.fields != received:
            yield f"{each.processor}: lists other fields than the table gives it"


def _text_problems(version: Policy) -> Iterator[str]:
    if [each.purpose for each in version.purposes] != list(Purpose):
        yield "purposes: there must be one text per Purpose, in that order"
    sentences = {
        **{f"purpose {each.purpose}": (each.text, each.lawful_basis) for each in version.purposes},
        **{f"processor {each.processor}": (each.text,) for each in version.processors},
        **{f"retention {number}": (each.what, each.why) for number, each in enumerate(version.retention, start=1)},
        **{
            f"reading {number}": (each.sentence, each.question, each.reading)
            for number, each in enumerate(version.readings, start=1)
        },
    }
    for name, texts in sentences.items():
        if not all(text.strip() for text in texts):
            yield f"{name}: a text that users see is blank"
    if not version.retention or not version.readings:
        yield "retention, readings: both must have entries for users"


def _storage_problems() -> Iterator[str]:
    for row in policy.ROWS:
        if not FIELD_COLUMNS[row.field]:
            yield f"{row.field}: no column stores it"
    for kind in RecordKind:
        if kind not in RETENTION:
            yield f"retention: {kind} have no period"


def _history_problems() -> Iterator[str]:
    versions = policy.VERSIONS
    if len({version.name for version in versions}) < len(versions):
        yield "versions: two versions have the same name"
    for before, after in pairwise(versions):
        if not before.published < after.published:
            yield f"versions: {after.name} must be published after {before.name}"
    for purpose in Purpose:
        if not any(purpose in version.changes for version in versions):
            yield f"versions: no version names {purpose} among its changes, so no grant of it can count"
    for version in versions:
        try:
            text = published_policy(version.name)
        except InvalidPolicyFile:
            continue  # guard.unannounced_changes reports it
        if text is None:
            yield guard.missing_file(version.name)
        elif problems := version_problems(text):
            yield f"versions: {version.name} is incomplete: {'; '.join(problems)}"


def _unpublished_changes() -> Iterator[str]:
    """Yields each part of the policy that differs from the published text of the current version."""
    current = current_policy()
    try:
        text = published_policy(current.version)
    except InvalidPolicyFile:
        return
    for name in ("purposes", "fields", "processors", "retention", "readings"):
        if text is not None and getattr(text, name) != getattr(current, name):
            yield f"{name}: differs from the published version {current.version}; add a new version for it"

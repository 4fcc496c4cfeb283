"""Whether the policy agrees with itself: every fault at once, in sentences."""

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
"""Who may read whatever was consented to: the subject, and the law."""


def find_problems() -> list[str]:
    """All that is wrong with the table, its sentences and its versions."""
    return [
        *version_problems(current_policy()),
        *_storage_problems(),
        *_history_problems(),
        *guard.unannounced_changes(),
        *_unpublished_changes(),
    ]


def version_problems(stated: Policy) -> list[str]:
    """All that is wrong with one version by itself."""
    return [*_field_problems(stated), *_processor_problems(stated), *_sentence_problems(stated)]


def _field_problems(stated: Policy) -> Iterator[str]:
    rows = [row.field for row in stated.fields]
    if rows != list(PersonalField):
        yield "fields: each field has one row, in the vocabulary's order"
    for row in stated.fields:
        yield from _row_problems(row)


def _row_problems(row: PolicyField) -> Iterator[str]:
    if not row.purposes or len(set(row.purposes)) < len(row.purposes):
        yield f"{row.field}: is collected for one purpose or more, each named once"
    audiences = [reader.audience for reader in row.readers]
    if len(set(audiences)) < len(audiences):
        yield f"{row.field}: an audience stands twice"
    for reader in row.readers:
        if reader.purpose is None and reader.audience not in WITHOUT_PURPOSE:
            yield f"{row.field}: {reader.audience} reads it under no purpose"
        if reader.purpose is not None and reader.purpose not in row.purposes:
            yield f"{row.field}: {reader.audience} reads it under {reader.purpose}, for which it was not collected"


def _processor_problems(stated: Policy) -> Iterator[str]:
    if [each.processor for each in stated.processors] != list(Processor):
        yield "processors: each has one sentence, in the vocabulary's order"
    for each in stated.processors:
        given = processor_fields(stated.fields, each.processor)
        if not given:
            yield f"{each.processor}: has no column, and so no reason to be a processor"
        if each.fields != given:
            yield f"{each.processor}: is said to be given other fields than its column gives it"


def _sentence_problems(stated: Policy) -> Iterator[str]:
    if [each.purpose for each in stated.purposes] != list(Purpose):
        yield "purposes: each has one text, in the vocabulary's order"
    sentences = {
        **{f"purpose {each.purpose}": (each.text, each.lawful_basis) for each in stated.purposes},
        **{f"processor {each.processor}": (each.text,) for each in stated.processors},
        **{f"retention {place}": (each.what, each.why) for place, each in enumerate(stated.retention, start=1)},
        **{
            f"reading {place}": (each.sentence, each.question, each.reading)
            for place, each in enumerate(stated.readings, start=1)
        },
    }
    for name, texts in sentences.items():
        if not all(text.strip() for text in texts):
            yield f"{name}: a sentence that is shown to users is blank"
    if not stated.retention or not stated.readings:
        yield "retention, readings: users are told of neither periods nor readings"


def _storage_problems() -> Iterator[str]:
    for row in policy.ROWS:
        if not FIELD_COLUMNS[row.field]:
            yield f"{row.field}: no column holds it"
    for kind in RecordKind:
        if kind not in RETENTION:
            yield f"retention: nobody says how long {kind} are kept"


def _history_problems() -> Iterator[str]:
    versions = policy.VERSIONS
    if len({version.name for version in versions}) < len(versions):
        yield "versions: two have one name"
    for before, after in pairwise(versions):
        if not before.published < after.published:
            yield f"versions: {after.name} was not published after {before.name}"
    for purpose in Purpose:
        if not any(purpose in version.changes for version in versions):
            yield f"versions: none brought {purpose} about, so no grant of it has a floor"
    for version in versions:
        try:
            said = published_policy(version.name)
        except InvalidPolicyFile:
            continue  # said once, by what is announced
        if said is None:
            yield guard.missing_file(version.name)
        elif faults := version_problems(said):
            yield f"versions: {version.name} was not whole: {'; '.join(faults)}"


def _unpublished_changes() -> Iterator[str]:
    """What is told today in other words than the current version was published with, or is narrower."""
    now = current_policy()
    try:
        said = published_policy(now.version)
    except InvalidPolicyFile:
        return
    for name in ("purposes", "fields", "processors", "retention", "readings"):
        if said is not None and getattr(said, name) != getattr(now, name):
            yield f"{name}: not as version {now.version} was published; a new version says it, if only in other words"

"""The one decision: what one audience may read of one subject, worked out from the policy's table and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from models.vocabulary import (
    EVERY_FIELD,
    Audience,
    Lock,
    PersonalField,
    Processor,
    Purpose,
    Standing,
    WithholdingReason,
    fields_of,
)
from permissions.policy import POLICY

STANDING_BIT: Final = {Purpose.SOCIAL: Standing.SOCIAL, Purpose.EXPANSION: Standing.EXPANSION}
LIMITED_BY_HIDING: Final = frozenset({Audience.MEMBERS, Audience.PUBLIC})
LIMITED_BY_EXTENT: Final = frozenset({Audience.SUPPORT_CASE, Audience.LEGAL_REQUEST})
EXEMPT_FROM_LOCKS: Final = frozenset({Audience.SELF, Audience.LEGAL_REQUEST})
PROCESSOR_AUDIENCES: Final = frozenset(Audience(processor) for processor in Processor)


@dataclass(frozen=True, slots=True)
class Withheld:
    """One field that is null because a rule says so; `purpose` is the one whose grant would help."""

    field: PersonalField
    reason: WithholdingReason
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class SubjectState:
    """All of a subject that a decision depends on: standing, hidden fields, locks, and the extent of cases as bits.

    `own_extent` is what the cases open that the subject opened themself, a part of `extent`.
    """

    standing: Standing = Standing.NONE
    hidden: int = 0
    locks: Lock = Lock.NONE
    extent: int = 0
    own_extent: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What one audience sees of one subject: the bits it may read, and each field that it may not, with the reason."""

    mask: int
    withheld: tuple[Withheld, ...]


ABSENT: Final = Decision(0, ())


def excluding_locks(audience: Audience) -> Lock:
    """The locks that make a subject absent for this audience, whatever was granted."""
    if audience in EXEMPT_FROM_LOCKS:
        return Lock.NONE
    always = Lock.UNVERIFIED | Lock.LEAVING
    if audience is Audience.SUPPORT_CASE:
        return always
    return always | Lock.RESTRICTED | (Lock.OBJECTED if audience in PROCESSOR_AUDIENCES else Lock.NONE)


def counts_only_own_cases(audience: Audience, locks: Lock) -> bool:
    """Whether only cases that the subject opened themself count: a restriction shuts out all others."""
    return audience is Audience.SUPPORT_CASE and bool(locks & Lock.RESTRICTED)


def counted_extent(audience: Audience, state: SubjectState) -> int:
    """The bits that the cases or requests open which count."""
    return state.own_extent if counts_only_own_cases(audience, state.locks) else state.extent


def decide_field(audience: Audience, field: PersonalField, state: SubjectState) -> Withheld | None:
    """Why this audience may not read this field of an unlocked subject, or None where it may. First match wins."""
    cell = POLICY[field].cells.get(audience)
    if cell is None:
        return Withheld(field, WithholdingReason.ROLE)
    if audience in LIMITED_BY_EXTENT and not counted_extent(audience, state) & field.bit:
        return Withheld(field, WithholdingReason.OUTSIDE_CASE)
    if cell.purpose in STANDING_BIT and not state.standing & STANDING_BIT[cell.purpose]:
        return Withheld(field, WithholdingReason.CONSENT, cell.purpose)
    if audience in LIMITED_BY_HIDING and state.hidden & field.bit:
        return Withheld(field, WithholdingReason.HIDDEN)
    return None


@lru_cache(maxsize=8192)
def decide(audience: Audience, state: SubjectState) -> Decision:
    """Decides every field at once. Pure: remembered by state, so no consent outlives itself in here.

    Of whom nothing may be read is ABSENT.
    """
    if state.locks & excluding_locks(audience):
        return ABSENT
    refused = tuple(verdict for field in PersonalField if (verdict := decide_field(audience, field, state)))
    mask = EVERY_FIELD & ~sum(verdict.field.bit for verdict in refused)
    return Decision(mask, refused) if mask else ABSENT


def possible_bits(audiences: Iterable[Audience]) -> int:
    """The bits that these audiences can read of somebody, whatever is granted, hidden or asked."""
    return sum({field.bit for audience in audiences for field in PersonalField if audience in POLICY[field].cells})


def bits_under_purpose(audience: Audience, purpose: Purpose | None) -> int:
    """The bits that this audience reads under exactly this purpose (None: whatever is granted)."""
    cells = ((field, POLICY[field].cells.get(audience)) for field in PersonalField)
    return sum(field.bit for field, cell in cells if cell is not None and cell.purpose == purpose)


def possible_readers(field: PersonalField) -> tuple[Audience, ...]:
    """Every audience that can ever read this field, in the policy's order."""
    return tuple(audience for audience in Audience if audience in POLICY[field].cells)


def processor_fields(processor: Processor) -> tuple[PersonalField, ...]:
    """The columns that this processor can ever be given."""
    return fields_of(possible_bits([Audience(processor)]))


ALL_WITHHELD: Final = tuple(Withheld(field, WithholdingReason.ROLE) for field in PersonalField)
"""What is withheld of a person whom a token names but does not let its holder read."""

"""Decides what an audience may read of a subject, from the policy's table and the subject's state."""

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
    """One withheld field and the reason. `purpose` is the purpose that the subject would have to grant."""

    field: PersonalField
    reason: WithholdingReason
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class SubjectState:
    """The state of a subject that a decision depends on: standing, hidden fields, locks and extent, as bits.

    `own_extent` is the part of `extent` from cases that the subject opened.
    """

    standing: Standing = Standing.NONE
    hidden: int = 0
    locks: Lock = Lock.NONE
    extent: int = 0
    own_extent: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The bits of the fields that an audience may read, and each withheld field with the reason."""

    mask: int
    withheld: tuple[Withheld, ...]


ABSENT: Final = Decision(0, ())


def excluding_locks(audience: Audience) -> Lock:
    """Returns the locks that make a subject absent for this audience, regardless of grants."""
    if audience in EXEMPT_FROM_LOCKS:
        return Lock.NONE
    always = Lock.UNVERIFIED | Lock.LEAVING
    if audience is Audience.SUPPORT_CASE:
        return always
    return always | Lock.RESTRICTED | (Lock.OBJECTED if audience in PROCESSOR_AUDIENCES else Lock.NONE)


def counts_only_own_cases(audience: Audience, locks: Lock) -> bool:
    """Returns whether only cases that the subject opened count. A restriction excludes all others."""
    return audience is Audience.SUPPORT_CASE and bool(locks & Lock.RESTRICTED)


def counted_extent(audience: Audience, state: SubjectState) -> int:
    """Returns the extent of the cases or requests that count."""
    return state.own_extent if counts_only_own_cases(audience, state.locks) else state.extent


def decide_field(audience: Audience, field: PersonalField, state: SubjectState) -> Withheld | None:
    """Returns why this audience may not read this field of an unlocked subject, or None if it may.

    The first reason that applies is returned.
    """
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
    """Decides every field of a subject. Returns ABSENT if the audience may read no field.

    The function is pure. The cache is keyed by the subject's state, so it cannot keep an old consent.
    """
    if state.locks & excluding_locks(audience):
        return ABSENT
    withheld = tuple(found for field in PersonalField if (found := decide_field(audience, field, state)))
    mask = EVERY_FIELD & ~sum(each.field.bit for each in withheld)
    return Decision(mask, withheld) if mask else ABSENT


def possible_bits(audiences: Iterable[Audience]) -> int:
    """Returns the bits of the fields that one of these audiences can ever read."""
    return sum({field.bit for audience in audiences for field in PersonalField if audience in POLICY[field].cells})


def bits_under_purpose(audience: Audience, purpose: Purpose | None) -> int:
    """Returns the bits of the fields that this audience reads under this purpose (None: regardless of consent)."""
    cells = ((field, POLICY[field].cells.get(audience)) for field in PersonalField)
    return sum(field.bit for field, cell in cells if cell is not None and cell.purpose == purpose)


def possible_readers(field: PersonalField) -> tuple[Audience, ...]:
    """Returns every audience that can ever read this field, in the policy's order."""
    return tuple(audience for audience in Audience if audience in POLICY[field].cells)


def processor_fields(processor: Processor) -> tuple[PersonalField, ...]:
    """Returns the fields that this processor can ever receive."""
    return fields_of(possible_bits([Audience(processor)]))


ALL_WITHHELD: Final = tuple(Withheld(field, WithholdingReason.ROLE) for field in PersonalField)
"""Every field, withheld because of the caller's role."""

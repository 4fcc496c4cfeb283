"""Differences between two policy versions: who gains or loses access, and which purposes need a new grant."""

from dataclasses import dataclass
from typing import Final

from models.vocabulary import Audience, PersonalField, Purpose
from permissions.policy import Cell
from permissions.policy_text import Policy

NEVER: Final = "-"
ALWAYS: Final = "always"


def cell_text(cell: Cell | None) -> str:
    """Returns a cell as the table prints it."""
    if cell is None:
        return NEVER
    return cell.purpose.value if cell.purpose else ALWAYS


def _purposes_that_admit(cell: Cell | None) -> frozenset[str]:
    """Returns the purposes under which the cell gives access. More purposes give wider access."""
    if cell is None:
        return frozenset()
    if cell.purpose is None:
        return frozenset({*Purpose, ALWAYS})
    return frozenset(Purpose if cell.purpose is Purpose.SERVICE else {cell.purpose})


@dataclass(frozen=True, slots=True)
class CellChange:
    """A changed cell: how one audience reads one field, before and after."""

    field: PersonalField
    audience: Audience
    before: Cell | None
    after: Cell | None

    @property
    def widens(self) -> bool:
        """Whether the audience gains access to some subjects."""
        return not _purposes_that_admit(self.after) <= _purposes_that_admit(self.before)

    @property
    def effect(self) -> str:
        """Whether the audience gained or lost access, or reads under another purpose (`moved`)."""
        narrows = not _purposes_that_admit(self.before) <= _purposes_that_admit(self.after)
        return {(True, False): "gained", (False, True): "lost"}.get((self.widens, narrows), "moved")


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """A purpose for which a field is newly collected."""

    field: PersonalField
    purpose: Purpose


Cells = dict[tuple[PersonalField, Audience], Cell]


def _cells(policy: Policy) -> Cells:
    return {(row.field, each.audience): Cell(each.purpose) for row in policy.fields for each in row.readers}


def cell_changes(old: Policy, new: Policy) -> list[CellChange]:
    """Returns every cell that differs, in the policy's order."""
    before, after = _cells(old), _cells(new)
    cells = ((field, audience) for field in PersonalField for audience in Audience)
    return [
        CellChange(*cell, before.get(cell), after.get(cell)) for cell in cells if before.get(cell) != after.get(cell)
    ]


def collection_changes(old: Policy, new: Policy) -> list[CollectionChange]:
    """Returns every purpose that a field is newly collected for."""
    before = {(row.field, purpose) for row in old.fields for purpose in row.purposes}
    return [
        CollectionChange(row.field, purpose)
        for row in new.fields
        for purpose in row.purposes
        if (row.field, purpose) not in before
    ]


def material_changes(old: Policy, new: Policy) -> dict[Purpose, list[str]]:
    """Returns the purposes that go beyond what subjects granted, each with the reasons."""
    reasons: dict[Purpose, list[str]] = {purpose: [] for purpose in Purpose}
    for added in collection_changes(old, new):
        reasons[added.purpose].append(f"{added.field} would be collected for {added.purpose}")
    collected = {row.field: row.purposes for row in new.fields}
    for change in cell_changes(old, new):
        if change.widens and change.after is not None:
            before, after = cell_text(change.before), cell_text(change.after)
            sentence = f"{change.audience} would read {change.field}: {after}, so far {before}"
            purposes = (change.after.purpose,) if change.after.purpose else collected[change.field]
            for purpose in purposes:
                reasons[purpose].append(sentence)
    return {purpose: sentences for purpose, sentences in reasons.items() if sentences}


def reworded_purposes(old: Policy, new: Policy) -> list[Purpose]:
    """Returns every purpose whose text, lawful basis or withdrawal changed."""
    before = {each.purpose: each for each in old.purposes}
    return [each.purpose for each in new.purposes if before.get(each.purpose) != each]

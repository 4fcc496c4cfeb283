"""What changes between two versions: who gains or loses sight of what, and which purposes must be granted anew."""

from dataclasses import dataclass
from typing import Final

from models.vocabulary import Audience, PersonalField, Purpose
from permissions.policy import Cell
from permissions.policy_text import Policy

NEVER: Final = "-"
ALWAYS: Final = "always"


def word(cell: Cell | None) -> str:
    """A cell as the table prints it."""
    if cell is None:
        return NEVER
    return cell.purpose.value if cell.purpose else ALWAYS


def _ways(cell: Cell | None) -> frozenset[str]:
    """Every ground on which such a cell lets its reader in; the more, the wider."""
    if cell is None:
        return frozenset()
    if cell.purpose is None:
        return frozenset({*Purpose, ALWAYS})
    return frozenset(Purpose if cell.purpose is Purpose.SERVICE else {cell.purpose})


@dataclass(frozen=True, slots=True)
class Change:
    """One audience's cell of one field that is not what it was."""

    field: PersonalField
    audience: Audience
    before: Cell | None
    after: Cell | None

    @property
    def widens(self) -> bool:
        """Whether somebody can be read who could not be."""
        return not _ways(self.after) <= _ways(self.before)

    @property
    def sight(self) -> str:
        """What becomes of the audience's sight."""
        narrows = not _ways(self.before) <= _ways(self.after)
        return {(True, False): "gained", (False, True): "lost"}.get((self.widens, narrows), "moved")


@dataclass(frozen=True, slots=True)
class Addition:
    """A field that is now collected for a purpose for which it was not."""

    field: PersonalField
    purpose: Purpose


Cells = dict[tuple[PersonalField, Audience], Cell]


def _cells(policy: Policy) -> Cells:
    return {(row.field, each.audience): Cell(each.purpose) for row in policy.fields for each in row.readers}


def changes(old: Policy, new: Policy) -> list[Change]:
    """Every cell that differs, in the policy's order."""
    before, after = _cells(old), _cells(new)
    places = ((field, audience) for field in PersonalField for audience in Audience)
    return [
        Change(*place, before.get(place), after.get(place)) for place in places if before.get(place) != after.get(place)
    ]


def additions(old: Policy, new: Policy) -> list[Addition]:
    """Every field that is collected for more than it was."""
    known = {(row.field, purpose) for row in old.fields for purpose in row.purposes}
    return [
        Addition(row.field, purpose)
        for row in new.fields
        for purpose in row.purposes
        if (row.field, purpose) not in known
    ]


def material(old: Policy, new: Policy) -> dict[Purpose, list[str]]:
    """Every purpose that means more than its subjects agreed to, and by what."""
    reasons: dict[Purpose, list[str]] = {purpose: [] for purpose in Purpose}
    for added in additions(old, new):
        reasons[added.purpose].append(f"{added.field} would be collected for {added.purpose}")
    collected = {row.field: row.purposes for row in new.fields}
    for change in changes(old, new):
        if change.widens and change.after is not None:
            sentence = (
                f"{change.audience} would read {change.field}: {word(change.after)}, so far {word(change.before)}"
            )
            purposes = (change.after.purpose,) if change.after.purpose else collected[change.field]
            for purpose in purposes:
                reasons[purpose].append(sentence)
    return {purpose: found for purpose, found in reasons.items() if found}


def reworded(old: Policy, new: Policy) -> list[Purpose]:
    """Every purpose whose text, basis or withdrawal reads otherwise."""
    before = {each.purpose: each for each in old.purposes}
    return [each.purpose for each in new.purposes if before.get(each.purpose) != each]

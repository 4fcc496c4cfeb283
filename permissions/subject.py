"""One data subject as one caller meets them, for one answer: the values that were read and the right to show them."""

from typing import Any

from models.vocabulary import Audience
from permissions.access_ground import Grounds
from permissions.decision import Withheld


class Subject:
    """Made where rows are read and nowhere else; guards accept nothing else.

    `values` holds what was asked for; `disclosed` collects the bits that guards have shown.
    """

    __slots__ = ("audience", "disclosed", "grounds", "id", "mask", "values", "withheld")

    def __init__(
        self, id: str, audience: Audience | None, mask: int, withheld: tuple[Withheld, ...], values: dict[str, Any]
    ) -> None:
        self.id = id
        self.audience = audience
        self.mask = mask
        self.withheld = withheld
        self.values = values
        self.disclosed = 0
        self.grounds: Grounds | None = None

    @property
    def user_id(self) -> str:
        """What a processor calls this subject."""
        return self.id

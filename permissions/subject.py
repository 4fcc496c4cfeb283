"""One data subject in one answer: the values that were read, and which of them the caller may read."""

from typing import Any

from models.vocabulary import Audience
from permissions.access_ground import Grounds
from permissions.decision import Withheld


class Subject:
    """One data subject in one answer. Only the code that reads rows creates it, and guards accept nothing else.

    `values` has the selected values.
    """

    __slots__ = ("audience", "grounds", "id", "mask", "values", "withheld")

    def __init__(
        self, id: str, audience: Audience | None, mask: int, withheld: tuple[Withheld, ...], values: dict[str, Any]
    ) -> None:
        self.id = id
        self.audience = audience
        self.mask = mask
        self.withheld = withheld
        self.values = values
        self.grounds: Grounds | None = None

    @property
    def user_id(self) -> str:
        """The subject's id in a processor view."""
        return self.id

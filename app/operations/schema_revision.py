"""The revisions of the schema that this release works with.

A revision is a generation, `0001`, or a later step of one, `0001.2`. A step only adds to the schema, so a release that
works with a revision works with its later steps. A new generation may drop, rename or narrow.
"""

import re
from dataclasses import dataclass
from typing import Final

WORKS_WITH: Final = ("0001",)
"""The revisions that this release works with, apart from their later steps.

A release that begins a generation must also name the last step before it, so that it serves until it is migrated.
"""

_FORM: Final = re.compile(r"(\d{4})(?:\.([1-9]\d{0,3}))?")


@dataclass(frozen=True, slots=True)
class SchemaRevision:
    """A generation of the schema, and the number of steps that were added to it."""

    generation: int
    step: int = 0

    @classmethod
    def parse(cls, name: str) -> "SchemaRevision | None":
        """The revision with this name, or None if no release gives such a name."""
        found = _FORM.fullmatch(name)
        return cls(int(found[1]), int(found[2] or 0)) if found else None

    def extends(self, other: "SchemaRevision") -> bool:
        """Whether this is the other revision, or a later step of it."""
        return self.generation == other.generation and self.step >= other.step


def works_with(name: str) -> bool:
    """Whether this release works with the revision of this name."""
    revision, bases = SchemaRevision.parse(name), map(SchemaRevision.parse, WORKS_WITH)
    return revision is not None and any(base is not None and revision.extends(base) for base in bases)


class UnknownSchema(Exception):
    """The database has a schema that this release does not work with."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The database has schema {found}, and this release works with {' and '.join(WORKS_WITH)}. "
            "Use the release that migrated the database, or set CONSENTQL_DATABASE_URL to another database."
        )

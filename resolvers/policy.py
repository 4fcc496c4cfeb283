"""The policy told to whoever asks: the table that decides, in words."""

from dataclasses import dataclass

from strawberry.types.info import Info

from models.dimensions import values_of
from models.vocabulary import Audience, Dimension, PersonalField, Processor, Purpose
from permissions import version
from permissions.decision import processor_fields
from permissions.policy import PROCESSORS, PURPOSES, READINGS, ROWS, PurposeText, Reading
from resolvers.context import Context


@dataclass(frozen=True, slots=True)
class PolicyReader:
    """An audience that can read a field; `purpose` is the one it reads it under, null where consent does not matter."""

    audience: Audience
    purpose: Purpose | None


@dataclass(frozen=True, slots=True)
class PolicyField:
    """A field, what it was collected for, and who can ever read it."""

    field: PersonalField
    purposes: tuple[Purpose, ...]
    readers: tuple[PolicyReader, ...]


@dataclass(frozen=True, slots=True)
class PolicyProcessor:
    """A processor, the policy's sentence about it, and the fields that it can be given."""

    processor: Processor
    text: str
    fields: tuple[PersonalField, ...]


@dataclass(frozen=True, slots=True)
class PolicyDimension:
    """What statistics count by, and every value that a group can have."""

    dimension: Dimension
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy as it is enforced."""

    version: str
    purposes: tuple[PurposeText, ...]
    fields: tuple[PolicyField, ...]
    processors: tuple[PolicyProcessor, ...]
    dimensions: tuple[PolicyDimension, ...]
    readings: tuple[Reading, ...]


def told() -> Policy:
    """The current version, from the table that decides."""
    return Policy(
        version=version.current().name,
        purposes=PURPOSES,
        fields=tuple(
            PolicyField(row.field, row.purposes, tuple(PolicyReader(a, cell.purpose) for a, cell in row.cells.items()))
            for row in ROWS
        ),
        processors=tuple(PolicyProcessor(p, text, processor_fields(p)) for p, text in PROCESSORS.items()),
        dimensions=tuple(PolicyDimension(each, values_of(each)) for each in Dimension),
        readings=READINGS,
    )


async def policy(info: Info[Context, None], version: str | None = None) -> Policy | None:
    """The current version, or the named one; null where nobody published it."""
    current = told()
    return current if version is None or version == current.version else None

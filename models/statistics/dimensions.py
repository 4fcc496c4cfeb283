"""The closed lists that statistics count by. Any other value counts as OTHER, none as UNSPECIFIED."""

from typing import Final

from models.statistics.countries import COUNTRIES
from models.vocabulary import Dimension

UNSPECIFIED: Final = "UNSPECIFIED"
OTHER: Final = "OTHER"

CLOSED_LISTS: Final[dict[Dimension, tuple[str, ...]]] = {
    Dimension.COUNTRY: tuple(sorted(COUNTRIES)),
    Dimension.INSTITUTION_TYPE: (
        "company",
        "government",
        "hospital",
        "library",
        "makerspace",
        "museum",
        "non-profit",
        "research institute",
        "school",
        "university",
    ),
    Dimension.INDUSTRY: (
        "aerospace",
        "architecture",
        "automotive",
        "consumer goods",
        "defence",
        "dental",
        "education",
        "electronics",
        "fashion",
        "food",
        "industrial goods",
        "jewellery",
        "medical",
    ),
    Dimension.JOB_ROLE: (
        "administrator",
        "designer",
        "engineer",
        "lab manager",
        "librarian",
        "manager",
        "researcher",
        "student",
        "teacher",
        "technician",
    ),
    Dimension.MAIN_PRINTER: (
        "Bambu X1",
        "Creality Ender 3",
        "Creality K1",
        "Formlabs Form 3",
        "Formlabs Form 4",
        "MakerBot Method",
        "MakerBot Replicator+",
        "Markforged Mark Two",
        "Prusa MINI",
        "Prusa MK3",
        "Prusa MK4",
        "Prusa XL",
        "Raise3D Pro3",
        "Stratasys F170",
        "Ultimaker S3",
        "Ultimaker S5",
        "Zortrax M200",
    ),
    Dimension.SPECIALIZATION: (
        "aerospace",
        "architecture",
        "art",
        "automotive",
        "ceramics",
        "dentistry",
        "education",
        "electronics",
        "fashion",
        "jewellery",
        "medicine",
        "product design",
        "prosthetics",
        "research",
        "robotics",
    ),
}
"""Every value is ASCII, so that both databases fold its case the same way."""


def values_of(dimension: Dimension) -> tuple[str, ...]:
    """Returns every value that a group of this dimension can have."""
    return (*CLOSED_LISTS[dimension], UNSPECIFIED, OTHER)

"""Numbers of policy versions. A grant counts if its version is at least its purpose's floor."""

from models.vocabulary import Purpose
from permissions import policy


def current_version() -> policy.Version:
    """Returns the version that a new grant must name."""
    return policy.VERSIONS[-1]


def version_number(name: str) -> int | None:
    """Returns a version's number, from 1, or None if there is no such version."""
    names = [version.name for version in policy.VERSIONS]
    return names.index(name) + 1 if name in names else None


def version_name(version: int) -> str:
    """Returns the name of the version with this number."""
    return policy.VERSIONS[version - 1].name


def version_floor(purpose: Purpose, until: int | None = None) -> int:
    """Returns the newest version, up to `until`, that changed this purpose materially."""
    versions = enumerate(policy.VERSIONS[:until], start=1)
    return max(number for number, version in versions if purpose in version.changes)

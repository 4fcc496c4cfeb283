"""Policy versions by number: a grant counts while its version is at or above its purpose's floor."""

from models.vocabulary import Purpose
from permissions import policy


def current_version() -> policy.Version:
    """The version that a new grant must name."""
    return policy.VERSIONS[-1]


def version_number(name: str) -> int | None:
    """A version's number, counted from one, or None where nobody published it."""
    names = [version.name for version in policy.VERSIONS]
    return names.index(name) + 1 if name in names else None


def version_name(version: int) -> str:
    """A version's name by its number."""
    return policy.VERSIONS[version - 1].name


def version_floor(purpose: Purpose, until: int | None = None) -> int:
    """The newest version that changed this purpose materially, or that had when version `until` was the newest."""
    known = enumerate(policy.VERSIONS[:until], start=1)
    return max(place for place, version in known if purpose in version.changes)

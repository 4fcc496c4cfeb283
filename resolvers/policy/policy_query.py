"""Answers the `policy` query: the current policy or a published version."""

from dataclasses import dataclass

from strawberry.types.info import Info

from models.statistics.dimensions import values_of
from models.vocabulary import Dimension
from permissions import version_numbers
from permissions.policy_text import Policy, current_policy
from permissions.retention_periods import RetentionTable
from permissions.versions.published import published_policy
from resolvers.arguments import PolicyVersion
from resolvers.context import Context


@dataclass(frozen=True, slots=True)
class PolicyDimension:
    """A dimension of statistics and its possible values."""

    dimension: Dimension
    values: tuple[str, ...]


async def dimensions() -> list[PolicyDimension]:
    """All dimensions. Free text is mapped to one of their values."""
    return [PolicyDimension(each, values_of(each)) for each in Dimension]


def policy_text_of(name: str | None, periods: RetentionTable) -> Policy | None:
    """Returns the current version as enforced, an older one as published, or None for an unknown name."""
    return (
        current_policy(periods)
        if name in (None, version_numbers.current_version().name)
        else published_policy(str(name))
    )


async def policy(info: Info[Context, None], version: PolicyVersion = None) -> Policy | None:
    """The version with this name, the current one without a name, or null for an unknown name."""
    return policy_text_of(version, info.context.services.retention)

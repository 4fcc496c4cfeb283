"""The policy told to whoever asks: the table that decides, and what each published version said."""

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
    """What statistics count by, and every value that a group can have."""

    dimension: Dimension
    values: tuple[str, ...]


async def dimensions() -> list[PolicyDimension]:
    """The closed lists to which what people wrote is mapped."""
    return [PolicyDimension(each, values_of(each)) for each in Dimension]


def policy_text_of(name: str | None, periods: RetentionTable) -> Policy | None:
    """The current version as it is enforced, an older one as it was published, None for what nobody published."""
    return (
        current_policy(periods)
        if name in (None, version_numbers.current_version().name)
        else published_policy(str(name))
    )


async def policy(info: Info[Context, None], version: PolicyVersion = None) -> Policy | None:
    """The current version, or the named one; null where nobody published it."""
    return policy_text_of(version, info.context.services.retention)

"""Whether a new password is strong enough, with the list that this service's operator may have given it."""

from collections.abc import Iterable

from models.mutation_outcomes import Refused
from resolvers.context import Context
from resolvers.sign_in import password_rules


async def weakness(
    context: Context, password: str, field: str, words: Iterable[str], *, staff: bool = False
) -> Refused | None:
    """The refusal, with every reason; Busy where too many people sign in."""
    services = context.services
    return await password_rules.refusal(
        services.hashing, password, field, words=words, staff=staff, listed=services.breached_list
    )

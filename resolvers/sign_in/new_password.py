"""Checks a new password and hashes it."""

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from resolvers.context import Context
from resolvers.hashing.worker_pool import PoolFull
from resolvers.sessions.attempt_limits import TRY_LATER
from resolvers.sign_in.password_rules import faults
from resolvers.subjects.password_owner import PasswordOwner


async def check_and_hash(context: Context, password: str, field: str, owner: PasswordOwner) -> str | Refused:
    """The hash of a new password, or a refusal at `field` that names every fault."""
    words, staff = (owner.email, *owner.names), owner.is_staff
    hashing, listed = context.services.hashing, context.services.breached_list
    try:
        found = await hashing.run_in_pool(faults, password, words=words, staff=staff, listed=listed)
        if found:
            reasons = "; ".join(fault.reason for fault in found)
            return Refused(RefusalCode.WEAK_PASSWORD, f"This password is not strong enough: {reasons}.", field)
        return await hashing.hash_in_pool(password)
    except PoolFull:
        return TRY_LATER

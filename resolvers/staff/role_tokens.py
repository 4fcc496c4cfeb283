"""A token with exactly one of its holder's staff roles, for an internal tool: short, and only after a second factor."""

from datetime import timedelta
from typing import Annotated, Any, Final

from strawberry import argument
from strawberry.types.info import Info

from models.mutation_outcomes import IssuedToken, Refused
from models.tokens.token_rows import NewToken, issue_token, lock_role_grant
from models.vocabulary import STAFF, Factors, RefusalCode
from resolvers.context import Context
from resolvers.inputs import IssueRoleTokenInput
from resolvers.second_factor.totp_codes import confirmed_authenticator
from resolvers.sessions.revoke_tokens import is_live_token
from resolvers.subjects.account_lock import lock_account
from resolvers.validation.free_text import InvalidValue, clean_text

LONGEST_LIFETIME: Final = timedelta(hours=8)
FACTOR_VALID_FOR: Final = timedelta(hours=24)
"""A second factor that was proven earlier opens no role (NIST SP 800-63B-4, 2.2.3)."""

ISSUED_BY: Final = "role token"

NOT_HELD: Final = Refused(RefusalCode.NOT_PERMITTED, "You do not hold this role.", "input.role")
SECOND_FACTOR_NEEDED: Final = Refused(
    RefusalCode.TOTP_REQUIRED, "Switch a second factor on, and sign in with a code of it; then a role token is issued."
)


async def issue_role_token(
    info: Info[Context, None],
    input: Annotated[
        IssueRoleTokenInput, argument(description="The role, what the token is for, and when it expires.")
    ],
) -> IssuedToken | Refused:
    """Nothing about the role is frozen in it: the token works while its holder has the role."""
    context, now = info.context, info.context.now()
    if not now < input.expires_at <= now + LONGEST_LIFETIME:
        return Refused(RefusalCode.INVALID_INPUT, "`expiresAt` lies in the future, within 8 hours.", "input.expiresAt")
    try:
        name = clean_text("name", input.name, 100)
    except InvalidValue as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`name` {problem.reason}.", "input.name")
    if name is None:
        return Refused(RefusalCode.INVALID_INPUT, "`name` says what the token is for.", "input.name")
    holder = str(context.caller.subject_id)
    async with context.database.writing() as connection:
        await lock_account(connection, holder)
        if input.role not in STAFF or not await lock_role_grant(connection, holder, input.role, now):
            return NOT_HELD
        proven = context.caller.factors is Factors.TOTP and await is_live_token(connection, context.caller.token_id)
        authenticator = await confirmed_authenticator(connection, holder)
        if not proven or authenticator is None or not _is_fresh(context, authenticator):
            return SECOND_FACTOR_NEEDED
        issuance = NewToken(input.role, ISSUED_BY, now, input.expires_at, holder, name=name)
        token, row = await issue_token(connection, issuance)
    return IssuedToken(row["id"], token, input.role, None, input.expires_at)


def _is_fresh(context: Context, authenticator: Any) -> bool:
    """Whether the second factor was proven of late: at this sign-in, or by enrolling, which left this session alone."""
    begun_at = context.caller.created_at
    return begun_at is not None and context.now() - max(begun_at, authenticator.confirmed_at) < FACTOR_VALID_FOR

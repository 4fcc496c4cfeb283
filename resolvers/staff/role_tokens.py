"""Issues role tokens: short-lived tokens for internal tools, each with one staff role of its holder."""

from datetime import timedelta
from typing import Annotated, Any, Final

from strawberry import argument
from strawberry.types.info import Info

from models.mutation_outcomes import IssuedToken, Refused
from models.tokens.token_rows import NewToken, issue_token, lock_role_grant
from models.vocabulary import STAFF, Factors, RefusalCode
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import RoleRefusal
from resolvers.context import Context
from resolvers.inputs import IssueRoleTokenInput
from resolvers.second_factor.totp_codes import confirmed_authenticator
from resolvers.staff import case_scope
from resolvers.subjects.account_lock import lock_account

EXPIRY: Final = case_scope.ExpiryLimit(longest=timedelta(hours=8))
LONGEST_NAME: Final = 100
FACTOR_VALID_FOR: Final = timedelta(hours=24)
"""How long a proven second factor counts (NIST SP 800-63B-4, 2.2.3)."""

ISSUED_BY: Final = "role token"

NOT_HELD: Final = Refused(RefusalCode.NOT_PERMITTED, "You do not hold this role.", "input.role")
SECOND_FACTOR_NEEDED: Final = Refused(
    RefusalCode.TOTP_REQUIRED, "Turn on two-factor sign-in and sign in with a code. Then request the token again."
)


async def issue_role_token(
    info: Info[Context, None],
    input: Annotated[
        IssueRoleTokenInput, argument(description="The role, what the token is for, and when it expires.")
    ],
) -> IssuedToken | Refused:
    """Issues a token that works while its holder has the role. Needs a second factor proven within 24 hours."""
    context, now = info.context, info.context.now()
    expires_at = EXPIRY.check(input.expires_at, now)
    if isinstance(expires_at, Refused):
        return expires_at
    name = case_scope.required_text("name", input.name, LONGEST_NAME, "is required: say what the token is for")
    if isinstance(name, Refused):
        return name
    holder = str(context.caller.subject_id)
    async with context.database.writing() as connection:
        await lock_account(connection, holder)
        if input.role not in STAFF or not await lock_role_grant(connection, holder, input.role, now):
            record(EventKind.ROLE_REFUSED, subject=holder, role=input.role, reason=RoleRefusal.NOT_HELD)
            return NOT_HELD
        authenticator = await confirmed_authenticator(connection, holder)
        if context.caller.factors is not Factors.TOTP or authenticator is None or not _is_fresh(context, authenticator):
            return SECOND_FACTOR_NEEDED
        issuance = NewToken(input.role, ISSUED_BY, now, expires_at, holder, name=name)
        token, row = await issue_token(connection, issuance)
        record(EventKind.TOKEN_ISSUED, subject=holder, record=row["id"], role=input.role)
    return IssuedToken(row["id"], token, input.role, None, expires_at)


def _is_fresh(context: Context, authenticator: Any) -> bool:
    """Whether the caller proved the second factor recently, at sign-in or by enrolling in this session."""
    begun_at = context.caller.created_at
    return begun_at is not None and context.now() - max(begun_at, authenticator.confirmed_at) < FACTOR_VALID_FOR

"""Issues and approves processor tokens. OPERATIONS issues a token, and another person in COMPLIANCE approves it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from strawberry.types.info import Info

from models.columns import lookup_id
from models.mutation_outcomes import IssuedToken, Refused
from models.tables import ACCESS_TOKENS
from models.tokens.token_rows import NewToken, issue_token
from models.vocabulary import Processor, RefusalCode, Role
from permissions.errors import bad_input
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import ApprovalRefusal
from resolvers.arguments import OfProcessor, ProcessorTokenEnd, TokenId
from resolvers.context import Context

LONGEST_LIFETIME: Final = timedelta(days=90)


async def issue_processor_token(
    info: Info[Context, None], processor: OfProcessor, expires_at: ProcessorTokenEnd
) -> IssuedToken | Refused:
    """Issues a token. It does not work until it is approved."""
    context, now = info.context, info.context.now()
    if not now < expires_at <= now + LONGEST_LIFETIME:
        sentence = f"`expiresAt` must be within the next {LONGEST_LIFETIME.days} days."
        return Refused(RefusalCode.INVALID_INPUT, sentence, "expiresAt")
    issuance = NewToken(
        Role.PROCESSOR, "operations", now, expires_at, processor=processor, issuer_id=context.caller.subject_id
    )
    async with context.database.writing() as connection:
        token, row = await issue_token(connection, issuance)
        record(EventKind.TOKEN_ISSUED, record=row["id"], role=Role.PROCESSOR, processor=processor)
    return IssuedToken(row["id"], token, Role.PROCESSOR, processor, expires_at)


async def approve_processor_token(info: Info[Context, None], id: TokenId) -> bool:
    """Approves a token that another person issued. Returns false if there is no such live token."""
    context = info.context
    one = (ACCESS_TOKENS.c.id == lookup_id(str(id))) & (ACCESS_TOKENS.c.role == Role.PROCESSOR.value)
    alive = ACCESS_TOKENS.c.revoked_at.is_(None) & (ACCESS_TOKENS.c.expires_at > context.now())
    async with context.database.writing() as connection:
        row = (await connection.execute(select(ACCESS_TOKENS).where(one, alive).with_for_update())).one_or_none()
        if row is None:
            return False
        is_own = row.issuer_id == context.caller.subject_id
        if row.approved_at is None and not is_own:
            approval = {"approved_at": context.now(), "approved_by": context.caller.subject_id}
            await connection.execute(update(ACCESS_TOKENS).where(one).values(**approval))
            record(EventKind.TOKEN_APPROVED, record=row.id, processor=Processor(row.processor))
    if is_own:
        record(EventKind.APPROVAL_REFUSED, record=row.id, reason=ApprovalRefusal.SAME_PERSON)
        raise bad_input("id", "You cannot approve a token that you issued.")
    return True

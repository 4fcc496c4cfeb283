"""Changes the caller's own record, each time in one transaction that locks the account."""

from collections.abc import Callable
from typing import Annotated, Any

from sqlalchemy import Table, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.mutation_outcomes import ProfileUpdated, Refused
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import ConsentWait, Purpose, RefusalCode, mask_of
from resolvers.arguments import HiddenFields
from resolvers.consent.state import stands, waits_for
from resolvers.context import Context
from resolvers.inputs import PreRegistrationInput, ProfileInput, sent_fields
from resolvers.subjects.account_lock import lock_account
from resolvers.subjects.own_record import own_record
from resolvers.validation.free_text import InvalidValue
from resolvers.validation.profile_values import clean_pre_registration, clean_profile


async def update_profile(
    info: Info[Context, None], input: Annotated[ProfileInput, argument(description="The fields to change.")]
) -> ProfileUpdated | Refused:
    """Changes the fields that the client sent; null clears a field. Storing a value requires consent to SOCIAL."""
    values = sent_fields(input)
    if values.get("public_pages"):
        values["public_pages"] = [sent_fields(page) for page in values["public_pages"]]
    return await _change(info, PROFILES, Purpose.SOCIAL, values, clean_profile)


async def update_pre_registration(
    info: Info[Context, None], input: Annotated[PreRegistrationInput, argument(description="The fields to change.")]
) -> ProfileUpdated | Refused:
    """Changes the fields that the client sent; null clears a field. Storing a value requires consent to EXPANSION."""
    return await _change(info, PRE_REGISTRATIONS, Purpose.EXPANSION, sent_fields(input), clean_pre_registration)


async def _change(
    info: Info[Context, None],
    table: Table,
    purpose: Purpose,
    values: dict[str, Any],
    clean: Callable[[dict[str, Any]], dict[str, Any]],
) -> ProfileUpdated | Refused:
    context = info.context
    try:
        cleaned = clean(values)
    except InvalidValue as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`{problem.field}` {problem.reason}.", f"input.{problem.field}")
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        if not stands(account, purpose) and any(value is not None for value in cleaned.values()):
            return _refused(account, purpose)
        if cleaned:
            await _store(connection, table, account.id, cleaned)
    return ProfileUpdated(await own_record(context, context.caller, context.requested_fields(info).bits))


def _refused(account: Any, purpose: Purpose) -> Refused:
    """Returns the refusal: the address is not verified, or if that is not all, consent is missing."""
    if waits_for(account, purpose) is ConsentWait.EMAIL_VERIFICATION:
        sentence = f"Verify your e-mail address first. Your consent to {purpose.value} counts from then on."
        return Refused(RefusalCode.EMAIL_NOT_VERIFIED, sentence)
    return Refused(RefusalCode.CONSENT_REQUIRED, f"To store these fields, consent to {purpose.value} first.", "input")


async def _store(connection: AsyncConnection, table: Table, subject_id: str, values: dict[str, Any]) -> None:
    mine = table.c.subject_id == subject_id
    changed = await connection.execute(update(table).where(mine).values(values))
    held = [column for column in table.columns if column.name != "subject_id"]
    await connection.execute(delete(table).where(mine, *(column.is_(None) for column in held)))
    if changed.rowcount == 0 and any(value is not None for value in values.values()):
        await connection.execute(insert(table), {"subject_id": subject_id, **values})


async def set_hidden_from_members(info: Info[Context, None], fields: HiddenFields) -> ProfileUpdated | Refused:
    """Sets the fields that other members cannot see. All other fields become visible."""
    context = info.context
    if len(fields) > 100:
        return Refused(RefusalCode.INVALID_INPUT, "`fields` must contain at most 100 names.", "fields")
    mine = update(ACCOUNTS).where(ACCOUNTS.c.id == context.caller.subject_id)
    async with context.database.writing() as connection:
        await connection.execute(mine.values(hidden=mask_of(tuple(fields))))
    return ProfileUpdated(await own_record(context, context.caller, context.requested_fields(info).bits))

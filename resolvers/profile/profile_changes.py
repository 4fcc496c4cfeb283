"""Changes to one's own record: each in one transaction, under the account's own lock."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.outcome import ProfileUpdated, Refused
from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Purpose, RefusalCode, mask_of
from permissions.failure import gone
from resolvers.account.viewer import own_record
from resolvers.arguments import HiddenFields
from resolvers.consent.state import stands
from resolvers.context import Context
from resolvers.inputs import PreRegistrationInput, ProfileInput
from resolvers.profile import validate_values


def given(values: Any) -> dict[str, Any]:
    """The fields of an input that were sent, null or not."""
    return {name: value for name, value in vars(values).items() if value is not strawberry.UNSET}


async def update_profile(
    info: Info[Context, None], input: Annotated[ProfileInput, argument(description="The fields to change.")]
) -> ProfileUpdated | Refused:
    """Keeps what is absent, clears what is null; a value needs SOCIAL, which it is kept under."""
    values = given(input)
    if values.get("public_pages"):
        values["public_pages"] = [given(page) for page in values["public_pages"]]
    return await _change(info, PROFILES, Purpose.SOCIAL, values, validate_values.profile)


async def update_pre_registration(
    info: Info[Context, None], input: Annotated[PreRegistrationInput, argument(description="The fields to change.")]
) -> ProfileUpdated | Refused:
    """Keeps what is absent, clears what is null; a value needs EXPANSION, which it is kept under."""
    return await _change(info, PRE_REGISTRATIONS, Purpose.EXPANSION, given(input), validate_values.pre_registration)


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
    except validate_values.Unacceptable as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`{problem.field}` {problem.reason}.", f"input.{problem.field}")
    async with context.database.writing() as connection:
        account = await locked_account(connection, str(context.caller.subject_id))
        if not stands(account, purpose) and any(value is not None for value in cleaned.values()):
            sentence = f"Values of this kind are kept under {purpose.value}, which does not stand."
            return Refused(RefusalCode.CONSENT_REQUIRED, sentence, "input")
        if cleaned:
            await _keep(connection, table, account.id, cleaned)
    return ProfileUpdated(await own_record(context, context.caller, context.asked(info).bits))


async def _keep(connection: AsyncConnection, table: Table, subject_id: str, values: dict[str, Any]) -> None:
    mine = table.c.subject_id == subject_id
    changed = await connection.execute(update(table).where(mine).values(values))
    held = [column for column in table.columns if column.name != "subject_id"]
    await connection.execute(delete(table).where(mine, *(column.is_(None) for column in held)))
    if changed.rowcount == 0 and any(value is not None for value in values.values()):
        await connection.execute(insert(table), {"subject_id": subject_id, **values})


async def locked_account(connection: AsyncConnection, subject_id: str) -> Any:
    """The account's row, held until the transaction ends: changes of one subject's record queue here."""
    if (account := await account_if_any(connection, subject_id)) is None:
        raise gone()
    return account


async def account_if_any(connection: AsyncConnection, subject_id: str) -> Any:
    """The same where its subject may be gone: None then."""
    mine = select(ACCOUNTS).where(ACCOUNTS.c.id == subject_id).with_for_update()
    return (await connection.execute(mine)).one_or_none()


async def set_hidden_from_members(info: Info[Context, None], fields: HiddenFields) -> ProfileUpdated | Refused:
    """Says exactly which fields fellow members do not see; what is not named is shown."""
    context = info.context
    if len(fields) > 100:
        return Refused(RefusalCode.INVALID_INPUT, "`fields` holds at most 100 names.", "fields")
    mine = update(ACCOUNTS).where(ACCOUNTS.c.id == context.caller.subject_id)
    async with context.database.writing() as connection:
        await connection.execute(mine.values(hidden=mask_of(tuple(fields))))
    return ProfileUpdated(await own_record(context, context.caller, context.asked(info).bits))

"""Grants and withdraws consent: the record, the new state and its consequences in one transaction."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.logs import hash_chain
from models.mutation_outcomes import ConsentChanged, ConsentEntry, Refused
from models.records.consent import record_of
from models.tables import ACCOUNTS
from models.vocabulary import ConsentSource, ObjectionSource, Processor, Purpose, RefusalCode
from permissions import version_numbers
from resolvers.arguments import ConsentPurpose, SeenVersion
from resolvers.consent.objections import record_objection
from resolvers.consent.state import consent_record, consent_states, grant_is_current, select_latest_records
from resolvers.context import Context
from resolvers.geolocation.stored_place import NO_PLACE, place_columns, store_place
from resolvers.processors import withdrawals
from resolvers.subjects.account_lock import lock_account

MANDATORY = Refused(RefusalCode.CONSENT_MANDATORY, "SERVICE needs no consent. It always stands.", "purpose")


async def grant_consent(
    info: Info[Context, None], purpose: ConsentPurpose, policy_version: SeenVersion
) -> ConsentChanged | Refused:
    """Grants a purpose under the current policy version. Changes nothing if the purpose already stands."""
    if purpose is Purpose.SERVICE:
        return MANDATORY
    if policy_version != version_numbers.current_version().name:
        sentence = "The policy has changed. Show the current version, `policy { version }`, and ask for consent again."
        return Refused(RefusalCode.POLICY_VERSION_OUTDATED, sentence, "policyVersion")
    return await _change(info.context, purpose, granted=True)


async def withdraw_consent(info: Info[Context, None], purpose: ConsentPurpose) -> ConsentChanged | Refused:
    """Withdraws a purpose, effective with the next read. Without a grant, it records a refusal."""
    if purpose is Purpose.SERVICE:
        return MANDATORY
    return await _change(info.context, purpose, granted=False)


async def _change(context: Context, purpose: Purpose, *, granted: bool) -> ConsentChanged:
    subject_id = str(context.caller.subject_id)
    async with context.database.writing() as connection:
        account = await lock_account(connection, subject_id)
        last = await _latest_record(connection, subject_id, purpose)
        if last is None or last.granted != granted or (granted and not grant_is_current(account, purpose)):
            last = await _record(context, connection, account, purpose, granted=granted)
        if granted and context.caller.opts_out:
            account = await lock_account(connection, subject_id)
            await record_objection(connection, account, Processor.GOOGLE_ANALYTICS, ObjectionSource.GPC, context.now())
        _, states = await consent_states(connection, subject_id, context.services.retention)
    return ConsentChanged(last, states)


async def _latest_record(connection: AsyncConnection, subject_id: str, purpose: Purpose) -> ConsentEntry | None:
    rows = (await connection.execute(select_latest_records(subject_id))).all()
    return next((consent_record(row) for row in rows if row.purpose == purpose), None)


async def _record(
    context: Context, connection: AsyncConnection, account: Any, purpose: Purpose, *, granted: bool
) -> ConsentEntry:
    now, name = context.now(), purpose.lower()
    number = version_numbers.version_number(version_numbers.current_version().name) if granted else None
    begins = granted and bool(account.email_verified)  # a grant waits until the address is verified
    lapsed = None if begins else getattr(account, f"{name}_lapsed_at") or now
    mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
    await connection.execute(mine.values({f"{name}_version": number, f"{name}_lapsed_at": lapsed}))
    if not granted:
        await withdrawals.record_withdrawals(connection, account.id, withdrawals.fields_read_only_under(purpose), now)
    if purpose is Purpose.SOCIAL:
        place = place_columns(context.services.geolocation, account.ip_address) if begins else NO_PLACE
        await store_place(connection, account.id, place)
    said, source = version_numbers.current_version().name, ConsentSource.SETTINGS
    record = record_of(account.id, purpose, granted=granted, policy_version=said, at=now, source=source)
    (stored,) = await hash_chain.append(connection, context.services.keys, hash_chain.CONSENT, [record])
    return consent_record(SimpleNamespace(**stored))

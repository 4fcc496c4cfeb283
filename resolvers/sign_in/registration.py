"""Registering: one answer and one amount of work, whether or not anybody has the address."""

from dataclasses import replace
from typing import Annotated

import strawberry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import new_id
from models.email_address import InvalidAddress, canonical_address, normalized_address
from models.mutation_outcomes import Refused, Registered
from models.tokens.mailed_tokens import record_request_network, write_mailed_token
from models.vocabulary import (
    ConsentSource,
    Notice,
    ObjectionSource,
    Processor,
    Purpose,
    RefusalCode,
)
from permissions import version_numbers
from permissions.ip_network import network_of
from resolvers.consent.objections import object_to
from resolvers.context import Context
from resolvers.hashing.worker_pool import PoolFull
from resolvers.inputs import RegisterInput, sent_fields
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import RECIPIENT_LIMITS, REGISTRATION_LIMITS, TRY_LATER
from resolvers.sign_in.letter_recipient import Recipient, address_owner, recipient_of
from resolvers.sign_in.password_strength import weakness
from resolvers.subjects.account_lock import lock_account
from resolvers.subjects.new_person import ConsentEntry, NewPerson
from resolvers.subjects.store_people import PeopleStore
from resolvers.validation.free_text import InvalidValue, camel_case
from resolvers.validation.profile_values import clean_pre_registration, clean_profile


class InvalidRegistration(Exception):
    """What was sent cannot be registered, and why."""

    def __init__(self, code: RefusalCode, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.refused = Refused(code, sentence, f"input.{field}")


async def register(
    info: Info[Context, None], input: Annotated[RegisterInput, argument(description="The new account.")]
) -> Registered | Refused:
    """An account that is nobody's data but its own until its address is verified; a letter tells how."""
    context = info.context
    try:
        person = _person(context, input)
    except InvalidRegistration as problem:
        return problem.refused
    limits = (
        attempt_limits.per_network(context, "register", REGISTRATION_LIMITS),
        attempt_limits.per_email(context, "register", person.email_canonical, RECIPIENT_LIMITS),
    )
    if refusal := await attempt_limits.count_password_attempt(context, *limits):
        return refusal
    try:
        words = (person.email, input.first_name or "", input.last_name or "")
        if refusal := await weakness(context, input.password, "input.password", words):
            return refusal
        person.password_hash = await context.services.hashing.hash_in_pool(input.password)
    except PoolFull:
        return TRY_LATER
    async with context.database.writing() as connection:
        await _store_and_mail(context, connection, person)
    return Registered(person.email)


def _person(context: Context, input: RegisterInput) -> NewPerson:
    try:
        person = NewPerson(normalized_address(input.email), canonical_address(input.email))
    except InvalidAddress:
        raise InvalidRegistration(RefusalCode.INVALID_INPUT, "`email` is not an e-mail address.", "email") from None
    if input.policy_version != version_numbers.current_version().name:
        sentence = f"The policy's current version is {version_numbers.current_version().name}; show that one."
        raise InvalidRegistration(RefusalCode.POLICY_VERSION_OUTDATED, sentence, "policyVersion")
    if Purpose.SERVICE in input.consents:
        raise InvalidRegistration(RefusalCode.CONSENT_MANDATORY, "SERVICE needs no consent and takes none.", "consents")
    granted, now = dict.fromkeys(input.consents), context.now()
    person.consents = [ConsentEntry(purpose, True, input.policy_version, now) for purpose in granted]  # noqa: FBT003
    try:
        _add_values(person, input)
    except InvalidValue as problem:
        raise InvalidRegistration(
            RefusalCode.INVALID_INPUT, f"`{problem.field}` {problem.reason}.", problem.field
        ) from None
    return person


def _add_values(person: NewPerson, input: RegisterInput) -> None:
    """The values that came, each under the purpose that it is kept for."""
    names = {name: getattr(input, name) for name in ("first_name", "last_name")}
    form = sent_fields(input.pre_registration) if input.pre_registration else {}
    person.profile = clean_profile({name: value for name, value in names.items() if value is not strawberry.UNSET})
    person.form = clean_pre_registration(form, "preRegistration.")
    kept = ((Purpose.SOCIAL, person.profile), (Purpose.EXPANSION, person.form))
    for purpose, values in kept:
        if person.granted(purpose) is None and (filled := [name for name, value in values.items() if value]):
            field = camel_case(filled[0]) if purpose is Purpose.SOCIAL else "preRegistration"
            sentence = f"`{field}` is kept under {purpose.value}, which is not among the consents."
            raise InvalidRegistration(RefusalCode.CONSENT_REQUIRED, sentence, field)


async def _store_and_mail(context: Context, connection: AsyncConnection, person: NewPerson) -> None:
    """The account where the address is free; where it is not, the same work undone, and a letter to its owner."""
    now, keys, id = context.now(), context.services.keys, None
    owner = await address_owner(connection, person.email_canonical, now)
    try:
        async with connection.begin_nested() as attempt:
            id = await _store(context, connection, person if owner is None else _with_unused_address(person))
            if owner is not None:
                await attempt.rollback()
    except IntegrityError:  # somebody else has just registered it
        owner = await address_owner(connection, person.email_canonical, now)
    box = Recipient(id, Notice.VERIFY_ADDRESS) if owner is None else recipient_of(owner, Notice.ALREADY_REGISTERED)
    letter = await write_mailed_token(connection, keys, subject_id=box.subject_id, notice=box.notice, now=now)
    await record_request_network(connection, keys, letter, network_of(context.caller.address))


async def _store(context: Context, connection: AsyncConnection, person: NewPerson) -> str:
    services = context.services
    store = PeopleStore(services.keys, services.geolocation, context.now(), ConsentSource.REGISTRATION)
    (id,) = await store.store(connection, [person])
    if context.caller.opts_out:
        account = await lock_account(connection, id)
        await object_to(connection, account, Processor.GOOGLE_ANALYTICS, ObjectionSource.GPC, context.now())
    return id


def _with_unused_address(person: NewPerson) -> NewPerson:
    """The same person under an address that nobody has."""
    address = f"{new_id()}@{person.email_canonical.rpartition('@')[2]}"
    return replace(person, email=address, email_canonical=address)

"""Registers an account, with the same answer and the same work whether or not the address is taken."""

from dataclasses import replace
from typing import Annotated

import strawberry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import new_id
from models.email_address import InvalidAddress, canonical_address, given_address
from models.letters import Notice
from models.mutation_outcomes import Refused, Registered
from models.tokens.mailed_tokens import record_request_network, stand_in_id, write_mailed_token
from models.vocabulary import ConsentSource, ObjectionSource, Processor, Purpose, RefusalCode
from permissions import version_numbers
from permissions.ip_network import network_of
from resolvers.consent.objections import record_objection
from resolvers.context import Context
from resolvers.inputs import RegisterInput, sent_fields
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import RECIPIENT_LIMITS, REGISTRATION_LIMITS
from resolvers.sign_in.letter_recipient import Recipient, address_owner, recipient_of
from resolvers.sign_in.new_password import check_and_hash
from resolvers.subjects.account_lock import lock_account
from resolvers.subjects.new_person import ConsentDecision, NewPerson
from resolvers.subjects.password_owner import PasswordOwner
from resolvers.subjects.store_people import PeopleStore
from resolvers.validation.free_text import InvalidValue, camel_case
from resolvers.validation.profile_values import clean_pre_registration, clean_profile


class InvalidRegistration(Exception):
    """The input cannot be registered, with the refusal that says why."""

    def __init__(self, code: RefusalCode, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.refused = Refused(code, sentence, f"input.{field}")


async def register(
    info: Info[Context, None], input: Annotated[RegisterInput, argument(description="The new account.")]
) -> Registered | Refused:
    """Creates an account and mails a link that verifies its address."""
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
    names = tuple(filter(None, (input.first_name, input.last_name)))
    hashing = check_and_hash(context, input.password, "input.password", PasswordOwner(person.email, names))
    hashed = await attempt_limits.unless_full(context, hashing, *limits[1:])
    if isinstance(hashed, Refused):
        return hashed
    person.password_hash = hashed
    async with context.database.writing() as connection:
        await _store_and_mail(context, connection, person)
    return Registered(person.email)


def _person(context: Context, input: RegisterInput) -> NewPerson:
    try:
        person = NewPerson(given_address(input.email), canonical_address(input.email))
    except InvalidAddress:
        raise InvalidRegistration(RefusalCode.INVALID_INPUT, "`email` is not an e-mail address.", "email") from None
    if input.policy_version != version_numbers.current_version().name:
        sentence = f"The current policy version is {version_numbers.current_version().name}. Show it to the subject."
        raise InvalidRegistration(RefusalCode.POLICY_VERSION_OUTDATED, sentence, "policyVersion")
    if Purpose.SERVICE in input.consents:
        raise InvalidRegistration(
            RefusalCode.CONSENT_MANDATORY, "SERVICE needs no consent. Leave it out of `consents`.", "consents"
        )
    granted, now = dict.fromkeys(input.consents), context.now()
    person.consents = [ConsentDecision(purpose, True, input.policy_version, now) for purpose in granted]  # noqa: FBT003
    try:
        _add_values(person, input)
    except InvalidValue as problem:
        raise InvalidRegistration(
            RefusalCode.INVALID_INPUT, f"`{problem.field}` {problem.reason}.", problem.field
        ) from None
    return person


def _add_values(person: NewPerson, input: RegisterInput) -> None:
    """Adds the values of the profile and the form; each needs consent to its purpose."""
    names = {name: getattr(input, name) for name in ("first_name", "last_name")}
    form = sent_fields(input.pre_registration) if input.pre_registration else {}
    person.profile = clean_profile({name: value for name, value in names.items() if value is not strawberry.UNSET})
    person.form = clean_pre_registration(form, "preRegistration.")
    values_of = ((Purpose.SOCIAL, person.profile), (Purpose.EXPANSION, person.form))
    for purpose, values in values_of:
        if person.granted(purpose) is None and (filled := [name for name, value in values.items() if value]):
            field = camel_case(filled[0]) if purpose is Purpose.SOCIAL else "preRegistration"
            sentence = f"To store `{field}`, add {purpose.value} to `consents`."
            raise InvalidRegistration(RefusalCode.CONSENT_REQUIRED, sentence, field)


async def _store_and_mail(context: Context, connection: AsyncConnection, person: NewPerson) -> None:
    """Stores the account if the address is free. If it is taken, undoes the same work and writes to its owner."""
    now, keys = context.now(), context.services.keys
    id = stand_in = stand_in_id(keys, person.email_canonical)
    owner = await address_owner(connection, person.email_canonical, now)
    try:
        async with connection.begin_nested() as attempt:
            id = await _store(context, connection, person if owner is None else _with_unused_address(person))
            if owner is not None:
                await attempt.rollback()
    except IntegrityError:  # someone else has just registered it
        owner = await address_owner(connection, person.email_canonical, now)
    recipient = (
        Recipient(id, Notice.VERIFY_ADDRESS)
        if owner is None
        else recipient_of(owner, Notice.ALREADY_REGISTERED, stand_in)
    )
    letter = await write_mailed_token(
        connection, keys, subject_id=recipient.subject_id, notice=recipient.notice, now=now
    )
    await record_request_network(connection, keys, letter, network_of(context.caller.address))


async def _store(context: Context, connection: AsyncConnection, person: NewPerson) -> str:
    services = context.services
    store = PeopleStore(services.keys, services.geolocation, context.now(), ConsentSource.REGISTRATION)
    (id,) = await store.store(connection, [person])
    if context.caller.opts_out:
        account = await lock_account(connection, id)
        await record_objection(connection, account, Processor.GOOGLE_ANALYTICS, ObjectionSource.GPC, context.now())
    return id


def _with_unused_address(person: NewPerson) -> NewPerson:
    """The same person with a random address that no account has."""
    address = f"{new_id()}@{person.email_canonical.rpartition('@')[2]}"
    return replace(person, email=address, email_canonical=address)

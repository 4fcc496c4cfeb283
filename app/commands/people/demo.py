"""Fills an empty database with made-up people. The same seed makes the same people."""

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.console.command_error import CommandError
from app.commands.console.process import find_person, run
from app.commands.console.progress_bar import progress
from app.commands.people.demo_people import DOMAIN, PASSWORD, Population, sign_in_people
from app.commands.server.retention import ErasurePlaces
from app.settings import load
from models.columns import ID_LENGTH
from models.key_ring import KeyRing
from models.tables import ACCOUNTS
from models.tokens import token_rows
from models.vocabulary import STAFF, ConsentSource, Role
from resolvers.context import Services
from resolvers.imports.parse_line import parse_person
from resolvers.subjects.store_people import PeopleStore

BATCH: Final = 500
ROLE_LIFETIME: Final = timedelta(days=90)


def demo(users: int, seed: int, *, if_empty: bool = False) -> None:
    """Adds the people in one transaction, and prints how to sign in as each role."""
    if load().in_production:
        raise CommandError("The demonstration is for development: CONSENTQL_ENVIRONMENT is `production`.")

    async def act(services: Services) -> bool:
        async with services.database.writing() as connection:
            if (await connection.execute(select(ACCOUNTS.c.id).limit(1))).first() is None:
                await _fill(services, connection, Population(users, seed, services.now()))
            elif not if_empty:
                raise CommandError("The database is not empty, so nothing was added. Use a new database.")
            return await _is_demo(connection)

    there = run(act, creating=True)
    typer.echo(sign_in_help() if there else "The database already has people, so none were added.", err=True)


async def _is_demo(connection: AsyncConnection) -> bool:
    try:
        await find_person(connection, f"{Role.MEMBER.lower()}@{DOMAIN}")
    except CommandError:
        return False
    return True


async def _fill(services: Services, connection: AsyncConnection, population: Population) -> None:
    now = services.now()
    erased = frozenset(ErasurePlaces.of(load()).register.ids())
    make_id = partial(_unused_id, population.make_id, erased)
    store = PeopleStore(services.keys, services.geolocation, now, ConsentSource.DEMONSTRATION, make_id=make_id)
    with progress("demo", population.size) as advance:
        people = [parse_person(line, now) for line in sign_in_people()]
        hashed = await asyncio.to_thread(services.hashing.hash, PASSWORD)
        for each in people:
            each.password, each.password_hash = None, hashed
        ids = await store.store(connection, people)
        await _grant_roles(connection, services.keys, ids, people, now)
        done, lines = len(people), population.lines()
        while batch := [parse_person(line, now) for _, line in zip(range(BATCH), lines, strict=False)]:
            await store.store(connection, batch)
            done += len(batch)
            advance(done)


def _unused_id(make_id: Callable[[], str], erased: frozenset[str]) -> str:
    """An id from the seed, or one derived from it if a person of an earlier demonstration with this id was erased."""
    id = make_id()
    while id in erased:
        id = hashlib.sha256(id.encode()).hexdigest()[:ID_LENGTH]
    return id


async def _grant_roles(connection: AsyncConnection, keys: KeyRing, ids: list[str], people: list[Any], now: Any) -> None:
    by_name = dict(zip((each.email.partition("@")[0] for each in people), ids, strict=True))
    for role in STAFF:
        await token_rows.grant_role(
            connection, keys, token_rows.NewGrant(by_name[role.lower()], role, now=now, expires_at=now + ROLE_LIFETIME)
        )


def sign_in_help() -> str:
    """How to sign in as each role."""
    member, command = f"{Role.MEMBER.lower()}@{DOMAIN}", _command_name()
    lines = [
        f'Sign in as a member, "{member}" with the password "{PASSWORD}":',
        f'  mutation {{ login(input: {{email: "{member}", password: "{PASSWORD}"}}) '
        "{ ... on SignedIn { accessToken } } }",
        "Tokens for the other roles (and for MEMBER):",
        *(f"  {command} token {role.value} --holder {role.lower()}@{DOMAIN}" for role in (Role.MEMBER, *STAFF)),
        f"  {command} token PROCESSOR --processor MAILCHIMP",
    ]
    return "\n".join(lines)


def _command_name() -> str:
    """The command as it can be typed: an environment that is not active is not on the PATH."""
    return "consentql" if shutil.which("consentql") else sys.argv[0]

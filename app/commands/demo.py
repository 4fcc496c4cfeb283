"""Fills an empty database with made-up people, the same for the same seed."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.fault import Fault
from app.commands.population import PASSWORD, Population, sign_in_people
from app.commands.progress import progress
from app.commands.session import run
from app.settings import load
from models import issuing
from models.tables import ACCOUNTS
from models.vocabulary import STAFF, ConsentSource, Role
from resolvers.context import Services
from resolvers.intake import person
from resolvers.settling import Settling

BATCH: Final = 500
ROLES_LAST: Final = timedelta(days=90)


def demo(users: int, seed: int) -> None:
    """Makes the people, all in one transaction, and says how to sign in as each role."""
    if load().in_production:
        raise Fault("Made-up people have no place in production.")

    async def act(services: Services) -> None:
        async with services.database.writing() as connection:
            if (await connection.execute(select(ACCOUNTS.c.id).limit(1))).first() is not None:
                raise Fault("The database is not empty; nothing was added.")
            await _fill(services, connection, Population(users, seed, services.now()))

    run(act)
    typer.echo(told(), err=True)


async def _fill(services: Services, connection: AsyncConnection, population: Population) -> None:
    now = services.now()
    settling = Settling(
        services.keys, services.geolocation, now, ConsentSource.DEMONSTRATION, make_id=population.make_id
    )
    with progress("demo", population.size) as advance:
        people = [person(line, now) for line in sign_in_people()]
        hashed = await asyncio.to_thread(services.hashing.hash, PASSWORD)
        for each in people:
            each.password, each.password_hash = None, hashed
        ids = await settling.settle(connection, people)
        await _grant_roles(connection, ids, people, now)
        done, lines = len(people), population.lines()
        while batch := [person(line, now) for _, line in zip(range(BATCH), lines, strict=False)]:
            await settling.settle(connection, batch)
            done += len(batch)
            advance(done)


async def _grant_roles(connection: AsyncConnection, ids: list[str], people: list[Any], now: Any) -> None:
    by_name = {each.email.partition("@")[0]: id for id, each in zip(ids, people, strict=True)}
    for role in STAFF:
        await issuing.grant_role(
            connection, by_name[role.lower()], role, now=now, expires_at=now + ROLES_LAST, granted_by=None
        )


def told() -> str:
    """How to sign in as each role."""
    lines = [
        "Sign in as a member:",
        f'  mutation {{ login(input: {{email: "member@demo.example.org", password: "{PASSWORD}"}}) '
        "{ ... on SignedIn { accessToken } } }",
        "Tokens for the other roles (and for MEMBER):",
        *(f"  consentql token {role.value} --holder {role.lower()}@demo.example.org" for role in (Role.MEMBER, *STAFF)),
        "  consentql token PROCESSOR --processor MAILCHIMP",
    ]
    return "\n".join(lines)

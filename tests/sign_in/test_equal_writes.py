"""An operation that takes an address writes as much, in as many transactions, whether or not an account has it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from app.commands.access.disable import disable_account
from models.letters import LinkUse
from models.tokens.token_format import TokenKind, new_token
from models.vocabulary import Role
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    LOGIN,
    REGISTER,
    STRONG,
    VERIFY,
    Clock,
    mailed_tokens,
    new_session,
    registration_input,
    sign_in,
    verify_email,
)
from tests.statements import listening, recorded_statements
from tests.world import World

ACCOUNTS = ("known", "unverified", "staff", "disabled", "passwordless")
TIMES = 3
TOLERANCE = 0.2
"""How much the volume of the log may differ. A page that the log holds whole after a checkpoint is not counted."""

OPEN_CASE = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) {
  ... on SupportCase { status } ... on Refusal { code } } }"""
LOG_POSITION = text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")


@dataclass(frozen=True, slots=True)
class Work:
    """What one operation cost: its answer, its statements, its commits and the bytes that the database logged."""

    answer: str
    statements: int
    commits: int
    bytes: int


async def logged_bytes(world: World) -> int:
    async with world.services.database.reading() as connection:
        return int((await connection.execute(LOG_POSITION)).scalar_one())


async def work_of(world: World, document: str, token: str | None, variables: list[Any]) -> Work:
    """The work of a request. Of several equal ones the least: background work of the server only adds to it."""
    found = []
    for given in variables:
        began = await logged_bytes(world)
        async with recorded_statements(world.services.database) as statements, committed(world) as commits:
            response = await world.post(document, token, given)
        assert response.status_code == 200
        assert "errors" not in response.json(), response.text
        ended = await logged_bytes(world)
        found.append(Work(response.text, len(statements), len(commits), ended - began))
    return min(found, key=lambda work: (work.bytes, work.statements, work.commits))


@asynccontextmanager
async def committed(world: World) -> AsyncIterator[list[str]]:
    """Yields a list that grows with every commit within the block."""
    commits: list[str] = []

    def note(_connection: Any) -> None:
        commits.append("commit")

    with listening(world.services.database, "commit", note):
        yield commits


REQUESTS: dict[str, tuple[str, Any]] = {
    "register": (REGISTER, lambda email: {"input": registration_input(email, consents=["SOCIAL"], firstName="Ada")}),
    "requestPasswordReset": (ASK_RESET, lambda email: {"e": email}),
    "login": (LOGIN, lambda email: {"input": {"email": email, "password": "not it, nor like it"}}),
    "changeEmail": (CHANGE_EMAIL, lambda email: {"e": email, "p": STRONG}),
    "openSupportCase": (
        OPEN_CASE,
        lambda email: {"input": {"email": email, "reference": "T", "reason": "r", "extent": ["EMAIL"]}},
    ),
}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("field", REQUESTS)
async def test_every_address_costs_the_same_writes(world: World, field: str) -> None:
    for who in ACCOUNTS:
        password = {} if who == "passwordless" else {"password": STRONG}
        id = await world.person(f"{who}@example.org", emailVerified=who != "unverified", **password)
        if who == "staff":
            await world.token(Role.SUPPORT, id)
    await disable_account(world.services, "disabled@example.org")
    await world.person("caller@example.org", password=STRONG)
    caller = {
        "changeEmail": (await sign_in(world, "caller@example.org"))["accessToken"],
        "openSupportCase": await world.token(Role.SUPPORT, await world.person("agent@example.org")),
    }.get(field)
    document, variables = REQUESTS[field]

    def requests(who: str) -> list[Any]:  # only the first to register an address finds it free
        fresh = field == "register" and who == "nobody"
        names = [f"{who}{time}" if fresh else who for time in range(TIMES)]
        return [variables(f"{name}@example.org") for name in names]

    await work_of(world, document, caller, [variables("somebody.before@example.org")])  # touches every page once
    done = {who: await work_of(world, document, caller, requests(who)) for who in ("nobody", *ACCOUNTS)}
    usual = done["nobody"]
    for who, work in done.items():
        assert without_address(work) == without_address(usual), who
        assert (work.statements, work.commits) == (usual.statements, usual.commits), who
        assert abs(work.bytes - usual.bytes) <= TOLERANCE * max(usual.bytes, work.bytes), (who, work, usual)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_every_link_that_does_not_work_costs_the_same_writes(world: World) -> None:
    clock = Clock(world)
    await world.person("taken@example.org", password=STRONG)
    session = (await new_session(world, "caller@example.org"))[1]["accessToken"]

    async def link_for(email: str) -> str:
        await world.data(CHANGE_EMAIL, session, {"e": email, "p": STRONG})
        clock.forward(seconds=1)
        return (await mailed_tokens(world, LinkUse.CHANGE))[0]

    links = {"expired": await link_for("old@example.org")}
    clock.forward(days=2)
    session = (await sign_in(world, "caller@example.org"))["accessToken"]
    links["spent"] = await link_for("new@example.org")
    assert "email" in await verify_email(world, links["spent"], session)
    links["taken"] = await link_for("taken@example.org")
    links["unknown"] = new_token(TokenKind.MAILED)
    done = {who: await work_of(world, VERIFY, session, [{"t": link}] * TIMES) for who, link in links.items()}
    for who, work in done.items():
        assert "TOKEN_EXPIRED" in work.answer, who
        assert (work.statements, work.commits, work.bytes) == (
            done["unknown"].statements,
            done["unknown"].commits,
            0,
        ), who


def without_address(work: Work) -> str:
    """The answer without what the caller typed and without the id of a new case."""
    return re.sub(r"\w+@example", "@example", work.answer)

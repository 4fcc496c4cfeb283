"""On PostgreSQL an end waits for those who act, and those who act after it are refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.commands.access.disable import disable_account
from models.tables import ACCESS_TOKENS, DISCLOSURES, PROFILES, ROLE_GRANTS
from models.tokens.token_format import digest_of
from models.vocabulary import Processor, Role
from tests.authority.stops import stopped, until_waiting
from tests.staff.compliance_office import APPROVE, office_of
from tests.staff.staff_requests import GRANT_ROLE, REVOKE, opened_case
from tests.world import World, codes

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

REVOKE_TOKEN = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
REVOKE_SESSION = "mutation ($id: ID!) { revokeSession(id: $id) }"
VIEW = """mutation ($id: ID!) { openProcessorView(input: { userIds: [$id], reason: "sync" }) { __typename
  ... on Refusal { code } ... on IntercomView { contacts { email } } } }"""
READ = "query ($id: ID!) { user(id: $id) { email } }"
CHANGE = 'mutation { updateProfile(input: { about: "changed" }) { __typename } }'


@dataclass(frozen=True)
class Actor:
    """Someone who acts: the document, a statement after its check, and what its answer and the database show."""

    token: str
    holder: str | None
    document: str
    given: dict[str, Any] | None
    next_statement: str
    left: Callable[[], Awaitable[bool]]

    async def act(self, world: World) -> dict[str, Any]:
        """Sends the document."""
        return await world.ask(self.document, self.token, self.given)


async def operations(world: World) -> Actor:
    """Someone in OPERATIONS who grants a role."""
    boss, friend = [await world.person(f"{name}@example.org") for name in ("boss", "friend")]
    until = (world.services.now() + timedelta(days=1)).isoformat()
    grants = select(ROLE_GRANTS).where(ROLE_GRANTS.c.subject_id == friend)
    given = {"id": friend, "role": "COMPLIANCE", "until": until}
    token = await world.token(Role.OPERATIONS, boss)
    return Actor(token, boss, GRANT_ROLE, given, "INSERT INTO role_grants", finds(world, grants))


async def compliance(world: World) -> Actor:
    """Someone in COMPLIANCE who approves a request."""
    office = await office_of(world)
    second = await world.person("third@example.org")
    request = await office.opened()
    token = await world.token(Role.COMPLIANCE, second)
    shown = select(DISCLOSURES).where(DISCLOSURES.c.subject_id == office.subject)
    return Actor(token, second, APPROVE, {"id": request["id"]}, "UPDATE legal_requests", finds(world, shown))


async def support(world: World) -> Actor:
    """An agent who reads the subject of an assigned case."""
    subject, mine = await world.member("subject@example.org")
    agent, chief = [await world.person(f"{name}@example.org") for name in ("agent", "chief")]
    token = await world.token(Role.SUPPORT, agent)
    await opened_case(world, subject, agent, mine, await world.token(Role.OPERATIONS, chief))
    shown = select(DISCLOSURES).where(DISCLOSURES.c.subject_id == subject)
    return Actor(token, agent, READ, {"id": subject}, "FROM support_cases", finds(world, shown))


async def processor(world: World) -> Actor:
    """A processor that opens a view."""
    subject = await world.person("subject@example.org")
    shown = select(DISCLOSURES).where(DISCLOSURES.c.subject_id == subject)
    token = await world.token(Role.PROCESSOR, processor=Processor.INTERCOM)
    return Actor(token, None, VIEW, {"id": subject}, "INSERT INTO processor_views", finds(world, shown))


async def member(world: World) -> Actor:
    """A member who changes their profile."""
    id, token = await world.member("member@example.org")
    changed = select(PROFILES).where(PROFILES.c.subject_id == id, PROFILES.c.about == "changed")
    return Actor(token, id, CHANGE, None, "UPDATE profiles", finds(world, changed))


def finds(world: World, rows: Any) -> Callable[[], Awaitable[bool]]:
    """Whether the database has such a row."""

    async def found() -> bool:
        async with world.services.database.reading() as connection:
            return (await connection.execute(rows)).first() is not None

    return found


async def token_id(world: World, token: str) -> str:
    """The id of a token."""
    one = select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.digest == digest_of(token))
    async with world.services.database.reading() as connection:
        return str((await connection.execute(one)).scalar_one())


End = Callable[[], Awaitable[Any]]


async def end_of(world: World, how: str, actor: Actor) -> End:
    """One way to end the authority of an actor. Its statements before the stop need no further sign-in."""
    if how == "disabled":
        return lambda: disable_account(world.services, f"{actor_name(actor)}@example.org")
    if how == "session":
        other = await world.token(holder=actor.holder)
        given = {"id": await token_id(world, actor.token)}
        return lambda: world.data(REVOKE_SESSION, other, given)
    chief = await world.token(Role.OPERATIONS, await world.person("ender@example.org"))
    if how == "token":
        revoked = {"id": await token_id(world, actor.token)}
        return lambda: world.data(REVOKE_TOKEN, chief, revoked)
    role = {GRANT_ROLE: "OPERATIONS", APPROVE: "COMPLIANCE", READ: "SUPPORT"}[actor.document]
    return lambda: world.data(REVOKE, chief, {"id": actor.holder, "role": role})


def actor_name(actor: Actor) -> str:
    """The local part of the actor's address."""
    return {GRANT_ROLE: "boss", APPROVE: "third", READ: "agent", CHANGE: "member"}[actor.document]


ENDS = [
    *((actor, how) for actor in (operations, compliance, support) for how in ("token", "role", "disabled")),
    (processor, "token"),
    *((member, how) for how in ("session", "disabled")),
]
MADE = pytest.mark.parametrize(("made", "how"), ENDS)


@MADE
async def test_an_end_waits_for_a_transaction_that_holds_the_authority(
    world: World, made: Callable[[World], Awaitable[Actor]], how: str
) -> None:
    actor = await made(world)
    end = await end_of(world, how, actor)
    await world.ask("{ viewer { role } }", actor.token)  # the first use of a token is recorded with a write
    async with stopped(world.services.database, actor.next_statement) as stop:
        acting = asyncio.ensure_future(actor.act(world))
        await asyncio.wait_for(stop.reached.wait(), 20)
        ending = asyncio.ensure_future(end())
        await until_waiting(world.services.database, ending)
        stop.onward.set()
        answer = await acting
        await ending
    assert "errors" not in answer
    assert await actor.left()
    assert (await world.post("{ viewer { role } }", actor.token)).status_code == 401


@MADE
async def test_whoever_acts_while_their_authority_ends_is_refused(
    world: World, made: Callable[[World], Awaitable[Actor]], how: str
) -> None:
    actor = await made(world)
    end = await end_of(world, how, actor)
    await world.ask("{ viewer { role } }", actor.token)
    before = await actor.left()
    async with stopped(world.services.database, "UPDATE access_tokens SET revoked_at") as stop:
        ending = asyncio.ensure_future(end())
        await asyncio.wait_for(stop.reached.wait(), 20)
        acting = asyncio.ensure_future(actor.act(world))
        await until_waiting(world.services.database, acting)
        stop.onward.set()
        await ending
        answer = await acting
    (value,) = answer["data"].values()
    if how != "role":
        assert (value, codes(answer)) == (None, ["UNAUTHENTICATED"])
    elif actor.document == APPROVE:
        assert (value["__typename"], value["code"], "errors" in answer) == ("Refusal", "NOT_PERMITTED", False)
    else:
        assert (value, answer["errors"][0]["extensions"]) == (None, {"code": "FORBIDDEN", "reason": "ROLE"})
    assert await actor.left() is before is False

"""What begins after the revocation of a processor's token has committed succeeds no more.

Run it from the project's root. A document opens at most one view, so clients that open views one after the other take
the place of one document with 30 views.
"""

import asyncio
from typing import Any

from postgres import World, world_on_postgres
from sqlalchemy import func, select

from models.tables import ACCESS_TOKENS, READINGS
from models.vocabulary import Processor, Role
from tests.world import line

VIEW = """mutation($i: [ID!]!) {
  openProcessorView(input: { userIds: $i, reason: "sync" }) { ... on IntercomView { contacts { userId email } } } }"""
REVOKE = "mutation($i: ID!) { revokeRoleToken(id: $i) }"
CLIENTS = 8


async def late_entries(world: World) -> int:
    """How many entries are dated after the revocation."""
    ids = await world.store_people(*(line(f"p{number}@example.org", ("SOCIAL",)) for number in range(100)))
    token = await world.token(Role.PROCESSOR, processor=Processor.INTERCOM)
    chief = await world.token(Role.OPERATIONS, await world.person("chief@example.org", ()))

    async def open_views() -> None:
        while "errors" not in await world.ask(VIEW, token, {"i": ids}):
            pass

    clients = [asyncio.create_task(open_views()) for _ in range(CLIENTS)]
    await world.data(VIEW, token, {"i": ids})
    id = (await _one(world, select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.role == Role.PROCESSOR)))[0]
    await world.data(REVOKE, chief, {"i": id})
    async with asyncio.timeout(60):
        await asyncio.gather(*clients)
    ended = select(ACCESS_TOKENS.c.revoked_at).where(ACCESS_TOKENS.c.id == id).scalar_subquery()
    late = select(func.count()).select_from(READINGS).where(READINGS.c.at > ended)
    return int((await _one(world, late))[0])


async def _one(world: World, statement: Any) -> Any:
    async with world.services.database.reading() as connection:
        return (await connection.execute(statement)).one()


async def main() -> None:
    """Ends with status 1 if a view was recorded after the revocation."""
    async with world_on_postgres() as world:
        late = await late_entries(world)
    if late:
        raise SystemExit(f"FAULT: {late} entries are dated after the token was revoked")


if __name__ == "__main__":
    asyncio.run(main())

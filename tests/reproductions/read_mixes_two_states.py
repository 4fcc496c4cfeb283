"""One reading sees one state: an agent is shown nothing that was written after a case was closed.

Run it from the project's root. It stops the reading right after the statement that brought the grounds.
"""

import asyncio
from typing import Any

from postgres import World, world_on_postgres
from sqlalchemy import event
from sqlalchemy.util import await_only

from models.vocabulary import Role

OPEN = "mutation($i: OpenSupportCaseInput!) { openSupportCase(input: $i) { ... on SupportCase { id } } }"
ASSIGN = "mutation($c: ID!, $a: ID!) { assignSupportCase(id: $c, agentId: $a) { __typename } }"
CLOSE = "mutation($c: ID!) { closeSupportCase(id: $c) { __typename } }"
WRITE = 'mutation { updateProfile(input: { organization: "After the case" }) { __typename } }'
READ = "query($i: ID!) { user(id: $i) { organization } }"


async def mixed(world: World) -> str:
    """The answer to a read. In its middle the case is closed and the subject writes."""
    subject, owner = await world.member("subject@example.org")
    agent, chief = await world.person("agent@example.org"), await world.person("chief@example.org")
    of_agent, of_chief = await world.token(Role.SUPPORT, agent), await world.token(Role.OPERATIONS, chief)
    asked = {"subjectId": subject, "reference": "R", "reason": "why", "extent": ["EMAIL", "ORGANIZATION"]}
    case = (await world.data(OPEN, of_agent, {"i": asked}))["openSupportCase"]["id"]
    await world.data(ASSIGN, of_chief, {"c": case, "a": agent})
    reached, onward = asyncio.Event(), asyncio.Event()

    def pause(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM support_cases" in statement and not reached.is_set():
            reached.set()
            await_only(onward.wait())

    event.listen(world.services.database.engine.sync_engine, "after_cursor_execute", pause)
    reading = asyncio.create_task(world.ask(READ, of_agent, {"i": subject}))
    await reached.wait()
    await world.data(CLOSE, owner, {"c": case})
    await world.data(WRITE, owner)
    onward.set()
    return str(await reading)


async def main() -> None:
    """Ends with status 1 if the answer mixes two states."""
    async with world_on_postgres() as world:
        answer = await mixed(world)
    if "After the case" in answer:
        raise SystemExit(f"FAULT: the agent's answer, of a case that was closed before: {answer}")


if __name__ == "__main__":
    asyncio.run(main())

"""On PostgreSQL a reading by staff shows one state of the database, wherever it is interrupted."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final

import pytest

from models.vocabulary import Role
from resolvers.erasure.erase_people import Eraser
from resolvers.subjects.account_lock import lock_account
from tests.authority.stops import Stop, listening
from tests.staff.compliance_office import ComplianceOffice, office_of
from tests.staff.staff_requests import ASSIGN, OPEN_CASE
from tests.world import World

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

IS_READING: Final = ContextVar("statements of the reading that is interrupted", default=False)
MOST_STATEMENTS: Final = 30

BY_USER = "query ($id: ID!) { user(id: $id) { email firstName } }"
BY_NODE = "query ($id: ID!) { node(id: $id) { ... on User { email firstName } } }"
SEEN = """... on User { email firstName } ... on SupportCase { extent subject { email firstName } }
  ... on LegalRequest { extent subject { email firstName } }"""
BY_GROUND = f"query ($ground: ID!) {{ node(id: $ground) {{ {SEEN} }} }}"
BY_NODES = f"query ($id: ID!, $ground: ID!) {{ nodes(ids: [$id, $ground]) {{ {SEEN} }} }}"
BY_CASES = "{ supportCases(first: 9) { edges { node { status extent subject { email firstName } } } } }"
BY_REQUESTS = "{ legalRequests(first: 9) { edges { node { status extent subject { email firstName } } } } }"
WRITE = """mutation ($name: String!) { updateProfile(input: { firstName: $name }) { ... on Refusal { code }
  ... on ProfileUpdated { user { firstName } } } }"""
CLOSE_CASE = "mutation ($id: ID!) { closeSupportCase(id: $id) { ... on SupportCase { status } } }"
NARROW_CASE = "mutation ($id: ID!) { narrowSupportCase(id: $id, extent: [EMAIL]) { ... on SupportCase { status } } }"


async def interrupted(
    world: World, document: str, token: str, given: Any, place: int, change: Callable[[], Awaitable[Any]]
) -> dict[str, Any] | None:
    """Reads, and makes a change in front of one of the statements. None if there are fewer statements."""
    counter = itertools.count()
    stop = Stop(lambda _statement: IS_READING.get() and next(counter) == place)

    async def read() -> dict[str, Any]:
        IS_READING.set(True)
        return await world.ask(document, token, given)

    with listening(world.services.database, stop):
        reading, reached = asyncio.ensure_future(read()), asyncio.ensure_future(stop.reached.wait())
        await asyncio.wait([reading, reached], return_when=asyncio.FIRST_COMPLETED)
        if not stop.reached.is_set():
            reached.cancel()
            return None
        await change()
        stop.onward.set()
        return await reading


async def written(world: World, token: str, name: str) -> None:
    """Writes the first name of a member."""
    assert (await world.data(WRITE, token, {"name": name}))["updateProfile"] == {"user": {"firstName": name}}


def given_to(document: str, subject: str, ground: str) -> dict[str, str] | None:
    """The variables of a document: the subject, and the case or request."""
    variables = {"id": subject, "ground": ground}
    return {name: value for name, value in variables.items() if f"${name}" in document} or None


def check_one_state(answer: dict[str, Any]) -> None:
    """Checks that `nodes` shows a subject and a case or request about them from the same state, or neither."""
    if found := answer["data"].get("nodes"):
        direct, ground = found
        assert (direct is None) is (ground is None), answer
        assert direct is None or ground["subject"] == direct, answer
        assert ground is None or (direct["firstName"] is not None) is ("FIRST_NAME" in ground["extent"]), answer


@pytest.mark.parametrize("end", [CLOSE_CASE, NARROW_CASE], ids=["closed", "narrowed"])
@pytest.mark.parametrize("document", [BY_USER, BY_NODE, BY_GROUND, BY_NODES, BY_CASES])
async def test_an_agent_never_sees_what_was_written_after_the_case_ended(world: World, document: str, end: str) -> None:
    subject, mine = await world.member("subject@example.org")
    agent, chief = [await world.person(f"{name}@example.org") for name in ("agent", "chief")]
    token, operations = await world.token(Role.SUPPORT, agent), await world.token(Role.OPERATIONS, chief)
    shown = 0
    for place in range(MOST_STATEMENTS):
        await written(world, mine, "Before")
        opened = {"subjectId": subject, "reference": "T", "reason": "r", "extent": ["EMAIL", "FIRST_NAME"]}
        id = (await world.data(OPEN_CASE, mine, {"input": opened}))["openSupportCase"]["id"]
        await world.data(ASSIGN, operations, {"id": id, "agent": agent})

        async def change(case: str = id) -> None:
            assert await world.data(end, mine, {"id": case})
            await written(world, mine, "After")

        answer = await interrupted(world, document, token, given_to(document, subject, id), place, change)
        if answer is None:
            break
        check_one_state(answer)
        assert "After" not in str(answer), (place, answer)
        assert "FIRST_NAME" not in str(answer) or "Before" in str(answer), (place, answer)
        shown += "Before" in str(answer)
        await world.data(CLOSE_CASE, mine, {"id": id})
    assert 0 < shown < place, "the case ended in front of some statements, and after the reading of others"


@pytest.mark.parametrize("document", [BY_USER, BY_NODE, BY_GROUND, BY_NODES, BY_REQUESTS])
async def test_an_officer_never_sees_what_was_written_after_the_request_was_closed(world: World, document: str) -> None:
    office = await office_of(world)
    shown = 0
    for place in range(MOST_STATEMENTS):
        await written(world, office.mine, "Before")
        id = await office.approved(extent=["EMAIL", "FIRST_NAME"])

        async def change(request: str = id) -> None:
            await office.close(request)
            await written(world, office.mine, "After")

        given = given_to(document, office.subject, id)
        answer = await interrupted(world, document, office.second, given, place, change)
        if answer is None:
            break
        check_one_state(answer)
        assert "After" not in str(answer), (place, answer)
        shown += "Before" in str(answer)
    assert 0 < shown < place, "the request was closed in front of some statements, and after the reading of others"


async def erased(office: ComplianceOffice) -> None:
    """Erases the subject of the request."""
    services = office.world.services
    async with services.database.writing() as connection:
        await lock_account(connection, office.subject)
        await Eraser(connection, services.keys, services.now()).erase([office.subject])


async def test_an_erasure_takes_no_value_under_legal_hold_out_of_a_reading(world: World) -> None:
    office = await office_of(world)
    for place in range(MOST_STATEMENTS):
        office.subject = await world.person(f"subject{place}@example.org")
        await office.approved(extent=["EMAIL", "FIRST_NAME"])
        given = {"id": office.subject}
        answer = await interrupted(world, BY_USER, office.second, given, place, lambda: erased(office))
        if answer is None:
            break
        assert answer["data"]["user"] == {"email": f"subject{place}@example.org", "firstName": "Amara"}, (place, answer)
    assert place > 3

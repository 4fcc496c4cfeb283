"""A processor token works after one person issued it and another approved it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.tables import ACCESS_TOKENS
from models.vocabulary import Role
from tests.expectation import PROCESSORS
from tests.processors.parties import UNKNOWN
from tests.world import World, codes

ISSUE = """mutation ($p: Processor!, $until: DateTime!) { issueProcessorToken(processor: $p, expiresAt: $until) {
  __typename ... on RoleToken { id token role processor expiresAt } ... on Refusal { code field } } }"""


APPROVE = "mutation ($id: ID!) { approveProcessorToken(id: $id) }"


WHO = "{ viewer { role processor user { id } session { id } expiresAt } }"


@dataclass
class Approvers:
    """A person of OPERATIONS and one of COMPLIANCE."""

    world: World
    operations: str
    compliance: str

    async def issued(self, token: str | None = None, processor: str = "MAILCHIMP", **span: float) -> Any:
        """A token issued through the API."""
        until = (self.world.services.now() + timedelta(**(span or {"hours": 1}))).isoformat()
        answer = await self.world.data(ISSUE, token or self.operations, {"p": processor, "until": until})
        return answer["issueProcessorToken"]

    async def approve(self, id: str, token: str | None = None) -> bool:
        """Approves a token and returns the answer."""
        answer = await self.world.data(APPROVE, token or self.compliance, {"id": id})
        return bool(answer["approveProcessorToken"])

    async def is_valid(self, token: str) -> bool:
        """Whether the service accepts a token."""
        response = await self.world.post(WHO, token)
        assert response.status_code in (200, 401)
        return response.status_code == 200


@pytest.fixture
async def approvers(world: World) -> Approvers:
    """The two persons that a processor token needs."""
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    compliance = await world.token(Role.COMPLIANCE, await world.person("compliance@example.org"))
    return Approvers(world, operations, compliance)


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_a_token_works_once_another_person_has_approved_it(approvers: Approvers, processor: str) -> None:
    issued = await approvers.issued(processor=processor)
    assert (issued["role"], issued["processor"]) == ("PROCESSOR", processor)
    refused = await approvers.world.post(WHO, issued["token"])
    assert (refused.status_code, codes(refused.json())) == (401, ["UNAUTHENTICATED"])
    assert await approvers.approve(issued["id"]) is True
    assert (await approvers.world.data(WHO, issued["token"]))["viewer"] == {
        "role": "PROCESSOR",
        "processor": processor,
        "user": None,
        "session": None,
        "expiresAt": issued["expiresAt"],
    }


async def test_a_person_cannot_approve_a_token_that_they_issued(approvers: Approvers) -> None:
    world, both = approvers.world, await approvers.world.person("both@example.org")
    operations, compliance = await world.token(Role.OPERATIONS, both), await world.token(Role.COMPLIANCE, both)
    issued = await approvers.issued(operations)
    for _ in range(2):
        answer = await world.ask(APPROVE, compliance, {"id": issued["id"]})
        assert (answer["data"], codes(answer)) == ({"approveProcessorToken": None}, ["BAD_USER_INPUT"])
        assert answer["errors"][0]["extensions"]["argument"] == "id"
        assert not await approvers.is_valid(issued["token"])
    assert await approvers.approve(issued["id"])
    assert await approvers.is_valid(issued["token"])


async def test_approving_returns_false_if_there_is_no_such_live_token(approvers: Approvers) -> None:
    world = approvers.world
    person = await world.person("p@example.org")
    await world.token(Role.MEMBER, person)
    await world.token(Role.SUPPORT, person)
    issued, revoked, over = await approvers.issued(), await approvers.issued(), await approvers.issued(seconds=1)
    async with world.services.database.reading() as connection:
        others = select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.role != "PROCESSOR")
        ids = list((await connection.execute(others)).scalars())
    revoke = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
    await world.data(revoke, approvers.operations, {"id": revoked["id"]})
    now = world.services.now
    world.services.now = lambda: now() + timedelta(seconds=1)
    for id in (UNKNOWN, "", "nothing", "a\0b", revoked["id"], over["id"], *ids):
        assert await approvers.approve(id) is False, id
    for token in (revoked["token"], over["token"]):
        assert not await approvers.is_valid(token)
    assert await approvers.approve(issued["id"]) is True
    third = await world.token(Role.COMPLIANCE, await world.person("third@example.org"))
    kept = select(ACCESS_TOKENS.c.approved_at, ACCESS_TOKENS.c.approved_by).where(ACCESS_TOKENS.c.id == issued["id"])
    async with world.services.database.reading() as connection:
        before = (await connection.execute(kept)).one()
    assert await approvers.approve(issued["id"], third) is True, "already so"
    async with world.services.database.reading() as connection:
        assert (await connection.execute(kept)).one() == before


async def test_a_token_expires_as_stated_after_ninety_days_at_most(approvers: Approvers) -> None:
    moment = approvers.world.services.now()
    approvers.world.services.now = lambda: moment
    assert (await approvers.issued(days=90))["__typename"] == "RoleToken"
    for span in ({"days": 90, "microseconds": 1}, {"days": 0, "seconds": 0}, {"seconds": -1}, {"days": 4000}):
        assert await approvers.issued(**span) == {
            "__typename": "Refusal",
            "code": "INVALID_INPUT",
            "field": "expiresAt",
        }
    issued = await approvers.issued(minutes=5)
    await approvers.approve(issued["id"])
    assert await approvers.is_valid(issued["token"])
    approvers.world.services.now = lambda: moment + timedelta(minutes=5)
    assert not await approvers.is_valid(issued["token"])

"""A role that ends takes its tokens with it."""

import itertools
from datetime import timedelta

from sqlalchemy import update

from models.tables import ROLE_GRANTS
from models.vocabulary import STAFF, Role
from tests.staff.staff_requests import GRANT_ROLE, REVOKE, TOKENS_PAGE, UNKNOWN, listed
from tests.world import World, codes


async def test_a_person_cannot_grant_a_role_to_themselves_with_any_of_their_tokens(world: World) -> None:
    both = await world.person("both@example.org")
    first, second = await world.token(Role.OPERATIONS, both), await world.token(Role.OPERATIONS, both)
    until = (world.services.now() + timedelta(days=1)).isoformat()
    for token, role in itertools.product((first, second), STAFF):
        answer = await world.ask(GRANT_ROLE, token, {"id": both, "role": role, "until": until})
        assert (answer["data"], codes(answer)) == ({"grantRole": None}, ["BAD_USER_INPUT"])
    (me,) = await listed(world, first)
    assert [each["role"] for each in me["roles"]] == ["OPERATIONS"]
    nobody = await world.data(GRANT_ROLE, first, {"id": UNKNOWN, "role": "SUPPORT", "until": until})
    assert nobody == {"grantRole": False}


async def test_a_revoked_role_ends_its_tokens_for_good(world: World) -> None:
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    person = await world.person("p@example.org")
    support, analytics = await world.token(Role.SUPPORT, person), await world.token(Role.ANALYTICS, person)
    session = await world.token(Role.MEMBER, person)
    for again in (False, True):
        if again:
            await world.token(Role.SUPPORT, person)
        else:
            assert await world.data(REVOKE, operations, {"id": person, "role": "SUPPORT"}) == {"revokeRole": True}
        statuses = [
            (await world.post("{ viewer { role } }", each)).status_code for each in (support, analytics, session)
        ]
        assert statuses == [401, 200, 200]
        listed_ones = {each["role"] for each in await listed(world, operations, TOKENS_PAGE)}
        assert listed_ones == {"OPERATIONS", "ANALYTICS"} | ({"SUPPORT"} if again else set())


async def test_an_expired_role_ends_its_tokens_and_a_new_grant_revives_none(world: World) -> None:
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    person, other = [await world.person(f"{name}@example.org") for name in ("p", "q")]
    support, analytics = await world.token(Role.SUPPORT, person), await world.token(Role.ANALYTICS, person)
    colleague = await world.token(Role.SUPPORT, other)
    alive = [operations, analytics, colleague]

    async def works(*tokens: str) -> list[bool]:
        return [(await world.post("{ viewer { role } }", each)).status_code == 200 for each in tokens]

    async def roles() -> list[str]:
        return sorted(each["role"] for each in await listed(world, operations, TOKENS_PAGE))

    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT", "SUPPORT"]
    theirs = (ROLE_GRANTS.c.subject_id == person) & (ROLE_GRANTS.c.role == "SUPPORT")
    async with world.services.database.writing() as connection:
        await connection.execute(update(ROLE_GRANTS).where(theirs).values(expires_at=world.services.now()))
    assert await works(support, *alive) == [False, True, True, True]
    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT"]
    until = (world.services.now() + timedelta(days=1)).isoformat()
    for _ in range(2):
        again = {"id": person, "role": "SUPPORT", "until": until}
        assert await world.data(GRANT_ROLE, operations, again) == {"grantRole": True}
        assert await works(support, *alive) == [False, True, True, True]
        assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT"]
    renewed = await world.token(Role.SUPPORT, person)
    assert await world.data(GRANT_ROLE, operations, again) == {"grantRole": True}
    assert await works(renewed, *alive) == [True] * 4, "a grant during a live one ends no token"
    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT", "SUPPORT"]

"""The SQL conditions for locks agree with the expected decision."""

from itertools import product

from sqlalchemy import select, update

from models.tables import ACCOUNTS
from models.vocabulary import Audience, Lock
from permissions.masked_columns import is_unlocked, lock_bits
from tests import expectation
from tests.expectation import ALL_FIELDS
from tests.world import World, line


async def test_locks_in_sql_agree_with_the_expectation(world: World) -> None:
    """Tries every combination of locks."""
    now = world.services.now()
    states = list(product((False, True), repeat=4))
    ids = await world.store_people(
        *(line(f"s{place}@example.org", emailVerified=not state[0]) for place, state in enumerate(states))
    )
    async with world.services.database.writing() as connection:
        for id, (_, leaving, objected, restricted) in zip(ids, states, strict=True):
            values = {
                "leaving_since": now if leaving else None,
                "objected": 15 * objected,
                "restricted_at": now if restricted else None,
            }
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(**values))
    for audience in Audience:
        read = select(ACCOUNTS.c.id, is_unlocked(audience).label("unlocked"), lock_bits(audience))
        async with world.services.database.reading() as connection:
            found = {row.id: row for row in (await connection.execute(read)).all()}
        for id, (unverified, leaving, objected, restricted) in zip(ids, states, strict=True):
            # the extent decides later which cases a restriction leaves
            state = expectation.Circumstances(
                unverified=unverified, leaving=leaving, objected=objected, restricted=restricted, own_cases=ALL_FIELDS
            )
            assert bool(found[id].unlocked) is not expectation.is_locked_out(audience.value, state), (audience, state)
            here = objected and audience.value in expectation.PROCESSORS
            on = Lock.UNVERIFIED * unverified + Lock.LEAVING * leaving + Lock.OBJECTED * here
            assert found[id].locks == on + Lock.RESTRICTED * restricted, (audience, state)

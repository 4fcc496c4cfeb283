"""Updates of the own profile."""

from sqlalchemy import select

from models.tables import PROFILES
from tests.world import World


async def test_characters_that_uppercase_to_a_country_code_are_refused(world: World) -> None:
    _, mine = await world.member("p@example.org")
    update_one = "mutation ($c: String) { updateProfile(input: {country: $c}) { ... on Refusal { field } } }"
    for letters in ("ß", "ﬁ"):
        assert (await world.data(update_one, mine, {"c": letters}))["updateProfile"] == {"field": "input.country"}


async def test_an_emptied_profile_is_deleted(world: World) -> None:
    id, mine = await world.member("p@example.org", profile={"about": "Something."}, ipAddress=None)
    await world.data("mutation { updateProfile(input: {about: null}) { __typename } }", mine)
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(PROFILES).where(PROFILES.c.subject_id == id))).first() is None

"""Logging out ends the session at once."""

from sqlalchemy import select

from models.tables import ACCESS_TOKENS
from models.tokens.token_format import digest_of
from tests.world import World, codes


async def test_a_mutation_after_logout_in_the_same_document_is_unauthenticated(world: World) -> None:
    _, mine = await world.member("p@example.org")
    document = 'mutation { logout updateProfile(input: {about: "after"}) { ... on Refusal { code } } }'
    answer = await world.post(document, mine)
    assert (answer.status_code, answer.json()["data"]) == (200, {"logout": True, "updateProfile": None})
    assert codes(answer.json()) == ["UNAUTHENTICATED"]


async def test_a_revoked_token_stays_stored(world: World) -> None:
    _, mine = await world.member("p@example.org")
    await world.data("mutation { logout }", mine)
    async with world.services.database.reading() as connection:
        one = select(ACCESS_TOKENS.c.revoked_at).where(ACCESS_TOKENS.c.digest == digest_of(mine))
        assert (await connection.execute(one)).scalar_one() is not None

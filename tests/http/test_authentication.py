"""Invalid credentials are refused."""

from datetime import timedelta

from models.tokens.token_format import TokenKind, new_token
from models.vocabulary import Role
from tests.http.requests import CANARY, JSON, VIEWER_BODY, all_rows, assert_refused, send
from tests.world import World


async def test_an_invalid_credential_is_never_anonymous(world: World) -> None:
    one, mine = await world.member("p@example.org")
    past = world.services.now() - timedelta(days=2)
    expired = await world.token(Role.MEMBER, one, now=past, expires_at=past + timedelta(hours=1))
    revoked = await world.token(Role.MEMBER, one)
    await world.data("mutation { logout }", revoked)
    secret = new_token(TokenKind.SESSION)
    before = await all_rows(world.services.database)
    for value in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {CANARY}",
        f"Bearer {secret}",
        f"Bearer {secret[:-1]}x",
        f"Bearer {expired}",
        f"Bearer {revoked}",
        f"Bearer {mine} {mine}",
        f"Bearer {mine},Bearer {mine}",
        f"Bearer\t{mine}",
        mine,
        f"Basic {mine}",
        "Basic cDpw",
        "Negotiate x",
        f"Bearer {mine}\xe9",
    ):
        for document in (VIEWER_BODY, b'{"query": "{ policy { version } }"}'):
            headers = [*JSON.items(), (b"Authorization", value.encode("latin1"))]
            response = await world.client.post("/graphql", content=document, headers=headers)
            assert_refused(response, 401, "UNAUTHENTICATED")
            assert response.headers["www-authenticate"] == "Bearer"
            assert "ANONYMOUS" not in response.text
            assert CANARY not in response.text
    for second in (f"Bearer {mine}", "", "Basic x"):
        twice = [*JSON.items(), ("Authorization", f"Bearer {mine}"), ("Authorization", second)]
        assert_refused(await world.client.post("/graphql", content=VIEWER_BODY, headers=twice), 401, "UNAUTHENTICATED")
    assert await all_rows(world.services.database) == before
    assert (await send(world, VIEWER_BODY, Authorization=f"bearer  {mine}")).json()["data"]["viewer"][
        "role"
    ] == "MEMBER"

"""A right password begins a session; a wrong one and an unknown address get the same answer."""

from typing import Any

import pytest
from sqlalchemy import select

from models.tables import ACCESS_TOKENS, ACCOUNTS, CREDENTIALS
from models.tokens.token_format import TokenKind, digest_of, kind_of, new_token
from tests.world import PASSWORD, World, codes

LOGIN = """mutation ($email: String!, $password: String!, $client: String) {
  login(input: {email: $email, password: $password, client: $client}) {
    ... on SignedIn { accessToken expiresAt viewer { role user { id email } session { id client current } } }
    ... on Refusal { code field retryAfterSeconds } } }"""


VIEWER = "{ viewer { role expiresAt user { id } session { id } } }"


SESSIONS = "{ me { sessions { id current client lastUsedAt } } }"


async def sign_in(world: World, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return (await world.data(LOGIN, None, {"email": email, "password": password, **more}))["login"]


async def test_a_right_password_begins_a_session_that_the_member_sees(world: World) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    answer = await sign_in(world, "P@Example.org", client="phone")
    assert answer["viewer"]["user"] == {"id": id, "email": "p@example.org"}
    token = answer["accessToken"]
    sessions = (await world.data(SESSIONS, token))["me"]["sessions"]
    assert [(each["id"], each["current"], each["client"]) for each in sessions] == [
        (answer["viewer"]["session"]["id"], True, "phone")
    ]
    assert (await world.data(VIEWER, token))["viewer"]["role"] == "MEMBER"


async def test_no_secret_is_stored(world: World) -> None:
    await world.person("p@example.org", password=PASSWORD)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    async with world.services.database.reading() as connection:
        stored = (await connection.execute(select(ACCESS_TOKENS))).mappings().one()
        hashed = (await connection.execute(select(CREDENTIALS.c.password_hash))).scalar_one()
    assert stored["digest"] == digest_of(token)
    assert token not in str(dict(stored))
    assert hashed.startswith(f"{world.services.keys.id()}$argon2id$")


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer_after_the_same_work(world: World) -> None:
    await world.person("p@example.org", password=PASSWORD)
    await world.person("nopassword@example.org")
    work: list[Any] = []
    verify = world.services.hashing._hasher.verify

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

        def verify(self, *arguments: Any) -> Any:
            work.append(arguments)
            return verify(*arguments)

    hasher = world.services.hashing._hasher
    world.services.hashing._hasher = Counting()  # type: ignore[assignment]
    answers = [
        await sign_in(world, email, "not it")
        for email in ("p@example.org", "nobody@example.org", "nopassword@example.org", "not an address")
    ]
    assert answers == [{"code": "INVALID_CREDENTIALS", "field": None, "retryAfterSeconds": None}] * 4
    assert len(work) == 4


async def test_an_unverified_member_sees_only_themselves(world: World) -> None:
    await world.person("p@example.org", password=PASSWORD, emailVerified=False)
    other = await world.person("o@example.org")
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    answer = await world.ask(
        f'{{ me {{ user {{ email }} }} user(id: "{other}") {{ id }} users {{ edges {{ cursor }} }} }}', token
    )
    assert answer["data"] == {"me": {"user": {"email": "p@example.org"}}, "user": None, "users": None}
    assert codes(answer) == ["FORBIDDEN"]


async def test_a_sign_in_stores_its_ip_address_and_with_social_its_place(world: World) -> None:
    yes = await world.person("yes@example.org", password=PASSWORD, ipAddress="133.5.1.1")
    no = await world.person("no@example.org", (), password=PASSWORD, ipAddress="133.5.1.1")
    query = "{ me { user { ipAddress location { country } } } }"
    assert (await world.data(query, await world.token(holder=yes)))["me"]["user"]["location"] == {"country": "JP"}
    for email, id in (("yes@example.org", yes), ("no@example.org", no)):
        token = (await sign_in(world, email))["accessToken"]
        user = (await world.data(query, token))["me"]["user"]
        assert user == {"ipAddress": "127.0.0.1", "location": None}, id


async def test_a_member_has_at_most_twenty_sessions(world: World) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    tokens = [(await sign_in(world, "p@example.org"))["accessToken"] for _ in range(22)]
    alive = [(await world.post(VIEWER, token)).status_code for token in tokens]
    assert alive == [401, 401] + [200] * 20
    assert id


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_shows_its_kind_and_a_checksum_finds_typing_errors(kind: TokenKind) -> None:
    token = new_token(kind)
    assert kind_of(token) is kind
    for place in range(len(token)):
        letter = "x" if token[place] != "x" else "y"
        assert kind_of(token[:place] + letter + token[place + 1 :]) is None


async def test_the_token_of_a_stored_member_works(world: World) -> None:
    id, token = await world.member("p@example.org")
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(ACCOUNTS.c.id))).scalar() == id
    assert (await world.post(VIEWER, token)).status_code == 200

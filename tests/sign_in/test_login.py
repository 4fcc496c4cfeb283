"""A password opens a session and nothing else; every token has one role, and ends with the next request."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from slowapi import Limiter
from sqlalchemy import select, update

from app.main import create
from app.settings import Settings
from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS, CREDENTIALS
from models.tokens.token_format import TokenKind, digest_of, kind_of, new_token
from models.vocabulary import Processor, Role
from permissions.rate_limits import RateLimiter
from resolvers.hashing.password_hash import Hashing
from tests.world import PASSWORD, World, codes, services_on, settings_for, world_of

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


async def test_a_wrong_password_and_an_unknown_address_are_one_answer_with_one_amount_of_work(world: World) -> None:
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


async def test_an_unverified_member_signs_in_as_self_alone(world: World) -> None:
    await world.person("p@example.org", password=PASSWORD, emailVerified=False)
    other = await world.person("o@example.org")
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    answer = await world.ask(
        f'{{ me {{ user {{ email }} }} user(id: "{other}") {{ id }} users {{ edges {{ cursor }} }} }}', token
    )
    assert answer["data"] == {"me": {"user": {"email": "p@example.org"}}, "user": None, "users": None}
    assert codes(answer) == ["FORBIDDEN"]


async def test_a_sign_in_keeps_its_address_and_under_social_its_place(world: World) -> None:
    yes = await world.person("yes@example.org", password=PASSWORD, ipAddress="133.5.1.1")
    no = await world.person("no@example.org", (), password=PASSWORD, ipAddress="133.5.1.1")
    shown = "{ me { user { ipAddress location { country } } } }"
    assert (await world.data(shown, await world.token(holder=yes)))["me"]["user"]["location"] == {"country": "JP"}
    for email, id in (("yes@example.org", yes), ("no@example.org", no)):
        token = (await sign_in(world, email))["accessToken"]
        user = (await world.data(shown, token))["me"]["user"]
        assert user == {"ipAddress": "127.0.0.1", "location": None}, id


async def test_a_weaker_hash_is_replaced_when_the_password_is_right(world: World) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    before = (await world.account(id)).password_hash
    world.services.hashing = Hashing(world.services.keys, memory_kib=16, passes=1)
    assert "code" in await sign_in(world, "p@example.org", "wrong")
    assert (await world.account(id)).password_hash == before
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert "m=16," in (await world.account(id)).password_hash
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_logging_out_ends_the_token_that_asks(world: World) -> None:
    id = await world.person("p@example.org")
    one, two = await world.token(holder=id), await world.token(holder=id)
    assert (await world.data("mutation { logout }", one))["logout"] is True
    assert (await world.post(VIEWER, one)).status_code == 401
    assert (await world.post(VIEWER, two)).status_code == 200


async def test_a_session_is_revoked_by_its_member_alone(world: World) -> None:
    id, mine = await world.member("p@example.org")
    other_token = await world.token(holder=id)
    _, foreign = await world.member("o@example.org")
    sessions = (await world.data(SESSIONS, mine))["me"]["sessions"]
    (target,) = [each["id"] for each in sessions if not each["current"]]
    revoke = "mutation ($id: ID!) { revokeSession(id: $id) }"
    assert (await world.data(revoke, foreign, {"id": target}))["revokeSession"] is False
    assert (await world.post(VIEWER, other_token)).status_code == 200
    assert (await world.data(revoke, mine, {"id": target}))["revokeSession"] is True
    assert (await world.post(VIEWER, other_token)).status_code == 401
    assert (await world.data(revoke, mine, {"id": target}))["revokeSession"] is True, "done, or already so"
    assert (await world.data(revoke, mine, {"id": "0" * 32}))["revokeSession"] is False


async def test_never_more_than_twenty_sessions(world: World) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    tokens = [(await sign_in(world, "p@example.org"))["accessToken"] for _ in range(22)]
    alive = [(await world.post(VIEWER, token)).status_code for token in tokens]
    assert alive == [401, 401] + [200] * 20
    assert id


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.OPERATIONS])
async def test_a_staff_token_ends_with_its_role_its_expiry_and_its_revocation(world: World, role: Role) -> None:
    boss = await world.token(Role.OPERATIONS, await world.person("boss@example.org"))
    holder = await world.person("staff@example.org")
    token = await world.token(role, holder)
    viewer = (await world.data("{ viewer { role user { id email } } }".replace(" email", ""), token))["viewer"]
    assert viewer == {"role": role.value, "user": {"id": holder}}
    revoke = "mutation ($id: ID!, $role: Role!) { revokeRole(userId: $id, role: $role) }"
    assert (await world.data(revoke, boss, {"id": holder, "role": role.value}))["revokeRole"] is True
    assert (await world.post(VIEWER, token)).status_code == 401

    token = await world.token(role, holder)
    async with world.services.database.reading() as connection:
        id = (
            await connection.execute(select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.digest == digest_of(token)))
        ).scalar()
    assert (await world.data("mutation ($id: ID!) { revokeRoleToken(id: $id) }", boss, {"id": id}))["revokeRoleToken"]
    assert (await world.post(VIEWER, token)).status_code == 401

    token = await world.token(role, holder)
    async with world.services.database.writing() as connection:
        past = world.services.now() - timedelta(seconds=1)
        mine = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.digest == digest_of(token))
        await connection.execute(mine.values(expires_at=past))
    assert (await world.post(VIEWER, token)).status_code == 401


async def test_a_processor_token_names_nobody(world: World) -> None:
    token = await world.token(Role.PROCESSOR, None, Processor.MAILCHIMP)
    assert (await world.data("{ viewer { role user { id } session { id } } }", token))["viewer"] == {
        "role": "PROCESSOR",
        "user": None,
        "session": None,
    }


async def test_nobody_grants_to_themself_and_only_operations_grants(world: World) -> None:
    boss_id = await world.person("boss@example.org")
    boss = await world.token(Role.OPERATIONS, boss_id)
    person = await world.person("p@example.org")
    grant = "mutation ($id: ID!, $role: Role!, $at: DateTime!) { grantRole(userId: $id, role: $role, expiresAt: $at) }"
    soon = (world.services.now() + timedelta(days=1)).isoformat()
    good = {"id": person, "role": "SUPPORT", "at": soon}

    assert (await world.data(grant, boss, good))["grantRole"] is True
    assert (await world.data("{ me { roles } }", await world.token(holder=person)))["me"]["roles"] == ["SUPPORT"]
    assert (await world.data(grant, boss, {**good, "id": "0" * 32}))["grantRole"] is False
    for wrong, argument in (
        ({"id": boss_id}, "userId"),
        ({"role": "MEMBER"}, "role"),
        ({"role": "PROCESSOR"}, "role"),
        ({"at": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"at": "9999-01-01T00:00:00Z"}, "expiresAt"),
    ):
        answer = await world.ask(grant, boss, {**good, **wrong})
        assert answer["data"] == {"grantRole": None}
        assert codes(answer) == ["BAD_USER_INPUT"]
        assert answer["errors"][0]["extensions"]["argument"] == argument
    for role in (Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.MEMBER):
        token = await world.token(role, await world.person(f"{role}@example.org"))
        answer = await world.ask(grant, token, good)
        assert (answer["data"], codes(answer)) == ({"grantRole": None}, ["FORBIDDEN"])


async def test_a_member_ends_only_their_own_role_tokens(world: World) -> None:
    holder, mine = await world.member("p@example.org")
    _, foreign = await world.member("o@example.org")
    token = await world.token(Role.SUPPORT, holder)
    async with world.services.database.reading() as connection:
        id = (
            await connection.execute(select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.digest == digest_of(token)))
        ).scalar()
    revoke = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
    assert (await world.data(revoke, foreign, {"id": id}))["revokeRoleToken"] is False
    assert (await world.post(VIEWER, token)).status_code == 200
    assert (await world.data(revoke, mine, {"id": id}))["revokeRoleToken"] is True
    assert (await world.post(VIEWER, token)).status_code == 401


async def test_fifty_wrong_passwords_at_once_are_ten_attempts(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=PASSWORD)
    wrong = [world.post(LOGIN, None, {"email": "p@example.org", "password": "no"}) for _ in range(28)]
    answers = [response.json()["data"]["login"] for response in await asyncio.gather(*wrong)]
    told = [answer["code"] for answer in answers]
    assert (told.count("INVALID_CREDENTIALS"), told.count("TOO_MANY_ATTEMPTS")) == (10, 18)
    assert all(a["retryAfterSeconds"] > 0 for a in answers if a["code"] == "TOO_MANY_ATTEMPTS")
    right = await sign_in(world, "P@EXAMPLE.org")
    assert right["code"] == "TOO_MANY_ATTEMPTS", "another spelling is the same account"
    world.services.hashing.close()


async def test_attempts_are_counted_per_address_too(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    told = [(await sign_in(world, f"nobody{number}@example.org", "no"))["code"] for number in range(31)]
    assert told == ["INVALID_CREDENTIALS"] * 30 + ["TOO_MANY_ATTEMPTS"]
    world.services.hashing.close()


async def test_what_cannot_be_counted_together_is_counted_here_and_allows_a_quarter(database: Database) -> None:
    world = world_of(database, limits=RateLimiter("redis://127.0.0.1:1/0"))
    id = await world.person("p@example.org", password=PASSWORD)
    told = [(await sign_in(world, "p@example.org", "no"))["code"] for _ in range(3)]
    assert told == ["INVALID_CREDENTIALS"] * 2 + ["TOO_MANY_ATTEMPTS"], "two are a quarter of ten"
    token = await world.token(holder=id)
    withdrawn = await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", token)
    assert withdrawn["withdrawConsent"]["__typename"] == "ConsentChanged", "a withdrawal does not fail for it"
    world.services.hashing.close()


async def test_the_floor_refuses_an_address_with_429(database: Database) -> None:
    settings: Settings = settings_for(database, rate_limits="on")
    world = world_of(database, settings)
    responses = [await world.post("{ viewer { role } }") for _ in range(601)]
    assert [response.status_code for response in responses] == [200] * 600 + [429]
    assert int(responses[-1].headers["Retry-After"]) > 0
    assert responses[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    world.services.hashing.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_nothing_starts_where_the_floor_lets_everything_through(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limiter, "limit", lambda _self, _rate: lambda function: function)
    services = services_on(database)
    with pytest.raises(RuntimeError, match="not counted"):
        create(settings_for(database, rate_limits="on"), services)
    services.hashing.close()


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_and_its_kind_are_known_at_sight(kind: TokenKind) -> None:
    token = new_token(kind)
    assert kind_of(token) is kind
    for place in range(len(token)):
        letter = "x" if token[place] != "x" else "y"
        assert kind_of(token[:place] + letter + token[place + 1 :]) is None


async def test_the_holder_of_a_token_must_still_be_there(world: World) -> None:
    id, token = await world.member("p@example.org")
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(ACCOUNTS.c.id))).scalar() == id
    assert (await world.post(VIEWER, token)).status_code == 200

"""Each way in that was once found stays shut."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text
from starlette.requests import Request

from app.http.client_address import address_of
from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS, PROFILES
from models.tokens.token_format import digest_of
from models.vocabulary import Role
from permissions.ip_network import network_of
from permissions.rate_limits import RateLimiter
from permissions.version_numbers import current_version
from resolvers.hashing.argon2_parameters import is_acceptable_hash
from tests.serving import consentql
from tests.world import PASSWORD, World, codes, line, world_of

VIEWER = "{ viewer { role } }"


@pytest.mark.parametrize(
    ("document", "variables", "name"),
    [
        ("query ($b: Boolean = true) { viewer { role @skip(if: $b) } }", {"b": None}, "$b"),
        ("query ($b: Boolean = true) { viewer @include(if: $b) { role } }", {"b": None}, "$b"),
        ('query ($i: ID = "x") { user(id: $i) { id } }', {"i": None}, "$i"),
        ('query ($i: ID = "x") { ...A } fragment A on Query { node(id: $i) { id } }', {"i": None}, "$i"),
        (
            'mutation ($v: String = "x") { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }',
            {"v": None},
            "$v",
        ),
        ("mutation ($d: ProfileInput = {}) { updateProfile(input: $d) { __typename } }", {"d": None}, "$d"),
        (
            "mutation ($f: PersonalField = CITY) { setHiddenFromMembers(fields: [$f]) { __typename } }",
            {"f": None},
            "$f",
        ),
        (
            'mutation ($p: String = "x") { login(input: {email: "a@example.org", password: $p}) { __typename } }',
            {"p": None},
            "$p",
        ),
    ],
)
async def test_a_null_where_none_may_stand_is_told_by_name(
    world: World, document: str, variables: dict[str, Any], name: str
) -> None:
    _, token = await world.member("p@example.org")
    response = await world.post(document, token, variables)
    assert (response.status_code, codes(response.json())) == (400, ["BAD_USER_INPUT"])
    assert response.json()["errors"][0]["extensions"]["argument"] == name


async def test_a_failed_import_tells_no_row(database: Database, tmp_path: Path) -> None:
    column = "email" if database.is_sqlite else "email::text"
    async with database.writing() as connection:
        if database.is_sqlite:
            await connection.execute(
                text(
                    "CREATE TRIGGER no BEFORE INSERT ON accounts WHEN NEW.email LIKE '%leakme%' "
                    "BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
            )
        else:
            await connection.execute(text(f"ALTER TABLE accounts ADD CHECK ({column} NOT LIKE '%leakme%')"))
    file = tmp_path / "users.jsonl"
    file.write_text(json.dumps(line("leakme@example.org")) + "\n")
    done = consentql(database.url, "import", str(file), cwd=tmp_path)
    assert done.returncode == 2
    assert "leakme" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_imports_at_once_bring_everybody_once(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps({"email": f"p{number}@example.org"}) + "\n" for number in range(3000)))
    both = await asyncio.gather(
        *(asyncio.to_thread(consentql, database.url, "import", str(file), cwd=tmp_path) for _ in range(2))
    )
    assert [done.returncode for done in both] == [0, 0], both
    async with database.reading() as connection:
        assert len((await connection.execute(select(ACCOUNTS.c.id))).all()) == 3000


async def test_a_stronger_hash_from_elsewhere_is_kept(world: World) -> None:
    strong = PasswordHasher(2, 64, 1).hash(PASSWORD)
    id = await world.person("p@example.org", passwordHash=strong)
    login = 'mutation ($p: String!) { login(input: {email: "p@example.org", password: $p}) { __typename } }'
    assert (await world.data(login, None, {"p": PASSWORD}))["login"]["__typename"] == "SignedIn"
    assert (await world.account(id)).password_hash == strong


@pytest.mark.parametrize("unsound", ["m=1,t=0,p=0$A$A", "m=8,t=1,p=1$AAAA$AAAA", "m=8,t=0,p=1$AAAAAAAAAAA$AAAAAAAA"])
def test_a_hash_that_nobody_can_sign_in_with_is_refused(unsound: str) -> None:
    assert not is_acceptable_hash(f"$argon2id$v=19${unsound}")


async def test_an_unverified_address_keeps_nothing_new_and_is_told_when_the_rest_goes(world: World) -> None:
    _, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"), emailVerified=False)
    states = (await world.data("{ me { consents { status granted erasesAt } } }", mine))["me"]["consents"]
    assert [(each["status"], each["granted"], each["erasesAt"] is not None) for each in states[1:]] == [
        ("GRANTED", False, True)
    ] * 2
    update_one = 'mutation { updateProfile(input: {lastName: "Later"}) { ... on Refusal { code } } }'
    assert (await world.data(update_one, mine))["updateProfile"] == {"code": "CONSENT_REQUIRED"}
    again = """mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) {
      ... on ConsentChanged { consents { erasesAt } } } }"""
    changed = (await world.data(again, mine, {"v": current_version().name}))["grantConsent"]["consents"]
    assert changed[1]["erasesAt"] == states[1]["erasesAt"]


async def test_a_token_does_not_come_back_with_the_role(world: World) -> None:
    boss = await world.token(Role.OPERATIONS, await world.person("boss@example.org"))
    holder = await world.person("staff@example.org")
    token = await world.token(Role.SUPPORT, holder)
    await world.data(f'mutation {{ revokeRole(userId: "{holder}", role: SUPPORT) }}', boss)
    soon = (world.services.now() + timedelta(days=1)).isoformat()
    grant = f'mutation {{ grantRole(userId: "{holder}", role: SUPPORT, expiresAt: "{soon}") }}'
    assert (await world.data(grant, boss))["grantRole"] is True
    assert (await world.post(VIEWER, token)).status_code == 401
    renewed = await world.token(Role.SUPPORT, holder)
    assert (await world.data(grant, boss))["grantRole"] is True
    assert (await world.post(VIEWER, renewed)).status_code == 200, "a role that is renewed ends nothing"


WEAK = [
    ("TRUSTED_PROXIES", "*"),
    ("TRUSTED_PROXIES", "0.0.0.0/0"),
    ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
    ("TRUSTED_PROXIES", "nonsense"),
    ("PUBLIC_URL", "https://"),
    ("SECRET_KEYS", "a" * 38),
    ("ALLOWED_ORIGINS", "null"),
    ("ALLOWED_ORIGINS", "http://app.example.org"),
    ("ALLOWED_ORIGINS", "https://*.example.org"),
    ("DATABASE_URL", "sqlite+aiosqlite://"),
    ("DATABASE_URL", "sqlite+aiosqlite:///:memory:"),
    ("ERASURE_GRACE", "999999w"),
    ("ERASURE_GRACE", "soon"),
    ("DATABASE_POOL", "abc"),
    ("ENVIRONMENT", "prod"),
    ("GEOIP_DATABASE", "/nowhere"),
    ("REDIS_URL", "http://secret@nowhere"),
    ("MAIL_URL", "https://secret@nowhere"),
    ("MAIL_URL", "smtp://:25"),
    ("MAIL_URL", "smtp://secret@mail.example.org:66666"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "a@example.org, b@example.org"),
    ("PUBLIC_URL", "https://consentql.example.org/?at="),
]


@pytest.mark.parametrize(("name", "value"), WEAK)
def test_a_setting_that_production_cannot_rest_on_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import InvalidSettings, load
    from tests.world import KEY

    sound = {
        "ENVIRONMENT": "production",
        "SECRET_KEYS": KEY,
        "PUBLIC_URL": "https://consentql.example.org",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "DATABASE_URL": "postgresql+asyncpg://u@h/d",
        "MAIL_URL": "smtps://u:p@mail.example.org",
    }
    for key, each in {**sound, name: value}.items():
        monkeypatch.setenv(f"CONSENTQL_{key}", each)
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert f"CONSENTQL_{name}" in str(refused.value)
    assert value not in str(refused.value)
    monkeypatch.setenv(f"CONSENTQL_{name}", sound.get(name, ""))
    if name in sound:
        load()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "MEMBER", "--holder", ""),
        ("token", "MEMBER", "--holder", "p@example.org", "--expires", "999999w"),
        ("grant-role", "p@example.org", "SUPPORT", "--expires", "999999w"),
    ],
)
async def test_an_operators_slip_is_one_sentence(
    database: Database, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    await world_of(database).person("p@example.org")
    done = consentql(database.url, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_command_that_only_reads_makes_no_database(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "consentql.db"
    done = consentql(f"sqlite+aiosqlite:///{nowhere}", "token", "MEMBER", "--holder", "p@example.org", cwd=tmp_path)
    assert done.returncode == 2
    assert not nowhere.exists()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_import_reads_from_a_pipe_and_bears_a_mark_and_a_far_date(database_url: str, tmp_path: Path) -> None:
    far = {
        "purpose": "SOCIAL",
        "granted": True,
        "policyVersion": current_version().name,
        "at": "0001-01-01T00:00:00+14:00",
    }
    lines = [{"email": "first@example.org"}, {"email": "far@example.org", "consents": [far]}]
    twice = '{"email": "a@example.org", "email": "b@example.org"}'
    file = tmp_path / "users.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*map(json.dumps, lines), twice]).encode())
    done = consentql(database_url, "import", str(file), cwd=tmp_path)
    told = [text for text in done.stderr.splitlines() if text.startswith("line ")]
    assert told == [
        "line 2: consents.0.at: is not a date and time with an offset (RFC 3339)",
        "line 3: line: is not JSON",
    ]
    assert "1 imported" in done.stderr


async def test_letters_that_fold_into_a_country_are_no_country(world: World) -> None:
    _, mine = await world.member("p@example.org")
    update_one = "mutation ($c: String) { updateProfile(input: {country: $c}) { ... on Refusal { field } } }"
    for letters in ("ß", "ﬁ"):
        assert (await world.data(update_one, mine, {"c": letters}))["updateProfile"] == {"field": "input.country"}


async def test_what_follows_a_logout_comes_from_nobody(world: World) -> None:
    _, mine = await world.member("p@example.org")
    document = 'mutation { logout updateProfile(input: {about: "after"}) { ... on Refusal { code } } }'
    assert await world.data(document, mine) == {"logout": True, "updateProfile": {"code": "NOT_PERMITTED"}}


async def test_an_empty_profile_is_no_profile(world: World) -> None:
    id, mine = await world.member("p@example.org", profile={"about": "Something."}, ipAddress=None)
    await world.data("mutation { updateProfile(input: {about: null}) { __typename } }", mine)
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(PROFILES).where(PROFILES.c.subject_id == id))).first() is None


def test_a_peer_is_an_address_or_nothing() -> None:
    def seen(host: str) -> str:
        return address_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert [seen(host) for host in ("::ffff:198.51.100.7", "2001:db8::1%eth0", "unknown", '"><script>', "x" * 100)] == [
        "198.51.100.7",
        "2001:db8::1",
        "",
        "",
        "",
    ]
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("198.51.100.7") != network_of("198.51.100.8")


async def test_a_network_of_ipv6_counts_as_one(database: Database) -> None:
    from httpx import ASGITransport, AsyncClient

    from app.main import create
    from tests.world import settings_for

    world = world_of(database, limits=RateLimiter(enabled=True))
    app = create(settings_for(database), world.services)
    told = []
    for number in range(31):
        transport = ASGITransport(app=app, client=(f"2001:db8::{number + 1:x}", 1))
        async with AsyncClient(transport=transport, base_url="http://consentql.test") as client:
            who = f'{{email: "n{number}@example.org", password: "no"}}'
            document = f"mutation {{ login(input: {who}) {{ ... on Refusal {{ code }} }} }}"
            told.append((await client.post("/graphql", json={"query": document})).json()["data"]["login"]["code"])
    assert told == ["INVALID_CREDENTIALS"] * 30 + ["TOO_MANY_ATTEMPTS"]
    world.services.hashing.close()


async def test_a_revoked_token_stays_in_the_record(world: World) -> None:
    _, mine = await world.member("p@example.org")
    await world.data("mutation { logout }", mine)
    async with world.services.database.reading() as connection:
        one = select(ACCESS_TOKENS.c.revoked_at).where(ACCESS_TOKENS.c.digest == digest_of(mine))
        assert (await connection.execute(one)).scalar_one() is not None

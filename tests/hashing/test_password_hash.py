"""Passwords are stored as keyed argon2id hashes, and each attempt costs the same."""

import unicodedata
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import update

from app.settings import InvalidSettings, Settings
from models.database import Database
from models.key_ring import KeyRing
from models.tables import CREDENTIALS
from resolvers.hashing import password_hash
from resolvers.hashing.argon2_parameters import MIN_MEMORY_KIB
from resolvers.hashing.password_hash import MAX_PASSWORD_BYTES, Hashing, is_too_long
from resolvers.sign_in import password_rules
from resolvers.sign_in.password_rules import FaultKind, faults
from tests.identity import (
    LOGIN,
    STRONG,
    sign_in,
)
from tests.production import PRODUCTION
from tests.world import KEY, World, settings_for

NEWER = "another key that is long enough to be accepted"


async def test_a_wrong_password_costs_the_same_for_every_account(
    world: World, make_hashing: Callable[..., Hashing], argon2_calls: list[tuple[str, int, str]]
) -> None:
    await world.person("cheap@example.org", password=STRONG)
    await world.person("elsewhere@example.org", passwordHash=PasswordHasher(1, 8, 1).hash(STRONG))
    world.services.hashing = make_hashing(NEWER, KEY)
    await world.person("known@example.org", password=STRONG)
    await world.person("unverified@example.org", password=STRONG, emailVerified=False)
    await world.person("none@example.org")
    results = {}
    for who in ("known", "unverified", "none", "nobody", "cheap", "elsewhere"):
        argon2_calls.clear()
        variables = {"input": {"email": f"{who}@example.org", "password": "not it, nor like it"}}
        answer = await world.post(LOGIN, None, variables)
        total = sum(cost for _, cost, _ in argon2_calls)
        verified = [name for name, _, _ in argon2_calls].count("verify")
        results[who] = (total, verified, answer.status_code, answer.content)
        if who not in ("cheap", "elsewhere"):
            assert len(argon2_calls) == 1, "one verification with the present parameters"
    assert set(results.values()) == {(64, 1, 200, results["nobody"][3])}, results


@pytest.mark.parametrize("password", [STRONG, "Zoë's café, Ångström 7"])
@pytest.mark.parametrize("made", ["now", "with an older key", "elsewhere", "elsewhere from NFD", "never"])
async def test_a_password_that_is_refused_anyway_costs_as_much_as_a_wrong_one(
    made: str, password: str, make_hashing: Callable[..., Hashing], argon2_calls: list[tuple[str, int, str]]
) -> None:
    hashing = make_hashing(NEWER, KEY)
    stored = {
        "now": hashing.hash(password),
        "with an older key": make_hashing(KEY).hash(password),
        "elsewhere": PasswordHasher(1, 8, 1).hash(unicodedata.normalize("NFC", password)),
        "elsewhere from NFD": PasswordHasher(1, 8, 1).hash(unicodedata.normalize("NFD", password)),
        "never": None,
    }[made]
    work = []
    for given, refuses in ((password, True), (password[::-1], True), (password[::-1], False)):
        argon2_calls.clear()
        assert await hashing.verify(stored, given, refuses=refuses) == password_hash.Verification(right=False)
        work.append([(name, cost) for name, cost, _ in argon2_calls])
    assert work[0] == work[1] == work[2]


async def test_a_stolen_hash_cannot_be_verified_without_the_key(make_hashing: Callable[..., Hashing]) -> None:
    stored = make_hashing(KEY).hash(STRONG)
    id, _, hashed = stored.partition("$")
    assert id == KeyRing((KEY,)).id()
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify("$" + hashed, STRONG)
    assert (await make_hashing(KEY).verify(stored, STRONG)).right
    assert not (await make_hashing(NEWER).verify(stored, STRONG)).right
    forged = KeyRing((NEWER,)).id() + "$" + hashed
    assert not (await make_hashing(NEWER, KEY).verify(forged, STRONG)).right, (
        "the hash was not made with the key that it names"
    )


@pytest.mark.parametrize("stored", ["of a key that is gone", "no hash", "$argon2id$", "", None])
async def test_an_unusable_hash_costs_one_verification(
    stored: str | None, make_hashing: Callable[..., Hashing], argon2_calls: list[tuple[str, int, str]]
) -> None:
    if stored == "of a key that is gone":
        stored = make_hashing("a third key that is long enough, and gone").hash(STRONG)
    hashing = make_hashing(KEY)
    argon2_calls.clear()
    assert not (await hashing.verify(stored, STRONG)).right
    assert [(act, cost) for act, cost, _ in argon2_calls] == [("verify", 64)]


async def test_a_sign_in_rehashes_with_the_newest_key(world: World, make_hashing: Callable[..., Hashing]) -> None:
    id = await world.person("p@example.org", password=STRONG)
    world.services.hashing = make_hashing(NEWER, KEY, memory_kib=8)
    assert "code" in await sign_in(world, "p@example.org", "wrong")
    assert (await world.account(id)).password_hash.startswith(KeyRing((KEY,)).id())
    assert "accessToken" in await sign_in(world, "p@example.org")
    newest = (await world.account(id)).password_hash
    assert newest.startswith(KeyRing((NEWER,)).id() + "$argon2id$")
    world.services.hashing = make_hashing(NEWER, memory_kib=8)
    assert "accessToken" in await sign_in(world, "p@example.org"), "the old key can be removed"
    assert (await world.account(id)).password_hash == newest, "an up-to-date hash is kept"


@pytest.mark.parametrize(("memory_kib", "kept"), [(8, False), (64, False), (128, True)])
async def test_an_imported_hash_is_replaced_unless_it_costs_more(
    memory_kib: int, *, kept: bool, world: World, make_hashing: Callable[..., Hashing]
) -> None:
    world.services.hashing = make_hashing(KEY)
    imported = PasswordHasher(1, memory_kib, 1).hash(STRONG)
    id = await world.person("p@example.org", passwordHash=imported)
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert ((await world.account(id)).password_hash == imported) is kept
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_a_slow_rehash_does_not_overwrite_a_changed_password(
    world: World, make_hashing: Callable[..., Hashing], monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.person("p@example.org", password=STRONG)
    world.services.hashing = make_hashing(KEY)
    changed = world.services.hashing.hash("quite another one of imported")
    stock = Hashing.verify

    async def verify(self: Hashing, stored: str | None, password: str, **more: bool) -> password_hash.Verification:
        verdict = await stock(self, stored, password, **more)
        if verdict.rehashed is not None:
            await set_hash(world, id, changed)
        return verdict

    monkeypatch.setattr(Hashing, "verify", verify)
    assert "code" in await sign_in(world, "p@example.org")
    assert (await world.account(id)).password_hash == changed


async def set_hash(world: World, id: str, hashed: str) -> None:
    mine = update(CREDENTIALS).where(CREDENTIALS.c.subject_id == id)
    async with world.services.database.writing() as connection:
        await connection.execute(mine.values(password_hash=hashed))


async def test_a_weaker_hash_is_replaced_when_the_password_is_right(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    before = (await world.account(id)).password_hash
    world.services.hashing = Hashing(world.services.keys, memory_kib=16, passes=1)
    assert "code" in await sign_in(world, "p@example.org", "wrong")
    assert (await world.account(id)).password_hash == before
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert "m=16," in (await world.account(id)).password_hash
    assert "accessToken" in await sign_in(world, "p@example.org")


COMPOSED = "Zoë's café, Ångström 7"


EXACT = [
    "  spaces before and after  ",
    "\U0001f9c0\U0001f9c0\U0001f9c0 on toast, again",
    "ж" * 128,
    "x" * (MAX_PASSWORD_BYTES - 1),
]


@pytest.mark.parametrize("password", EXACT)
async def test_every_character_of_a_password_counts(world: World, password: str) -> None:
    await world.person("p@example.org", password=password)
    assert "accessToken" in await sign_in(world, "p@example.org", password)
    for other in (password.strip()[:-1], password.swapcase() + " ", password[:-1], " " + password[:-1]):
        assert (await sign_in(world, "p@example.org", other))["code"] == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_equivalent_unicode_spellings_are_the_same_password(world: World, *, elsewhere: bool) -> None:
    composed, decomposed = (unicodedata.normalize(form, COMPOSED) for form in ("NFC", "NFD"))
    assert composed != decomposed
    if elsewhere:
        await world.person("p@example.org", passwordHash=PasswordHasher(1, 8, 1).hash(composed))
    else:
        await world.person("p@example.org", password=decomposed)
    for each in (decomposed, composed):
        assert "accessToken" in await sign_in(world, "p@example.org", each)


async def test_more_than_1024_bytes_are_refused_before_any_work(
    world: World, monkeypatch: pytest.MonkeyPatch, argon2_calls: list[tuple[str, int, str]]
) -> None:
    normalized: list[int] = []

    def normalize(form: str, text: str) -> str:
        normalized.append(len(text.encode()))
        return unicodedata.normalize(form, text)

    for module in (password_hash, password_rules):
        monkeypatch.setattr(module, "unicodedata", type("Counting", (), {"normalize": staticmethod(normalize)}))
    marks = "\u0301" * 512
    assert (len(marks.encode()), is_too_long(marks), is_too_long(marks + "a")) == (1024, False, True)
    for long in (marks + "a", "\u0301" * 1024, "x" * 1025, "\U0001f9c0" * 257):
        assert (await sign_in(world, "p@example.org", long))["code"] == "INVALID_INPUT"
        assert [fault.kind for fault in faults(long)] == [FaultKind.LONG]
        assert not (await world.services.hashing.verify(None, long)).right
        with pytest.raises(ValueError, match="at most 1024 bytes"):
            world.services.hashing.hash(long)
    assert (normalized, argon2_calls) == ([], [])
    assert (await sign_in(world, "p@example.org", marks))["code"] == "INVALID_CREDENTIALS"
    assert normalized == [1024, 1024]


async def test_a_hash_from_the_pool_is_verified(world: World) -> None:
    stored = await world.services.hashing.hash_in_pool(STRONG)
    assert (await world.services.hashing.verify(stored, STRONG)) == password_hash.Verification(right=True)


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("passes", [*MIN_MEMORY_KIB, 9])
def test_no_process_starts_below_the_minimum_of_owasp(environment: str, passes: int) -> None:
    floor = MIN_MEMORY_KIB[min(passes, 5)]
    sound = {**PRODUCTION, "environment": environment}
    Settings(**sound, password_memory_kib=floor, password_passes=passes).validated()
    with pytest.raises(InvalidSettings, match="CONSENTQL_PASSWORD_MEMORY_KIB"):
        Settings(**sound, password_memory_kib=floor - 1, password_passes=passes).validated()


def test_a_process_uses_the_parameters_of_its_settings(database: Database) -> None:
    from app.main import make_services

    services = make_services(settings_for(database, password_memory_kib=12288, password_passes=3))
    assert "m=12288,t=3,p=1" in services.hashing._decoy
    services.hashing.close()

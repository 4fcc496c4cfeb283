"""Hashes of imported passwords."""

import unicodedata

import pytest
from argon2 import PasswordHasher

from resolvers.hashing.argon2_parameters import is_acceptable_hash
from tests.world import PASSWORD, World


async def test_a_stronger_imported_hash_is_kept(world: World) -> None:
    strong = PasswordHasher(2, 64, 1).hash(PASSWORD)
    id = await world.person("p@example.org", passwordHash=strong)
    login = 'mutation ($p: String!) { login(input: {email: "p@example.org", password: $p}) { __typename } }'
    assert (await world.data(login, None, {"p": PASSWORD}))["login"]["__typename"] == "SignedIn"
    assert (await world.account(id)).password_hash == strong


@pytest.mark.parametrize("unsound", ["m=1,t=0,p=0$A$A", "m=8,t=1,p=1$AAAA$AAAA", "m=8,t=0,p=1$AAAAAAAAAAA$AAAAAAAA"])
def test_an_unusable_hash_is_refused(unsound: str) -> None:
    assert not is_acceptable_hash(f"$argon2id$v=19${unsound}")


COMPOSED = unicodedata.normalize("NFC", "Zwölf blaue Käfer tanzen")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
LOGIN = """mutation ($e: String!, $p: String!) {
  login(input: {email: $e, password: $p}) { __typename ... on Refusal { code } } }"""


@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
@pytest.mark.parametrize("memory_kib", [8, 64])
async def test_an_imported_hash_of_either_form_matches_and_is_replaced(
    world: World, stored: str, memory_kib: int
) -> None:
    imported = PasswordHasher(1, memory_kib, 1).hash(stored)
    for typed in (COMPOSED, DECOMPOSED):
        email = f"p{len(typed)}@example.org"
        id = await world.person(email, passwordHash=imported)
        for again in (typed, COMPOSED, DECOMPOSED):
            assert (await world.data(LOGIN, None, {"e": email, "p": again}))["login"]["__typename"] == "SignedIn"
        is_kept = stored == COMPOSED and memory_kib > 8
        assert ((await world.account(id)).password_hash == imported) is is_kept


async def test_a_wrong_password_is_hashed_as_often_for_every_account(
    world: World, argon2_calls: list[tuple[str, int, str]]
) -> None:
    await world.person("local@example.org", password=PASSWORD)
    await world.person("imported@example.org", passwordHash=PasswordHasher(1, 8, 1).hash(DECOMPOSED))
    for wrong in ("plain and wrong", "fälsch und verkehrt"):
        work = {}
        for who in ("local", "imported", "nobody"):
            argon2_calls.clear()
            answer = await world.data(LOGIN, None, {"e": f"{who}@example.org", "p": wrong})
            assert answer["login"]["code"] == "INVALID_CREDENTIALS"
            work[who] = [(call, cost) for call, cost, _ in argon2_calls]
        assert work["local"] == work["imported"] == work["nobody"]
        assert len(work["nobody"]) == 1 + (not wrong.isascii())

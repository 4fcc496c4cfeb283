"""Hashes of imported passwords."""

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

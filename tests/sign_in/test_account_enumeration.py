"""Neither answers nor work reveal whether an account has an address."""

from typing import Any

import pytest

from app.commands.access.disable import disable_account
from models.vocabulary import Role
from tests.identity import (
    ASK_RESET,
    LOGIN,
    REGISTER,
    STRONG,
    registration_input,
)
from tests.statements import recorded_statements
from tests.world import World

ACCOUNTS = ("known", "unverified", "staff", "disabled", "passwordless", "nobody")


REQUESTS: dict[str, tuple[str, Any]] = {
    "register": (REGISTER, lambda email: {"input": registration_input(email, consents=["SOCIAL"], firstName="Ada")}),
    "requestPasswordReset": (ASK_RESET, lambda email: {"e": email}),
    "login": (LOGIN, lambda email: {"input": {"email": email, "password": "not it, nor like it"}}),
}


async def store_accounts(world: World) -> None:
    """Stores accounts in every state that must not be visible from outside."""
    await world.person("known@example.org", password=STRONG)
    await world.person("unverified@example.org", password=STRONG, emailVerified=False)
    await world.token(Role.SUPPORT, await world.person("staff@example.org", password=STRONG))
    await world.person("disabled@example.org", password=STRONG)
    await disable_account(world.services, "disabled@example.org")
    await world.person("passwordless@example.org")


def normalized(statement: str) -> str:
    """A statement without the end of its savepoint: a registration of a taken address is rolled back."""
    return statement.replace("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")


@pytest.mark.parametrize("field", REQUESTS)
async def test_every_address_gets_the_same_answer_after_the_same_work(
    world: World, field: str, argon2_calls: list[tuple[str, int, str]]
) -> None:
    await store_accounts(world)
    document, variables = REQUESTS[field]
    await world.post(document, None, variables("somebody.before@example.org"))  # warms up work that is done only once
    work: dict[str, tuple[list[str], list[Any]]] = {}
    answers = set()
    for who in ACCOUNTS:
        argon2_calls.clear()
        async with recorded_statements(world.services.database) as statements:
            response = await world.post(document, None, variables(f"{who}@example.org"))
        answers.add((response.status_code, response.text.replace(f"{who}@", "somebody@")))
        work[who] = ([normalized(statement) for statement in statements], list(argon2_calls))
    assert len(answers) == 1
    assert work["nobody"][0]
    assert len(work["nobody"][1]) == (0 if field == "requestPasswordReset" else 1)
    for who in ACCOUNTS:
        assert work[who] == work["nobody"], who

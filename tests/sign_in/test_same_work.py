"""Whether somebody has an address is told neither by an answer nor by the work that is done for it."""

from typing import Any

import pytest

from app.commands.access.disable import disable_account
from models.vocabulary import Role
from tests.identity import ASK_RESET, LOGIN, REGISTER, STRONG, registration_input
from tests.statements import recorded_statements
from tests.world import World

WHO = ("known", "unverified", "staff", "disabled", "passwordless", "nobody")
ASKED: dict[str, tuple[str, Any]] = {
    "register": (REGISTER, lambda email: {"input": registration_input(email, consents=["SOCIAL"], firstName="Ada")}),
    "requestPasswordReset": (ASK_RESET, lambda email: {"e": email}),
    "login": (LOGIN, lambda email: {"input": {"email": email, "password": "not it, nor like it"}}),
}


async def settled(world: World) -> None:
    """Everybody whose address may be asked for."""
    await world.person("known@example.org", password=STRONG)
    await world.person("unverified@example.org", password=STRONG, emailVerified=False)
    await world.token(Role.SUPPORT, await world.person("staff@example.org", password=STRONG))
    await world.person("disabled@example.org", password=STRONG)
    await disable_account(world.services, "disabled@example.org")
    await world.person("passwordless@example.org")


def alike(statement: str) -> str:
    """The registration of an address that is taken is written all the same, and undone where another is kept."""
    return statement.replace("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")


@pytest.mark.parametrize("field", ASKED)
async def test_the_same_statements_the_same_hashes_and_the_same_answer_for_everybody(
    world: World, field: str, argon2_calls: list[str]
) -> None:
    await settled(world)
    document, given = ASKED[field]
    await world.post(document, None, given("somebody.before@example.org"))  # what is only done once is done
    work: dict[str, tuple[list[str], list[str]]] = {}
    answers = set()
    for who in WHO:
        argon2_calls.clear()
        async with recorded_statements(world.services.database) as statements:
            response = await world.post(document, None, given(f"{who}@example.org"))
        answers.add((response.status_code, response.text.replace(f"{who}@", "somebody@")))
        work[who] = ([alike(statement) for statement in statements], list(argon2_calls))
    assert len(answers) == 1
    assert work["nobody"][0]
    assert len(work["nobody"][1]) == (0 if field == "requestPasswordReset" else 1)
    for who in WHO:
        assert work[who] == work["nobody"], who

"""A recovery code replaces the authenticator for one sign-in."""

from sqlalchemy import select

from models.tables import RECOVERY_CODES
from tests.identity import (
    DISABLE,
    REGENERATE,
    STRONG,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    new_challenge,
    new_member,
)
from tests.world import World, codes

EXPORT = "mutation { exportMyData }"


LEAVE = """mutation ($p: String!, $c: String) { requestErasure(password: $p, code: $c) {
  __typename ... on Refusal { code } } }"""


async def test_a_recovery_code_works_once_in_any_spelling(world: World) -> None:
    Clock(world)
    id, token = await new_member(world)
    _, recovery = await enrol_authenticator(world, token)
    assert len(set(recovery)) == 10
    answer = await complete_login(world, await new_challenge(world), f" {recovery[3].lower().replace('-', ' ')} ")
    assert "accessToken" in answer
    assert (await complete_login(world, await new_challenge(world), recovery[3]))["code"] == "INVALID_CODE"
    assert "RECOVERY_CODE_USED" in await letters(world, id)
    async with world.services.database.reading() as connection:
        stored = (await connection.execute(select(RECOVERY_CODES.c.digest))).scalars().all()
    assert len(stored) == 10
    assert not any(code.replace("-", "") in str(stored) for code in recovery)


async def test_a_session_of_a_recovery_code_cannot_export_or_erase_before_a_new_enrolment(
    world: World,
) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    _, recovery = await enrol_authenticator(world, token)
    token = (await complete_login(world, await new_challenge(world), recovery[0]))["accessToken"]
    assert codes(await world.ask(EXPORT, token)) == ["FORBIDDEN"]
    assert (await world.data(LEAVE, token, {"p": STRONG, "c": recovery[1]}))["requestErasure"][
        "code"
    ] == "TOTP_REQUIRED"
    assert "disabledAt" in (await world.data(DISABLE, token, {"p": STRONG, "c": recovery[2]}))["disableTotp"]
    app, _ = await enrol_authenticator(world, token)
    clock.forward(minutes=2)
    assert (await world.data(EXPORT, token))["exportMyData"]
    left = (await world.data(LEAVE, token, {"p": STRONG, "c": app.code()}))["requestErasure"]
    assert left["__typename"] == "ErasureScheduled"


async def test_a_challenge_accepts_one_recovery_code(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    _, recovery = await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    assert "accessToken" in await complete_login(world, challenge, recovery[0])
    assert (await complete_login(world, challenge, recovery[1]))["code"] == "CHALLENGE_EXPIRED"
    assert "accessToken" in await complete_login(world, await new_challenge(world), recovery[1]), (
        "and it was not used up"
    )


async def test_new_recovery_codes_replace_the_old_ones(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    app, old = await enrol_authenticator(world, token)
    new = (await world.data(REGENERATE, token, {"p": STRONG, "c": app.code()}))["regenerateRecoveryCodes"]["codes"]
    assert not set(new) & set(old)
    assert (await complete_login(world, await new_challenge(world), old[0]))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, await new_challenge(world), new[0])

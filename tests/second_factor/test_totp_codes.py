"""A code is accepted once, in its time window, and only if it is later than the last one."""

import asyncio

import pyotp
import pytest
from sqlalchemy import select, update

from models.tables import AUTHENTICATORS, CHALLENGES, METADATA
from permissions.events.kinds import EventKind
from permissions.events.record import SecurityEvent
from resolvers.second_factor.totp_codes import MAX_FAILURES
from tests.identity import (
    BEGIN,
    CONFIRM,
    STRONG,
    AuthenticatorApp,
    Clock,
    complete_login,
    enrol_authenticator,
    new_challenge,
    new_member,
)
from tests.world import World

VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
"""RFC 6238, appendix B: the last six digits of the values for SHA-1."""


async def test_codes_match_rfc_6238(world: World) -> None:
    _, token = await new_member(world)
    secret = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    assert len(secret) == 32, "160 bits"
    standard = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert {at: standard.at(at) for at in VECTORS} == VECTORS


async def test_the_code_of_the_enrolment_signs_no_one_in(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    assert (await complete_login(world, challenge, app.code(-1)))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, challenge, app.code())


async def test_an_earlier_code_is_refused(world: World, security_events: list[SecurityEvent]) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(seconds=90)
    assert "accessToken" in await complete_login(world, await new_challenge(world), app.code())
    for steps in (0, -1):
        assert (await complete_login(world, await new_challenge(world), app.code(steps)))["code"] == "INVALID_CODE", (
            steps
        )
    reused = [event for event in security_events if event.kind is EventKind.SECOND_FACTOR_REUSED]
    assert len(reused) == 2, "only the operator sees it"
    assert "accessToken" in await complete_login(world, await new_challenge(world), app.code(1))


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step(world: World, steps: int, taken: bool) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    answer = await complete_login(world, await new_challenge(world), app.code(steps))
    assert ("accessToken" in answer) is taken


async def test_a_code_in_other_digits_or_with_spaces_is_the_same_code(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    code = app.code()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    challenge = await new_challenge(world)
    for wrong in (code + "0", code[:5], "", "½" * 6, "²" * 6, "\u0660" * 6):
        answer = await complete_login(world, await new_challenge(world), wrong)
        assert answer["code"] == "INVALID_CODE", wrong
    assert "accessToken" in await complete_login(world, challenge, f" {wide[:3]} {code[3:]} ")
    for again in (code, wide):
        answer = await complete_login(world, await new_challenge(world), again)
        assert answer["code"] == "INVALID_CODE", "another spelling is not another code"


async def test_a_code_sent_many_times_at_once_begins_one_session(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, recovery = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    for code in (app.code(), recovery[0]):
        challenges = [await new_challenge(world) for _ in range(16)]
        answers = await asyncio.gather(*(complete_login(world, challenge, code) for challenge in challenges))
        assert sum("accessToken" in answer for answer in answers) == 1, code


async def test_a_secret_works_only_for_its_own_authenticator(world: World) -> None:
    Clock(world)
    apps = {}
    for email in ("a@example.org", "b@example.org"):
        _, token = await new_member(world, email)
        apps[email], _ = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        rows = (await connection.execute(select(AUTHENTICATORS))).all()
        for row, other in ((rows[0], rows[1]), (rows[1], rows[0])):
            mine = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == row.id)
            await connection.execute(mine.values(secret=other.secret))
    for email, app in apps.items():
        for owner in apps.values():
            assert (await complete_login(world, await new_challenge(world, email), owner.code()))[
                "code"
            ] == "INVALID_CODE"
        assert app


async def test_a_hundred_wrong_codes_block_the_authenticator_but_not_the_recovery_codes(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, recovery = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        await connection.execute(update(AUTHENTICATORS).values(failures=MAX_FAILURES - 1))
    clock.forward(minutes=5)
    assert (await complete_login(world, await new_challenge(world), "000000"))["code"] == "INVALID_CODE"
    assert (await complete_login(world, await new_challenge(world), app.code()))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, await new_challenge(world), recovery[0])


async def test_a_copy_of_the_database_contains_no_usable_secret(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    enrolment = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    app = AuthenticatorApp(world, enrolment["secret"])
    recovery = (await world.data(CONFIRM, token, {"c": app.code()}))["confirmTotpEnrolment"]["codes"]
    challenge = await new_challenge(world)
    answer = await complete_login(world, challenge, recovery[0])
    secrets = [
        token,
        enrolment["secret"],
        challenge,
        answer["accessToken"],
        answer["refreshToken"],
        answer["deviceToken"],
    ]
    secrets += [*recovery, *(code.replace("-", "") for code in recovery), STRONG]
    async with world.services.database.reading() as connection:
        dump = [
            str(tuple(row)) for table in METADATA.tables.values() for row in (await connection.execute(select(table)))
        ]
    assert not [secret for secret in secrets if any(secret in line for line in dump)]
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(CHALLENGES.c.ended_at))).scalar_one() is not None

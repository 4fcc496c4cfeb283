"""A mailed link sets a new password once and ends every session."""

import asyncio

import pytest

from models.letters import LinkUse
from models.vocabulary import Role
from tests.identity import (
    ASK_RESET,
    OTHER,
    RESET,
    STRONG,
    VIEWER,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    reset_password,
    sign_in,
    verify_email,
)
from tests.world import World


async def test_a_request_for_a_reset_gets_the_same_answer_for_every_address(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.person("p@example.org", password=STRONG)
    staff = await world.person("staff@example.org", password=STRONG)
    await world.token(Role.SUPPORT, staff)
    addresses = ("p@example.org", "staff@example.org", "nobody@example.org", "no address", "")
    answers = {(await world.post(ASK_RESET, None, {"e": email})).text for email in addresses}
    assert len(answers) == 1
    assert '"requestPasswordReset":true' in answers.pop()
    assert await letters(world, staff) == [], "staff cannot set a password by e-mail"
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == [
        "a password reset was requested for a person with a staff role"
    ]
    assert len(await mailed_tokens(world, LinkUse.RESET)) == 1


async def test_a_reset_keeps_two_factor_sign_in_and_ends_every_session(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    app, _ = await enrol_authenticator(world, token)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    answers = await asyncio.gather(*(reset_password(world, link) for _ in range(20)))
    assert sum("changedAt" in answer for answer in answers) == 1
    assert (await world.post(VIEWER, token)).status_code == 401
    clock.forward(minutes=2)
    challenge = (await sign_in(world, "p@example.org", OTHER))["challenge"]
    assert "accessToken" in await complete_login(world, challenge, app.code())


async def test_a_link_works_once_until_it_expires_or_a_newer_one_replaces_it(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (first,) = await mailed_tokens(world, LinkUse.RESET)
    clock.forward(seconds=1)
    await world.data(ASK_RESET, None, {"e": "P@Example.org"})
    newer = (await mailed_tokens(world, LinkUse.RESET))[0]
    assert (await reset_password(world, first))["code"] == "TOKEN_EXPIRED"
    assert (await reset_password(world, newer, "password1"))["code"] == "WEAK_PASSWORD"
    assert "changedAt" in await reset_password(world, newer), "a weak password does not use the link"
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    late = (await mailed_tokens(world, LinkUse.RESET))[0]
    clock.forward(minutes=30)
    assert (await reset_password(world, late))["code"] == "TOKEN_EXPIRED"
    for wrong in (late[:-1] + "x", "", "cql_us_" + "0" * 49):
        assert (await reset_password(world, wrong))["code"] == "TOKEN_EXPIRED"
        assert (await verify_email(world, wrong))["code"] == "TOKEN_EXPIRED"


async def test_a_new_staff_member_cannot_use_an_earlier_link(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    await world.token(Role.SUPPORT, id)
    assert (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "p@example.org")

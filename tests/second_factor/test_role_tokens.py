"""A role token needs the role and a recent second factor, and expires when it is not used."""

from datetime import timedelta
from typing import Any

from models.vocabulary import Role
from tests.identity import (
    ROLE_TOKEN,
    VIEWER,
    Clock,
    complete_login,
    enrol_authenticator,
    new_challenge,
    new_member,
    refresh_session,
    sign_in,
)
from tests.world import World


async def test_a_role_token_needs_the_role_and_a_session_with_a_second_factor(world: World) -> None:
    clock = Clock(world)
    id, token = await new_member(world)

    async def issue(session: str, **more: Any) -> Any:
        variables = {"role": "SUPPORT", "name": "desk", **more}
        return (await world.data(ROLE_TOKEN, session, {"input": variables}))["issueRoleToken"]

    def after(**delta: float) -> str:
        return (world.services.now() + timedelta(**delta)).isoformat()

    assert (await issue(token, expiresAt=after(hours=1)))["code"] == "NOT_PERMITTED"
    await world.token(Role.SUPPORT, id)
    assert (await issue(token, expiresAt=after(hours=1)))["code"] == "TOTP_REQUIRED"
    _, recovery = await enrol_authenticator(world, token)
    for field, wrong in (
        ("input.expiresAt", {"expiresAt": after(hours=9)}),
        ("input.expiresAt", {"expiresAt": after(seconds=-1)}),
        ("input.name", {"expiresAt": after(hours=1), "name": " "}),
        ("input.role", {"expiresAt": after(hours=1), "role": "COMPLIANCE"}),
        ("input.role", {"expiresAt": after(hours=1), "role": "MEMBER"}),
    ):
        assert (await issue(token, **wrong))["field"] == field
    issued = await issue(token, expiresAt=after(hours=8))
    assert (await world.data(VIEWER, issued["token"]))["viewer"] == {
        "role": "SUPPORT",
        "expiresAt": issued["expiresAt"],
        "user": {"id": id},
        "session": None,
    }
    recovered = (await complete_login(world, await new_challenge(world), recovery[0]))["accessToken"]
    assert (await issue(recovered, expiresAt=after(hours=1)))["code"] == "TOTP_REQUIRED"
    clock.forward(minutes=31)
    assert (await world.post(VIEWER, issued["token"])).status_code == 401, "unused for half an hour"


async def test_a_role_token_needs_a_second_factor_of_the_last_day(world: World) -> None:
    clock = Clock(world)
    id, token = await new_member(world)
    session = await sign_in(world, "p@example.org")
    clock.forward(hours=23)
    session = await refresh_session(world, session["refreshToken"])
    app, _ = await enrol_authenticator(world, session["accessToken"])
    await world.token(Role.SUPPORT, id)

    async def issue() -> Any:
        expires_at = (world.services.now() + timedelta(hours=1)).isoformat()
        variables = {"role": "SUPPORT", "name": "desk", "expiresAt": expires_at}
        return (await world.data(ROLE_TOKEN, session["accessToken"], {"input": variables}))["issueRoleToken"]

    for hours, opened in ((2, True), (21, True), (1, False)):
        clock.forward(hours=hours)
        session = await refresh_session(world, session["refreshToken"])
        answer = await issue()
        assert (answer.get("code") is None) is opened, (hours, answer)
    assert answer["code"] == "TOTP_REQUIRED"
    session = await complete_login(world, await new_challenge(world), app.code())
    assert (await issue())["role"] == "SUPPORT"
    assert token


async def test_a_role_token_expires_half_an_hour_after_its_last_use(world: World) -> None:
    """The last use is stored every five minutes, so a token may expire five minutes early but never late."""
    clock = Clock(world)
    id, token = await new_member(world)
    await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    expires_at = (clock.at + timedelta(hours=8)).isoformat()
    variables = {"role": "SUPPORT", "name": "desk", "expiresAt": expires_at}
    support = (await world.data(ROLE_TOKEN, token, {"input": variables}))["issueRoleToken"]["token"]
    for minutes, status in ((25, 200), (4, 200), (25, 200), (30, 200), (31, 401)):
        clock.forward(minutes=minutes)
        assert (await world.post(VIEWER, support)).status_code == status, minutes
        await world.record_uses()

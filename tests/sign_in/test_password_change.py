"""A change of password needs the present one and ends every other session, token and pending enrolment."""

import pytest

from models.letters import LinkUse
from models.vocabulary import Purpose, Role
from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE,
    CONFIRM,
    OTHER,
    STRONG,
    VIEWER,
    AuthenticatorApp,
    Clock,
    letters,
    mailed_tokens,
    new_session,
    refresh_session,
    register,
    reset_password,
    sign_in,
    token_status,
)
from tests.world import World


async def test_a_new_password_ends_every_other_session(world: World) -> None:
    clock = Clock(world)
    id, mine = await new_session(world)
    other = await sign_in(world, "p@example.org")
    variables = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    assert "changedAt" in (await world.data(CHANGE, mine["accessToken"], variables))["changePassword"]
    assert [await token_status(world, each["accessToken"]) for each in (mine, other)] == [200, 401]
    assert (await refresh_session(world, other["refreshToken"]))["code"] == "TOKEN_EXPIRED"
    assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"
    assert "accessToken" in await sign_in(world, "p@example.org", OTHER)
    assert "PASSWORD_CHANGED" in await letters(world, id)
    assert clock


async def test_a_change_needs_the_present_password_and_a_strong_new_one(world: World) -> None:
    _, mine = await new_session(world)
    for variables, expected in (
        ({"currentPassword": "wrong", "newPassword": OTHER}, ("INVALID_CREDENTIALS", "input.currentPassword")),
        ({"currentPassword": STRONG, "newPassword": "password1"}, ("WEAK_PASSWORD", "input.newPassword")),
    ):
        answer = (await world.data(CHANGE, mine["accessToken"], {"input": variables}))["changePassword"]
        assert (answer["code"], answer["field"]) == expected


async def test_staff_must_choose_a_longer_password(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    await world.token(Role.SUPPORT, id)
    for new, changed in (("plum tide wago", False), ("plum tide wagon", True)):
        variables = {"input": {"currentPassword": STRONG, "newPassword": new}}
        answer = (await world.data(CHANGE, token, variables))["changePassword"]
        assert ("changedAt" in answer) is changed, answer


async def test_a_new_password_ends_role_tokens_too(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    mine = (await sign_in(world, "p@example.org"))["accessToken"]
    support = await world.token(Role.SUPPORT, id)
    variables = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    assert "changedAt" in (await world.data(CHANGE, mine, variables))["changePassword"]
    assert [(await world.post(VIEWER, token)).status_code for token in (mine, support)] == [200, 401]


async def test_a_new_password_ends_a_pending_enrolment(world: World) -> None:
    """Otherwise a stranger who began it could lock the owner out."""
    await world.person("a@example.org", password=STRONG)
    token = (await sign_in(world, "a@example.org"))["accessToken"]
    enrolment = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    await world.data(CHANGE, token, {"input": {"currentPassword": STRONG, "newPassword": OTHER}})
    code = AuthenticatorApp(world, enrolment["secret"]).code()
    assert (await world.data(CONFIRM, token, {"c": code}))["confirmTotpEnrolment"]["code"] == "TOTP_NOT_ENABLED"


NAMES = ("Magdalenova", "Li")


@pytest.mark.parametrize("name", NAMES)
async def test_no_door_takes_a_password_with_its_owners_name(world: World, name: str) -> None:
    new = f"Ann-{name}-gantry-42"
    profile = {"profile": {"lastName": name}}
    await world.person("me@example.org", purposes=[Purpose.SOCIAL], password=STRONG, **profile)
    token = (await sign_in(world, "me@example.org"))["accessToken"]
    await world.data(ASK_RESET, None, {"e": "me@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    variables = {"input": {"currentPassword": STRONG, "newPassword": new}}
    answers = {
        "register": await register(world, "new@example.org", password=new, lastName=name, consents=["SOCIAL"]),
        "changePassword": (await world.data(CHANGE, token, variables))["changePassword"],
        "resetPassword": await reset_password(world, link, new),
    }
    assert {door: answer.get("code") for door, answer in answers.items()} == dict.fromkeys(answers, "WEAK_PASSWORD")
    assert len({answer["message"] for answer in answers.values()}) == 1


async def test_names_that_a_stranger_entered_say_nothing_to_the_owner_of_the_address(world: World) -> None:
    await register(world, "me@example.org", lastName=NAMES[0], consents=["SOCIAL"])
    await world.data(ASK_RESET, None, {"e": "me@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await reset_password(world, link, f"Ann-{NAMES[0]}-gantry-42")

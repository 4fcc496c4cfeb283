"""A challenge lasts five minutes and five tries, completes one login and is valid for nothing else."""

from models.tokens.token_format import TokenKind, kind_of
from tests.identity import (
    CHANGE,
    OTHER,
    STRONG,
    VIEWER,
    Clock,
    complete_login,
    enrol_authenticator,
    new_challenge,
    new_member,
    sign_in,
)
from tests.world import World, codes


async def test_a_login_needs_the_code_after_the_password(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    assert (await world.data("{ me { totpEnabled } }", token))["me"]["totpEnabled"] is True
    challenge = await new_challenge(world)
    answer = await complete_login(world, challenge, app.code())
    assert answer["viewer"]["role"] == "MEMBER"
    assert (await world.data(VIEWER, answer["accessToken"]))["viewer"]["role"] == "MEMBER"


async def test_a_challenge_is_not_a_token(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    assert kind_of(challenge) is TokenKind.CHALLENGE
    response = await world.post(VIEWER, challenge)
    assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])
    stolen = await world.data(
        "mutation ($t: String) { refreshSession(refreshToken: $t) { __typename } }", None, {"t": challenge}
    )
    assert stolen["refreshSession"]["__typename"] == "Refusal"


async def test_only_a_challenge_completes_a_login(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    session = await sign_in(world, "p@example.org")
    other = session["challenge"][:-1] + ("x" if session["challenge"][-1] != "x" else "y")
    for wrong in (token, "", "cql_mf_" + "0" * 49, other):
        assert (await complete_login(world, wrong, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_a_challenge_ends_after_five_tries_or_five_minutes(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    results = [(await complete_login(world, challenge, "000000"))["code"] for _ in range(5)]
    assert results == ["INVALID_CODE"] * 5
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"
    challenge = await new_challenge(world)
    clock.forward(minutes=5)
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_a_new_password_ends_a_challenge(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    changed = await world.data(CHANGE, token, {"input": {"currentPassword": STRONG, "newPassword": OTHER}})
    assert "changedAt" in changed["changePassword"]
    clock.forward(seconds=30)
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_logging_out_ends_a_challenge(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await new_challenge(world)
    assert (await world.data("mutation { logout }", token))["logout"] is True
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"
    assert "accessToken" in await complete_login(world, await new_challenge(world), app.code())

"""A code opens something once, only forward, and only after a right password; nothing opens half-way."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select, update

from models.tables import AUTHENTICATORS, CHALLENGES, METADATA, RECOVERY_CODES
from models.tokens.token_format import TokenKind, kind_of
from models.vocabulary import Role
from resolvers.second_factor.totp_codes import MAX_FAILURES
from tests.identity import (
    BEGIN,
    CHANGE,
    CONFIRM,
    DISABLE,
    OTHER,
    REGENERATE,
    ROLE_TOKEN,
    STRONG,
    VIEWER,
    AuthenticatorApp,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    refresh_session,
    sign_in,
)
from tests.world import World, codes

EXPORT = "mutation { exportMyData }"
LEAVE = """mutation ($p: String!, $c: String) { requestErasure(password: $p, code: $c) {
  __typename ... on Refusal { code } } }"""
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
"""RFC 6238, appendix B, the last six digits of SHA-1's."""


async def member(world: World, email: str = "p@example.org") -> tuple[str, str]:
    id = await world.person(email, password=STRONG)
    return id, (await sign_in(world, email))["accessToken"]


async def challenged(world: World, email: str = "p@example.org") -> str:
    answer = await sign_in(world, email)
    assert answer["__typename"] == "TotpRequired", answer
    return str(answer["challenge"])


async def test_codes_are_those_of_the_standard(world: World) -> None:
    _, token = await member(world)
    secret = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    assert len(secret) == 32, "160 bits"
    standard = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert {at: standard.at(at) for at in VECTORS} == VECTORS


async def test_enrolment_shows_secret_address_and_a_picture_that_loads_nothing(world: World) -> None:
    _, token = await member(world)
    begun = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    assert begun["otpauthUri"].startswith("otpauth://totp/ConsentQL:p%40example.org?secret=" + begun["secret"])
    assert "issuer=ConsentQL" in begun["otpauthUri"]
    svg = begun["qrCodeSvg"]
    assert svg.startswith("<svg")
    assert not any(word in svg for word in ("<script", "href", "url(", "http://127", "onload"))


async def test_a_second_factor_stands_between_password_and_session(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    assert (await world.data("{ me { totpEnabled } }", token))["me"]["totpEnabled"] is True
    challenge = await challenged(world)
    answer = await complete_login(world, challenge, app.code())
    assert answer["viewer"]["role"] == "MEMBER"
    assert (await world.data(VIEWER, answer["accessToken"]))["viewer"]["role"] == "MEMBER"


async def test_a_challenge_is_no_token(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    await enrol_authenticator(world, token)
    challenge = await challenged(world)
    assert kind_of(challenge) is TokenKind.CHALLENGE
    response = await world.post(VIEWER, challenge)
    assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])
    stolen = await world.data(
        "mutation ($t: String) { refreshSession(refreshToken: $t) { __typename } }", None, {"t": challenge}
    )
    assert stolen["refreshSession"]["__typename"] == "Refusal"


async def test_nothing_but_a_challenge_completes_a_login(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    session = await sign_in(world, "p@example.org")
    other = session["challenge"][:-1] + ("x" if session["challenge"][-1] != "x" else "y")
    for wrong in (token, "", "cql_mf_" + "0" * 49, other):
        assert (await complete_login(world, wrong, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_a_challenge_ends_after_five_tries_and_five_minutes(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await challenged(world)
    told = [(await complete_login(world, challenge, "000000"))["code"] for _ in range(5)]
    assert told == ["INVALID_CODE"] * 5
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"
    challenge = await challenged(world)
    clock.forward(minutes=5)
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_a_challenge_dies_with_the_password_it_was_begun_with(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await challenged(world)
    changed = await world.data(CHANGE, token, {"input": {"currentPassword": STRONG, "newPassword": OTHER}})
    assert "changedAt" in changed["changePassword"]
    clock.forward(seconds=30)
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_a_challenge_dies_when_a_session_of_its_account_logs_out(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await challenged(world)
    assert (await world.data("mutation { logout }", token))["logout"] is True
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"
    assert "accessToken" in await complete_login(world, await challenged(world), app.code())


async def test_the_code_that_enrolled_signs_nobody_in(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    challenge = await challenged(world)
    assert (await complete_login(world, challenge, app.code(-1)))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, challenge, app.code())


async def test_codes_go_forward_only(world: World, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(seconds=90)
    assert "accessToken" in await complete_login(world, await challenged(world), app.code())
    for steps in (0, -1):
        assert (await complete_login(world, await challenged(world), app.code(steps)))["code"] == "INVALID_CODE", steps
    assert caplog.text.count("a code was used twice") == 2, "an operator hears of it, whoever sent it does not"
    assert "accessToken" in await complete_login(world, await challenged(world), app.code(1))


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step(world: World, steps: int, taken: bool) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    answer = await complete_login(world, await challenged(world), app.code(steps))
    assert ("accessToken" in answer) is taken


async def test_digits_are_ascii_and_spaces_are_nothing(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    code = app.code()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    challenge = await challenged(world)
    for wrong in (wide, code + "0", code[:5], "", "½" * 6, "\u0660" * 6):
        answer = await complete_login(world, await challenged(world), wrong)
        assert answer["code"] == "INVALID_CODE", wrong
    assert "accessToken" in await complete_login(world, challenge, f" {code[:3]} {code[3:]} ")


async def test_one_code_makes_one_session_however_many_send_it_at_once(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, recovery = await enrol_authenticator(world, token)
    clock.forward(minutes=5)
    for code in (app.code(), recovery[0]):
        challenges = [await challenged(world) for _ in range(16)]
        answers = await asyncio.gather(*(complete_login(world, challenge, code) for challenge in challenges))
        assert sum("accessToken" in answer for answer in answers) == 1, code


async def test_a_recovery_code_stands_in_once_however_it_is_written(world: World) -> None:
    Clock(world)
    id, token = await member(world)
    _, recovery = await enrol_authenticator(world, token)
    assert len(set(recovery)) == 10
    answer = await complete_login(world, await challenged(world), f" {recovery[3].lower().replace('-', ' ')} ")
    assert "accessToken" in answer
    assert (await complete_login(world, await challenged(world), recovery[3]))["code"] == "INVALID_CODE"
    assert "RECOVERY_CODE_USED" in await letters(world, id)
    async with world.services.database.reading() as connection:
        stored = (await connection.execute(select(RECOVERY_CODES.c.digest))).scalars().all()
    assert len(stored) == 10
    assert not any(code.replace("-", "") in str(stored) for code in recovery)


async def test_a_session_of_a_recovery_code_takes_nothing_along_and_ends_nothing_until_a_new_authenticator(
    world: World,
) -> None:
    clock = Clock(world)
    _, token = await member(world)
    _, recovery = await enrol_authenticator(world, token)
    token = (await complete_login(world, await challenged(world), recovery[0]))["accessToken"]
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


async def test_a_challenge_takes_one_recovery_code(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    _, recovery = await enrol_authenticator(world, token)
    challenge = await challenged(world)
    assert "accessToken" in await complete_login(world, challenge, recovery[0])
    assert (await complete_login(world, challenge, recovery[1]))["code"] == "CHALLENGE_EXPIRED"
    assert "accessToken" in await complete_login(world, await challenged(world), recovery[1]), "and it was not used up"


async def test_new_recovery_codes_end_the_old_ones_at_once(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    app, old = await enrol_authenticator(world, token)
    new = (await world.data(REGENERATE, token, {"p": STRONG, "c": app.code()}))["regenerateRecoveryCodes"]["codes"]
    assert not set(new) & set(old)
    assert (await complete_login(world, await challenged(world), old[0]))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, await challenged(world), new[0])


@pytest.mark.parametrize(
    ("password", "steps", "code"), [("wrong one", 0, "INVALID_CREDENTIALS"), (STRONG, 5, "INVALID_CODE")]
)
async def test_switching_off_takes_both_factors(world: World, password: str, steps: int, code: str) -> None:
    Clock(world)
    id, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    for mutation, name in ((DISABLE, "disableTotp"), (REGENERATE, "regenerateRecoveryCodes")):
        answer = (await world.data(mutation, token, {"p": password, "c": app.code(steps)}))[name]
        assert answer["code"] == code
    done = (await world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))["disableTotp"]
    assert datetime.fromisoformat(done["disabledAt"])
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert (await letters(world, id))[-1] == "TOTP_DISABLED"


async def test_staff_keep_their_second_factor(world: World) -> None:
    Clock(world)
    id, token = await member(world)
    app, _ = await enrol_authenticator(world, token)
    await world.token(Role.SUPPORT, id)
    answer = (await world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))["disableTotp"]
    assert answer["code"] == "NOT_PERMITTED"


async def test_an_enrolment_that_was_never_confirmed_locks_nobody_out(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    first = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    assert "accessToken" in await sign_in(world, "p@example.org")
    second = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    confirm = (await world.data(CONFIRM, token, {"c": AuthenticatorApp(world, first).code()}))["confirmTotpEnrolment"]
    assert confirm["code"] == "INVALID_CODE", "the newer secret took its place"
    clock.forward(minutes=10)
    late = (await world.data(CONFIRM, token, {"c": AuthenticatorApp(world, second).code()}))["confirmTotpEnrolment"]
    assert late["code"] == "TOTP_NOT_ENABLED"


async def test_enrolling_needs_the_password_a_verified_address_and_no_factor_yet(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    assert (await world.data(BEGIN, token, {"p": "wrong one"}))["beginTotpEnrolment"]["code"] == "INVALID_CREDENTIALS"
    await enrol_authenticator(world, token)
    assert (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["code"] == "TOTP_ALREADY_ENABLED"
    await world.person("u@example.org", password=STRONG, emailVerified=False)
    other = (await sign_in(world, "u@example.org"))["accessToken"]
    assert (await world.data(BEGIN, other, {"p": STRONG}))["beginTotpEnrolment"]["code"] == "EMAIL_NOT_VERIFIED"


async def test_switching_on_ends_every_other_session(world: World) -> None:
    Clock(world)
    id, token = await member(world)
    other = (await sign_in(world, "p@example.org"))["accessToken"]
    support = await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    assert [(await world.post(VIEWER, each)).status_code for each in (token, other, support)] == [200, 401, 401]


async def test_a_secret_works_where_it_was_sealed_and_nowhere_else(world: World) -> None:
    Clock(world)
    apps = {}
    for email in ("a@example.org", "b@example.org"):
        _, token = await member(world, email)
        apps[email], _ = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        rows = (await connection.execute(select(AUTHENTICATORS))).all()
        for row, other in ((rows[0], rows[1]), (rows[1], rows[0])):
            mine = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == row.id)
            await connection.execute(mine.values(secret=other.secret))
    for email, app in apps.items():
        for owner in apps.values():
            assert (await complete_login(world, await challenged(world, email), owner.code()))["code"] == "INVALID_CODE"
        assert app


async def test_a_hundred_wrong_codes_in_a_row_end_the_authenticator_not_the_recovery_codes(world: World) -> None:
    clock = Clock(world)
    _, token = await member(world)
    app, recovery = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        await connection.execute(update(AUTHENTICATORS).values(failures=MAX_FAILURES - 1))
    clock.forward(minutes=5)
    assert (await complete_login(world, await challenged(world), "000000"))["code"] == "INVALID_CODE"
    assert (await complete_login(world, await challenged(world), app.code()))["code"] == "INVALID_CODE"
    assert "accessToken" in await complete_login(world, await challenged(world), recovery[0])


async def test_a_role_token_takes_the_role_and_a_session_with_a_second_factor(world: World) -> None:
    clock = Clock(world)
    id, token = await member(world)

    async def asked(session: str, **more: Any) -> Any:
        given = {"role": "SUPPORT", "name": "desk", **more}
        return (await world.data(ROLE_TOKEN, session, {"input": given}))["issueRoleToken"]

    def after(**delta: float) -> str:
        return (world.services.now() + timedelta(**delta)).isoformat()

    assert (await asked(token, expiresAt=after(hours=1)))["code"] == "NOT_PERMITTED"
    await world.token(Role.SUPPORT, id)
    assert (await asked(token, expiresAt=after(hours=1)))["code"] == "TOTP_REQUIRED"
    _, recovery = await enrol_authenticator(world, token)
    for field, wrong in (
        ("input.expiresAt", {"expiresAt": after(hours=9)}),
        ("input.expiresAt", {"expiresAt": after(seconds=-1)}),
        ("input.name", {"expiresAt": after(hours=1), "name": " "}),
        ("input.role", {"expiresAt": after(hours=1), "role": "COMPLIANCE"}),
        ("input.role", {"expiresAt": after(hours=1), "role": "MEMBER"}),
    ):
        assert (await asked(token, **wrong))["field"] == field
    issued = await asked(token, expiresAt=after(hours=8))
    assert (await world.data(VIEWER, issued["token"]))["viewer"] == {
        "role": "SUPPORT",
        "expiresAt": issued["expiresAt"],
        "user": {"id": id},
        "session": None,
    }
    recovered = (await complete_login(world, await challenged(world), recovery[0]))["accessToken"]
    assert (await asked(recovered, expiresAt=after(hours=1)))["code"] == "TOTP_REQUIRED"
    clock.forward(minutes=31)
    assert (await world.post(VIEWER, issued["token"])).status_code == 401, "unused for half an hour"


async def test_a_role_token_takes_a_second_factor_of_the_last_day(world: World) -> None:
    clock = Clock(world)
    id, token = await member(world)
    session = await sign_in(world, "p@example.org")
    clock.forward(hours=23)
    session = await refresh_session(world, session["refreshToken"])
    app, _ = await enrol_authenticator(world, session["accessToken"])
    await world.token(Role.SUPPORT, id)

    async def asked() -> Any:
        expires_at = (world.services.now() + timedelta(hours=1)).isoformat()
        given = {"role": "SUPPORT", "name": "desk", "expiresAt": expires_at}
        return (await world.data(ROLE_TOKEN, session["accessToken"], {"input": given}))["issueRoleToken"]

    for hours, opened in ((2, True), (21, True), (1, False)):
        clock.forward(hours=hours)
        session = await refresh_session(world, session["refreshToken"])
        answer = await asked()
        assert (answer.get("code") is None) is opened, (hours, answer)
    assert answer["code"] == "TOTP_REQUIRED"
    session = await complete_login(world, await challenged(world), app.code())
    assert (await asked())["role"] == "SUPPORT"
    assert token


async def test_a_role_token_lives_while_it_is_used_and_ends_half_an_hour_after(world: World) -> None:
    """Use is noted every five minutes, so it may end five minutes early, and never late."""
    clock = Clock(world)
    id, token = await member(world)
    await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    expires_at = (clock.at + timedelta(hours=8)).isoformat()
    given = {"role": "SUPPORT", "name": "desk", "expiresAt": expires_at}
    support = (await world.data(ROLE_TOKEN, token, {"input": given}))["issueRoleToken"]["token"]
    for minutes, status in ((25, 200), (4, 200), (25, 200), (30, 200), (31, 401)):
        clock.forward(minutes=minutes)
        assert (await world.post(VIEWER, support)).status_code == status, minutes


async def test_nothing_usable_is_in_a_copy_of_the_database(world: World) -> None:
    Clock(world)
    _, token = await member(world)
    begun = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    app = AuthenticatorApp(world, begun["secret"])
    recovery = (await world.data(CONFIRM, token, {"c": app.code()}))["confirmTotpEnrolment"]["codes"]
    challenge = await challenged(world)
    answer = await complete_login(world, challenge, recovery[0])
    secrets = [token, begun["secret"], challenge, answer["accessToken"], answer["refreshToken"], answer["deviceToken"]]
    secrets += [*recovery, *(code.replace("-", "") for code in recovery), STRONG]
    async with world.services.database.reading() as connection:
        dump = [
            str(tuple(row)) for table in METADATA.tables.values() for row in (await connection.execute(select(table)))
        ]
    assert not [secret for secret in secrets if any(secret in line for line in dump)]
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(CHALLENGES.c.ended_at))).scalar_one() is not None

"""Two-factor sign-in is turned on and off with the password and a code, and each change ends the other sessions."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from models.tables import ACCESS_TOKENS, RECOVERY_CODES
from models.tokens import token_rows
from models.vocabulary import Role
from tests.identity import (
    BEGIN,
    CONFIRM,
    DISABLE,
    LOGIN,
    REGENERATE,
    STRONG,
    VIEWER,
    AuthenticatorApp,
    Clock,
    enrol_authenticator,
    letters,
    new_member,
    sign_in,
)
from tests.world import World


async def test_an_enrolment_returns_the_secret_its_uri_and_a_safe_picture(world: World) -> None:
    _, token = await new_member(world)
    enrolment = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    assert enrolment["otpauthUri"].startswith("otpauth://totp/ConsentQL:p%40example.org?secret=" + enrolment["secret"])
    assert "issuer=ConsentQL" in enrolment["otpauthUri"]
    svg = enrolment["qrCodeSvg"]
    assert svg.startswith("<svg")
    width, height = re.findall(r'(?:width|height)="(\d+)"', svg)
    ground = re.search(r'<path [^>]*fill="#fff" d="M0 0h(\d+)v(\d+)h-\1z"', svg)
    assert ground, "the modules stand on white, so that they are seen on a dark page"
    assert (int(ground[1]) * 4, int(ground[2]) * 4) == (int(width), int(height)), "also the margin"
    assert not any(word in svg for word in ("<script", "href", "url(", "http://127", "onload"))


async def test_an_unconfirmed_enrolment_has_no_effect(world: World) -> None:
    clock = Clock(world)
    _, token = await new_member(world)
    first = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    assert "accessToken" in await sign_in(world, "p@example.org")
    second = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["secret"]
    confirm = (await world.data(CONFIRM, token, {"c": AuthenticatorApp(world, first).code()}))["confirmTotpEnrolment"]
    assert confirm["code"] == "INVALID_CODE", "a newer secret replaces it"
    clock.forward(minutes=10)
    late = (await world.data(CONFIRM, token, {"c": AuthenticatorApp(world, second).code()}))["confirmTotpEnrolment"]
    assert late["code"] == "TOTP_NOT_ENABLED"


async def test_an_enrolment_needs_the_password_a_verified_address_and_no_authenticator(world: World) -> None:
    Clock(world)
    _, token = await new_member(world)
    assert (await world.data(BEGIN, token, {"p": "wrong one"}))["beginTotpEnrolment"]["code"] == "INVALID_CREDENTIALS"
    await enrol_authenticator(world, token)
    assert (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]["code"] == "TOTP_ALREADY_ENABLED"
    await world.person("u@example.org", password=STRONG, emailVerified=False)
    other = (await sign_in(world, "u@example.org"))["accessToken"]
    assert (await world.data(BEGIN, other, {"p": STRONG}))["beginTotpEnrolment"]["code"] == "EMAIL_NOT_VERIFIED"


async def test_turning_it_on_ends_every_other_session(world: World) -> None:
    Clock(world)
    id, token = await new_member(world)
    other = (await sign_in(world, "p@example.org"))["accessToken"]
    support = await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    assert [(await world.post(VIEWER, each)).status_code for each in (token, other, support)] == [200, 401, 401]


@pytest.mark.parametrize(
    ("password", "steps", "code"), [("wrong one", 0, "INVALID_CREDENTIALS"), (STRONG, 5, "INVALID_CODE")]
)
async def test_turning_it_off_needs_both_factors(world: World, password: str, steps: int, code: str) -> None:
    Clock(world)
    id, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    for mutation, name in ((DISABLE, "disableTotp"), (REGENERATE, "regenerateRecoveryCodes")):
        answer = (await world.data(mutation, token, {"p": password, "c": app.code(steps)}))[name]
        assert answer["code"] == code
    done = (await world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))["disableTotp"]
    assert datetime.fromisoformat(done["disabledAt"])
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert (await letters(world, id))[-1] == "TOTP_DISABLED"


async def test_staff_cannot_turn_it_off(world: World) -> None:
    Clock(world)
    id, token = await new_member(world)
    app, _ = await enrol_authenticator(world, token)
    await world.token(Role.SUPPORT, id)
    answer = (await world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))["disableTotp"]
    assert answer["code"] == "NOT_PERMITTED"


LATER = timedelta(days=1)


async def grant(world: World, connection: Any, subject_id: str) -> None:
    """Grants SUPPORT in an open transaction."""
    now = world.services.now()
    await token_rows.grant_role(
        connection, world.services.keys, token_rows.NewGrant(subject_id, Role.SUPPORT, now=now, expires_at=now + LATER)
    )


async def test_a_role_granted_meanwhile_keeps_it_on(world: World) -> None:
    Clock(world)
    id = await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    app, _ = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        await grant(world, connection, id)
        pending = asyncio.create_task(world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))
        await asyncio.sleep(0.3)  # by then it has verified the password and pending for the lock of the account
    assert (await pending)["disableTotp"].get("code") == "NOT_PERMITTED"


async def test_one_code_turns_it_on_once(world: World) -> None:
    """Of many confirmations one returns codes, and every other session ends."""
    Clock(world)
    await world.person("p@example.org", password=STRONG)
    sessions = [(await sign_in(world, "p@example.org"))["accessToken"] for _ in range(6)]
    enrolment = (await world.data(BEGIN, sessions[0], {"p": STRONG}))["beginTotpEnrolment"]
    code = AuthenticatorApp(world, enrolment["secret"]).code()
    answers = await asyncio.gather(
        *(world.ask(CONFIRM, session, {"c": code}) for session in sessions),
        *(world.ask(LOGIN, None, {"input": {"email": "p@example.org", "password": STRONG}}) for _ in range(4)),
        world.ask(BEGIN, sessions[1], {"p": STRONG}),
    )
    confirmed = [answer for answer in answers if "codes" in str(answer)]
    assert len(confirmed) <= 1, "none if another secret has just replaced this one"
    assert not [answer for answer in answers if "INTERNAL" in str(answer)]
    alive = select(ACCESS_TOKENS.c.factors).where(ACCESS_TOKENS.c.revoked_at.is_(None))
    async with world.services.database.reading() as connection:
        factors = (await connection.execute(alive)).scalars().all()
        stored = (await connection.execute(select(func.count()).select_from(RECOVERY_CODES))).scalar_one()
    assert stored == 10 * len(confirmed)
    assert list(factors) == ["password totp"] if confirmed else "password totp" not in factors

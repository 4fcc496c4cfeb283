"""What somebody who has the source would try: every string that is odd is refused in words, never by failing."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from models.vocabulary import LinkUse, Role
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.subjects.account_lock import lock_account
from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE,
    CHANGE_EMAIL,
    COMPLETE,
    CONFIRM,
    DISABLE,
    LOGIN,
    OTHER,
    REFRESH,
    REGENERATE,
    REGISTER,
    RESET,
    ROLE_TOKEN,
    STRONG,
    VERIFY,
    AuthenticatorApp,
    enrol_authenticator,
    mailed_tokens,
    register,
    registration_input,
    sign_in,
)
from tests.statements import recorded_statements
from tests.world import World, codes

ODD = ("\x00", "a\x00b", "", " ", "\u202e", "x" * 5000, "é" * 600, "\U0001f600", "a@b\x00.example", "@", "٣" * 6)
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "login.email": (LOGIN, lambda odd: {"input": {"email": odd, "password": STRONG}}),
    "login.password": (LOGIN, lambda odd: {"input": {"email": "a@example.org", "password": odd}}),
    "login.client": (LOGIN, lambda odd: {"input": {"email": "a@example.org", "password": STRONG, "client": odd}}),
    "login.device": (LOGIN, lambda odd: {"input": {"email": "a@example.org", "password": STRONG, "deviceToken": odd}}),
    "complete.challenge": (COMPLETE, lambda odd: {"input": {"challenge": odd, "code": "000000"}}),
    "complete.code": (COMPLETE, lambda odd: {"input": {"challenge": "x", "code": odd}}),
    "refresh": (REFRESH, lambda odd: {"t": odd}),
    "register.email": (REGISTER, lambda odd: {"input": registration_input(odd)}),
    "register.password": (REGISTER, lambda odd: {"input": {**registration_input("n@example.org"), "password": odd}}),
    "register.firstName": (
        REGISTER,
        lambda odd: {"input": registration_input("n@example.org", firstName=odd, consents=["SOCIAL"])},
    ),
    "register.version": (
        REGISTER,
        lambda odd: {"input": {**registration_input("n@example.org"), "policyVersion": odd}},
    ),
    "verify": (VERIFY, lambda odd: {"t": odd}),
    "ask": (ASK_RESET, lambda odd: {"e": odd}),
    "reset.token": (RESET, lambda odd: {"t": odd, "p": STRONG}),
    "reset.password": (RESET, lambda odd: {"t": "x", "p": odd}),
    "change.current": (CHANGE, lambda odd: {"input": {"currentPassword": odd, "newPassword": STRONG}}),
    "change.new": (CHANGE, lambda odd: {"input": {"currentPassword": STRONG, "newPassword": odd}}),
    "email.new": (CHANGE_EMAIL, lambda odd: {"e": odd, "p": STRONG}),
    "email.password": (CHANGE_EMAIL, lambda odd: {"e": "n@example.org", "p": odd}),
    "begin": (BEGIN, lambda odd: {"p": odd}),
    "confirm": (CONFIRM, lambda odd: {"c": odd}),
    "disable.code": (DISABLE, lambda odd: {"p": STRONG, "c": odd}),
    "disable.password": (DISABLE, lambda odd: {"p": odd, "c": "000000"}),
    "regenerate": (REGENERATE, lambda odd: {"p": STRONG, "c": odd}),
    "role": (
        ROLE_TOKEN,
        lambda odd: {"input": {"role": "SUPPORT", "name": odd, "expiresAt": "2999-01-01T00:00:00Z"}},
    ),
}
OF_A_MEMBER = ("change", "email", "begin", "confirm", "disable", "regenerate", "role")


@pytest.mark.parametrize("named", DOCUMENTS)
async def test_an_odd_string_is_refused_and_breaks_nothing(world: World, named: str) -> None:
    await world.person("a@example.org", password=STRONG)
    document, given = DOCUMENTS[named]
    for odd in (*ODD, "\ud800", "cql_rf_\ud800"):
        mine = named.partition(".")[0] in OF_A_MEMBER
        token = (await sign_in(world, "a@example.org"))["accessToken"] if mine else None
        raw = await world.client.post(
            "/graphql",
            content=_written({"query": document, "variables": given(odd)}),
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
        )
        assert "INTERNAL" not in codes(raw.json()), (odd, raw.text)


def _written(body: Any) -> bytes:
    return json.dumps(body).encode()


async def test_a_session_that_ended_while_it_waited_issues_no_role_token(world: World) -> None:
    id = await world.person("a@example.org", password=STRONG)
    token = (await sign_in(world, "a@example.org"))["accessToken"]
    await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    until = (world.services.now() + timedelta(hours=1)).isoformat()
    given = {"input": {"role": "SUPPORT", "name": "desk", "expiresAt": until}}
    async with world.services.database.writing() as connection:
        await lock_account(connection, id)
        waits = asyncio.create_task(world.data(ROLE_TOKEN, token, given))
        await asyncio.sleep(0.3)  # by then it is authenticated, and queues for the account
        await end_sessions(connection, id, world.services.now())
    assert (await waits)["issueRoleToken"].get("code") == "TOTP_REQUIRED"


async def test_a_letters_link_is_used_after_its_account_is_locked(world: World) -> None:
    """The order in which whoever ends links takes them; the other order would be a deadlock on PostgreSQL."""
    await register(world, "n@example.org")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    token = (await sign_in(world, "n@example.org"))["accessToken"]
    async with recorded_statements(world.services.database) as statements:
        await world.data(VERIFY, token, {"t": link})
    used = next(place for place, text in enumerate(statements) if text.startswith("UPDATE mailed_tokens"))
    assert any("FROM accounts" in text for text in statements[:used])


async def test_an_enrolment_ends_with_the_password_it_was_begun_with(world: World) -> None:
    """Else a session that just ended could still lock its owner out, with an app of a stranger's."""
    await world.person("a@example.org", password=STRONG)
    token = (await sign_in(world, "a@example.org"))["accessToken"]
    begun = (await world.data(BEGIN, token, {"p": STRONG}))["beginTotpEnrolment"]
    await world.data(CHANGE, token, {"input": {"currentPassword": STRONG, "newPassword": OTHER}})
    code = AuthenticatorApp(world, begun["secret"]).code()
    assert (await world.data(CONFIRM, token, {"c": code}))["confirmTotpEnrolment"]["code"] == "TOTP_NOT_ENABLED"

"""Odd strings in any argument are refused, and no request fails because of them."""

import json
from typing import Any

import pytest

from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE,
    CHANGE_EMAIL,
    COMPLETE,
    CONFIRM,
    DISABLE,
    LOGIN,
    REFRESH,
    REGENERATE,
    REGISTER,
    RESET,
    ROLE_TOKEN,
    STRONG,
    VERIFY,
    registration_input,
    sign_in,
)
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
async def test_an_odd_string_causes_no_internal_error(world: World, named: str) -> None:
    await world.person("a@example.org", password=STRONG)
    document, variables = DOCUMENTS[named]
    for odd in (*ODD, "\ud800", "cql_rf_\ud800"):
        mine = named.partition(".")[0] in OF_A_MEMBER
        token = (await sign_in(world, "a@example.org"))["accessToken"] if mine else None
        raw = await world.client.post(
            "/graphql",
            content=json.dumps({"query": document, "variables": variables(odd)}).encode(),
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
        )
        assert "INTERNAL" not in codes(raw.json()), (odd, raw.text)

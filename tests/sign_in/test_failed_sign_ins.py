"""After 100 wrong passwords in a row, no password signs in on an unknown device."""

from typing import Any

import pytest
from sqlalchemy import select

from app.commands.access.disable import disable_account
from app.commands.access.unlock import unlock_account
from models.key_ring import KeyRing
from models.letters import LinkUse
from models.tables import FAILED_SIGN_INS
from resolvers.hashing.password_hash import Hashing
from resolvers.hashing.worker_pool import PoolFull
from resolvers.sessions import failed_sign_ins
from resolvers.sessions.failed_sign_ins import REPORTED_CODES
from resolvers.sign_in import login_refresh_logout
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    DISABLE,
    LOGIN,
    OTHER,
    REGENERATE,
    STRONG,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    new_challenge,
    register,
    registration_input,
    reset_password,
    sign_in,
    verify_email,
)
from tests.statements import recorded_statements
from tests.world import KEY, World

MOST = 4
LEAVE = """mutation ($p: String!, $c: String) { requestErasure(password: $p, code: $c) {
  __typename ... on Refusal { code } } }"""
WRONG = "not it, nor like it"


@pytest.fixture(autouse=True)
def few_wrong_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowers the limit, which is 100 (NIST SP 800-63B-4)."""
    assert failed_sign_ins.MAX_WRONG_PASSWORDS == 100
    monkeypatch.setattr(login_refresh_logout, "MAX_WRONG_PASSWORDS", MOST)


async def guess(world: World, email: str = "p@example.org", times: int = MOST, **more: str) -> None:
    for _ in range(times):
        assert (await sign_in(world, email, WRONG, **more))["code"] == "INVALID_CREDENTIALS"


async def on_known_device(world: World, device: str) -> str:
    assert "accessToken" in await sign_in(world, "p@example.org", deviceToken=device)
    return STRONG


async def by_mail(world: World, _: str) -> str:
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    assert "changedAt" in await reset_password(world, (await mailed_tokens(world, LinkUse.RESET))[0])
    return OTHER


async def by_an_operator(world: World, _: str) -> str:
    await unlock_account(world.services, "P@example.org")
    return STRONG


@pytest.mark.parametrize("unlock", [on_known_device, by_mail, by_an_operator])
async def test_a_locked_sign_in_opens_again_only_by_its_owner_or_an_operator(world: World, unlock: Any) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    device = (await sign_in(world, "p@example.org"))["deviceToken"]
    await guess(world, times=MOST - 1)
    assert "accessToken" in await sign_in(world, "p@example.org"), "a right password ends the row"
    await guess(world)
    for _ in range(2):
        assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"
        clock.forward(days=20)
    password = await unlock(world, device)
    await guess(world, times=MOST - 1)
    assert "accessToken" in await sign_in(world, "p@example.org", password)


async def test_a_locked_sign_in_answers_and_works_like_a_wrong_password(
    world: World, argon2_calls: list[tuple[str, int, str]]
) -> None:
    await world.person("p@example.org", password=STRONG)
    await guess(world, "warm@example.org", times=1)
    work: dict[str, Any] = {}
    for email in ("p@example.org", "nobody@example.org"):
        for number in range(MOST + 3):
            password = STRONG if number >= MOST else WRONG
            argon2_calls.clear()
            async with recorded_statements(world.services.database) as statements:
                answer = await world.post(LOGIN, None, {"input": {"email": email, "password": password}})
            calls = [(name, cost) for name, cost, _ in argon2_calls]
            work.setdefault(str(number), []).append((answer.text, list(statements), calls))
    for known, unknown in work.values():
        assert known == unknown
    assert len({text for ((text, *_), _) in work.values()}) == 1
    assert work[str(MOST + 1)] == work[str(MOST + 2)]


async def test_the_right_password_of_an_account_that_cannot_sign_in_costs_as_much_as_a_wrong_one(
    world: World, argon2_calls: list[tuple[str, int, str]]
) -> None:
    right = "Zoë's café, Ångström 7"
    for who in ("locked", "disabled"):
        await world.person(f"{who}@example.org", password=right)
    await guess(world, "locked@example.org", times=MOST)
    await disable_account(world.services, "disabled@example.org")
    work = []
    for email in ("locked@example.org", "disabled@example.org", "nobody@example.org"):
        for password in (right, right[::-1]):
            argon2_calls.clear()
            assert (await sign_in(world, email, password))["code"] == "INVALID_CREDENTIALS"
            work.append([(name, cost) for name, cost, _ in argon2_calls])
    assert work == [[("verify", 8)] * 2] * 6


async def test_known_devices_have_a_count_of_their_own(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    devices = [(await sign_in(world, "p@example.org"))["deviceToken"] for _ in range(2)]
    for device in devices * (MOST // 2):
        await guess(world, times=1, deviceToken=device)
    for device in devices:
        assert (await sign_in(world, "p@example.org", deviceToken=device))["code"] == "INVALID_CREDENTIALS"
    assert "accessToken" in await sign_in(world, "p@example.org")
    await guess(world)
    assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"


async def test_the_owner_of_a_locked_account_is_told_once_a_day(world: World) -> None:
    clock = Clock(world)
    id = await world.person("p@example.org", password=STRONG)
    await guess(world)
    assert "SIGN_IN_LOCKED" not in await letters(world, id)
    for day in (1, 2):
        await guess(world, times=3)
        assert (await letters(world, id)).count("SIGN_IN_LOCKED") == day
        clock.forward(hours=23, minutes=59)
        await unlock_account(world.services, "p@example.org")
        await guess(world, times=MOST + 1)
        assert (await letters(world, id)).count("SIGN_IN_LOCKED") == day
        clock.forward(minutes=1)


async def test_three_wrong_codes_after_the_right_password_are_told_once_a_day(world: World) -> None:
    clock = Clock(world)
    id = await world.person("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])

    async def enter(*codes: str) -> int:
        for code in codes:
            await complete_login(world, await new_challenge(world), code)
        return (await letters(world, id)).count("CODES_WRONG")

    wrong = "000000"
    assert await enter(wrong, "not-a-code") == 0
    assert await enter(app.code(), wrong, wrong) == 0, "a right code ends the row"
    assert await enter(wrong) == 1
    assert await enter(wrong, wrong) == 1
    clock.forward(days=1)
    assert await enter(wrong) == 2


@pytest.mark.parametrize("mutation", [CHANGE_EMAIL, DISABLE, REGENERATE, LEAVE])
async def test_wrong_codes_are_told_wherever_a_code_is_asked_for_again(world: World, mutation: str) -> None:
    Clock(world)
    id = await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    await enrol_authenticator(world, token)
    more = {"e": "new@example.org"} if mutation == CHANGE_EMAIL else {}
    for number in range(1, REPORTED_CODES + 1):
        (answer,) = (await world.data(mutation, token, {"p": STRONG, "c": "000000", **more})).values()
        assert answer["code"] == "INVALID_CODE"
        assert (await letters(world, id)).count("CODES_WRONG") == int(number == REPORTED_CODES)


async def test_a_password_that_was_not_verified_is_not_counted_as_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.person("p@example.org", password=STRONG)
    emails = ("p@example.org", "nobody@example.org")
    for email in emails:
        await guess(world, email, times=2)

    async def verify(*_: Any, **__: Any) -> None:
        raise PoolFull

    work = []
    with monkeypatch.context() as patched:
        patched.setattr(Hashing, "verify", verify)
        for email in emails:
            async with recorded_statements(world.services.database) as statements:
                assert (await sign_in(world, email))["code"] == "TRY_LATER"
            work.append(list(statements))
    assert work[0] == work[1]
    async with world.services.database.reading() as connection:
        assert set((await connection.execute(select(FAILED_SIGN_INS.c.failures))).scalars()) == {2}
    for email in emails:
        await guess(world, email, times=MOST - 2)
    assert "accessToken" not in await sign_in(world, "p@example.org"), "verified ones still count"


@pytest.mark.parametrize("link", [LinkUse.VERIFY, LinkUse.CHANGE])
async def test_wrong_passwords_before_an_address_has_an_owner_do_not_lock_the_owner_out(
    world: World, link: LinkUse
) -> None:
    await guess(world, "new@example.org", times=MOST + 1)
    password = STRONG
    if link is LinkUse.VERIFY:
        password = registration_input("new@example.org")["password"]
        await register(world, "new@example.org")
    else:
        await world.person("p@example.org", password=STRONG)
        token = (await sign_in(world, "p@example.org"))["accessToken"]
        await world.data(CHANGE_EMAIL, token, {"e": "New@example.org", "p": STRONG})
    await guess(world, "new@example.org", times=1)
    await verify_email(world, (await mailed_tokens(world, link))[0])
    assert "accessToken" in await sign_in(world, "new@example.org", password)


async def test_counts_continue_under_a_new_secret_key(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    emails = ("p@example.org", "nobody@example.org")
    for email in emails:
        await guess(world, email, times=MOST + 1)
    world.services.keys = KeyRing(("another key that is long enough to be accepted", KEY))
    work = []
    for email in emails:
        async with recorded_statements(world.services.database) as statements:
            assert (await sign_in(world, email))["code"] == "INVALID_CREDENTIALS"
        work.append(list(statements))
    assert work[0] == work[1]
    assert (await letters(world, id)).count("SIGN_IN_LOCKED") == 1, "the time of the letter is kept, too"
    await unlock_account(world.services, "p@example.org")
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_counts_under_an_earlier_key_are_cleared(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    await guess(world, times=MOST + 1)
    world.services.keys = KeyRing(("another key that is long enough to be accepted", KEY))
    await unlock_account(world.services, "p@example.org")
    await guess(world, times=MOST - 1)
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_addresses_without_an_account_are_counted_alike(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    for email in ("p@example.org", "nobody@example.org"):
        await guess(world, email, times=2)
    async with world.services.database.reading() as connection:
        rows = (await connection.execute(select(FAILED_SIGN_INS))).all()
    assert [(row.failures, len(row.key), row.told_at) for row in rows] == [(2, 64, None)] * 2

"""Requesting erasure: what it requires, ends and returns."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.browser import cookies
from models.database import Database
from models.letters import LinkUse
from models.tables import ROLE_GRANTS
from models.vocabulary import Processor, Role
from permissions.retention_periods import RETENTION, YEAR, RecordKind, retention
from tests.erasure.requester import CANCEL, GRACE, GRANT_ROLE, ME, REQUEST, STATES, Requester, instant_text
from tests.http.test_browser_sessions import from_browser
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    LOGIN,
    OTHER,
    RESET,
    ROLE_TOKEN,
    STRONG,
    VERIFY,
    VIEWER,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    sign_in,
)
from tests.serving import consentql
from tests.staff.compliance_office import ComplianceOffice
from tests.staff.support_desk import ASSIGN, OPEN
from tests.statements import recorded_statements
from tests.world import World, codes, world_of


async def test_requesting_erasure_returns_the_date_and_the_retained_records(requester: Requester) -> None:
    answer = await requester.request()
    assert answer["scheduledFor"] == requester.ends
    kept = {each["what"]: each["until"] for each in answer["kept"]}
    after = (
        RecordKind.CONSENT_RECORDS,
        RecordKind.DISCLOSURES,
        RecordKind.SUPPORT_CASES,
        RecordKind.LEGAL_REQUESTS,
    )
    assert list(kept) == [RETENTION[kind].what for kind in after]
    assert list(kept.values()) == [instant_text(requester.since + GRACE + 5 * YEAR), None, None, None]
    assert all(RETENTION[kind].why in each["why"] for kind, each in zip(after, answer["kept"], strict=True))
    assert await requester.leaving_since() == requester.since
    me = (await requester.world.data(STATES, await requester.sign_in_again()))["me"]
    assert me["erasureScheduledFor"] == requester.ends


async def test_a_request_uses_the_operators_periods(requester: Requester) -> None:
    day = timedelta(days=1)
    requester.world.services.retention = retention(7 * day, {RecordKind.CONSENT_RECORDS: 100 * day})
    answer = await requester.request()
    assert answer["scheduledFor"] == instant_text(requester.since + 7 * day)
    assert answer["kept"][0]["until"] == instant_text(requester.since + 107 * day)
    states = (await requester.world.data(STATES, await requester.sign_in_again()))["me"]
    assert {each["erasesAt"] for each in states["consents"]} == {None, instant_text(requester.since + 7 * day)}


async def test_repeating_the_request_returns_the_same_date(requester: Requester) -> None:
    first = await requester.request()
    mine = await requester.sign_in_again()
    requester.clock.forward(minutes=10)
    account = await requester.world.account(requester.id)
    assert await requester.request() == first
    assert await requester.world.account(requester.id) == account
    assert "errors" not in await requester.world.ask(VIEWER, mine), "nor does it end the session"
    assert (await letters(requester.world, requester.id)).count("ERASURE_SCHEDULED") == 1


async def test_a_request_ends_sessions_challenges_and_links(requester: Requester) -> None:
    world = requester.world
    _, recovery = await enrol_authenticator(world, requester.token)
    begun = await sign_in(world, "p@example.org")
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    await world.data(CHANGE_EMAIL, requester.token, {"e": "new@example.org", "p": STRONG, "c": recovery[2]})
    (reset,), (change,) = [await mailed_tokens(world, use) for use in (LinkUse.RESET, LinkUse.CHANGE)]
    other = await world.token(Role.MEMBER, requester.id)
    assert (await requester.request(code=recovery[0]))["__typename"] == "ErasureScheduled"
    for token in (requester.token, other):
        response = await world.post(VIEWER, token)
        assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])
    assert (await complete_login(world, begun["challenge"], recovery[1]))["code"] == "CHALLENGE_EXPIRED"
    assert (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert (await world.data(VERIFY, None, {"t": change}))["verifyEmail"]["code"] == "TOKEN_EXPIRED"


async def test_a_request_clears_the_browsers_session_cookies(requester: Requester) -> None:
    jar: dict[str, str] = {}
    given = {"input": {"email": "p@example.org", "password": STRONG, "transport": "COOKIE"}}
    await from_browser(requester.world, LOGIN, jar, given)
    assert cookies.ACCESS in jar
    answer = (await from_browser(requester.world, REQUEST, jar, {"p": STRONG})).json()
    assert answer["data"]["requestErasure"]["__typename"] == "ErasureScheduled"
    assert set(jar) == {cookies.DEVICE}


@pytest.mark.parametrize(("password", "code"), [("wrong one", None), (STRONG, None), (STRONG, "000000"), ("no", "1")])
async def test_a_wrong_password_or_code_changes_nothing(requester: Requester, password: str, code: str | None) -> None:
    app, _ = await enrol_authenticator(requester.world, requester.token)
    requester.clock.forward(minutes=2)
    account, seen = await requester.world.account(requester.id), await requester.world.data(ME, requester.token)
    answer = await requester.request(password, code)
    expected = {STRONG: "INVALID_CODE" if code else "TOTP_REQUIRED"}.get(password, "INVALID_CREDENTIALS")
    assert (answer["code"], answer["field"]) == (expected, "password" if password != STRONG else "code")
    assert await requester.world.account(requester.id) == account
    assert await requester.world.data(ME, requester.token) == seen
    assert "ERASURE_SCHEDULED" not in await letters(requester.world, requester.id)
    assert (await requester.request(STRONG, app.code()))["__typename"] == "ErasureScheduled"


async def test_a_recovery_code_replaces_the_authenticator(requester: Requester) -> None:
    _, recovery = await enrol_authenticator(requester.world, requester.token)
    assert (await requester.request(STRONG, recovery[0]))["__typename"] == "ErasureScheduled"
    assert (await letters(requester.world, requester.id))[-2:] == ["RECOVERY_CODE_USED", "ERASURE_SCHEDULED"]


async def test_a_code_is_ignored_without_two_factor_sign_in(requester: Requester) -> None:
    assert (await requester.request(STRONG, "whatever"))["__typename"] == "ErasureScheduled"


async def test_attempts_are_counted_before_the_code_is_checked(limited_world: World) -> None:
    world = limited_world
    _, token = await world.member("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(world, token)
    guesses = [world.data(REQUEST, token, {"p": STRONG, "c": "000000"}) for _ in range(8)]
    answers = [answer["requestErasure"]["code"] for answer in await asyncio.gather(*guesses)]
    assert (answers.count("INVALID_CODE"), answers.count("TOO_MANY_ATTEMPTS")) == (5, 3)
    right = (await world.data(REQUEST, token, {"p": STRONG, "c": app.code(1)}))["requestErasure"]
    assert right["code"] == "TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize("role", [None, Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.OPERATIONS, Role.PROCESSOR])
async def test_only_a_members_session_requests_or_cancels_erasure(world: World, role: Role | None) -> None:
    holder = await world.person("s@example.org", password=STRONG)
    token = None
    if role is Role.PROCESSOR:
        token = await world.token(role, None, Processor.INTERCOM)
    elif role:
        token = await world.token(role, holder)
    asked = (await world.data(REQUEST, token, {"p": STRONG, "c": None}))["requestErasure"]
    cancelled = (await world.data(CANCEL, token))["cancelErasure"]
    assert asked["code"] == cancelled["code"] == "NOT_PERMITTED"


async def test_a_legal_request_still_reads_its_extent(world: World) -> None:
    office = await _office(world)
    await office.approved(extent=["EMAIL"])
    await world.data(REQUEST, office.mine, {"p": STRONG})
    assert (await office.read())["email"] == "subject@example.org"


async def test_staff_who_request_erasure_lose_their_roles_for_good(requester: Requester) -> None:
    world = requester.world
    support, compliance = [await world.token(role, requester.id) for role in (Role.SUPPORT, Role.COMPLIANCE)]
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    subject, theirs = await world.member("q@example.org")
    case = {"subjectId": subject, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    opened = (await world.data(OPEN, theirs, {"input": case}))["openSupportCase"]
    await world.data(ASSIGN, operations, {"id": opened["id"], "agent": requester.id})
    await requester.request()
    for token in (support, compliance):
        assert codes(await world.ask(VIEWER, token)) == ["UNAUTHENTICATED"]
    queue = await world.data("{ caseQueue { edges { node { id } } } staff { edges { node { id } } } }", operations)
    assert [edge["node"]["id"] for edge in queue["caseQueue"]["edges"]] == [opened["id"]]
    assert requester.id not in str(queue["staff"])
    again = (await world.data(ASSIGN, operations, {"id": opened["id"], "agent": requester.id}))["assignSupportCase"]
    assert again["code"] == "NOT_PERMITTED"
    until = instant_text(requester.clock.at + timedelta(days=1))
    unknown = await world.post(GRANT_ROLE, operations, {"id": "0" * 32, "until": until})
    granted = await world.post(GRANT_ROLE, operations, {"id": requester.id, "until": until})
    assert granted.text == unknown.text == '{"data":{"grantRole":false}}'
    mine = await requester.sign_in_again()
    soon = instant_text(requester.clock.at + timedelta(hours=1))
    asked = {"input": {"role": "SUPPORT", "name": "n", "expiresAt": soon}}
    assert (await world.data(ROLE_TOKEN, mine, asked))["issueRoleToken"]["code"] == "NOT_PERMITTED"
    await requester.cancel()
    assert (await world.data("{ me { roles } }", mine))["me"] == {"roles": []}
    assert (await world.data(GRANT_ROLE, operations, {"id": requester.id, "until": until}))["grantRole"] is True


async def test_grant_role_refuses_a_requester(requester: Requester, tmp_path: Path) -> None:
    await requester.request()
    url = requester.world.services.database.url
    done = consentql(url, "grant-role", "p@example.org", "SUPPORT", "--expires", "30d", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    async with requester.world.services.database.reading() as connection:
        assert (await connection.execute(select(ROLE_GRANTS))).all() == []


async def _office(world: World) -> ComplianceOffice:
    subject = await world.person("subject@example.org", password=STRONG)
    mine = (await sign_in(world, "subject@example.org"))["accessToken"]
    recorder = await world.person("first@example.org")
    first = await world.token(Role.COMPLIANCE, recorder)
    second = await world.token(Role.COMPLIANCE, await world.person("second@example.org"))
    return ComplianceOffice(world, subject, mine, recorder, first, second)


async def _kept(office: ComplianceOffice) -> list[Any]:
    answer = (await office.world.data(REQUEST, office.mine, {"p": STRONG}))["requestErasure"]
    office.mine = (await sign_in(office.world, "subject@example.org"))["accessToken"]
    return [each for each in answer["kept"] if "EMAIL" in each["what"] or "CITY" in each["what"]]


async def test_fields_under_legal_hold_are_listed_with_their_date(world: World) -> None:
    office = await _office(world)
    Clock(world)
    await office.opened(extent=["CITY"])  # waits for approval
    expires = world.services.now() + timedelta(days=2)
    await office.approved(extent=["EMAIL", "FIRST_NAME"], expiresAt=instant_text(expires))
    closed = await office.approved(extent=["CITY"])
    await office.close(closed)
    (held,) = await _kept(office)
    assert held["what"] == "Fields under legal hold: EMAIL, FIRST_NAME"
    assert held["until"] == instant_text(expires)
    assert ("4-26-7" in held["why"], "Court of Tartu" in held["why"]) == (True, True)
    office.advance_clock(days=2)
    office.mine = (await sign_in(world, "subject@example.org"))["accessToken"]
    assert await _kept(office) == [], "it is over"


@pytest.fixture
async def twins(database: Database, second_url: str) -> AsyncIterator[tuple[World, World]]:
    """Starts two empty services with the same keys and the same clock."""
    second = Database(second_url)
    one, other = world_of(database), world_of(second)
    at = one.services.now()
    one.services.now = other.services.now = lambda: at
    yield one, other
    await second.close()


async def test_a_secret_legal_request_changes_no_answer(
    twins: tuple[World, World],
) -> None:
    offices = [await _office(world) for world in twins]
    secret = offices[1]
    await secret.approved(extent=["EMAIL"], noticeAfter=secret.after(minutes=30))
    answers_of = []
    for office in offices:
        async with recorded_statements(office.world.services.database) as sent:
            asked = (await office.world.post(REQUEST, office.mine, {"p": STRONG})).content
        office.mine = (await sign_in(office.world, "subject@example.org"))["accessToken"]
        states = (await office.world.post(STATES, office.mine)).content
        again = (await office.world.post(REQUEST, office.mine, {"p": STRONG})).content
        answers_of.append((asked, states, again, len(sent)))
    assert answers_of[0] == answers_of[1]
    secret.advance_clock(minutes=30)
    secret.mine = (await sign_in(secret.world, "subject@example.org"))["accessToken"]
    assert [each["what"] for each in await _kept(secret)] == ["Fields under legal hold: EMAIL"]

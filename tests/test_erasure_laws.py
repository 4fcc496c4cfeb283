"""Leaving: out of reach at once, back within the grace with nothing lost, and what is kept is said beforehand."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from models.tables import ACCOUNTS, ROLE_GRANTS, SUPPORT_CASES
from models.vocabulary import Processor, Role
from permissions.retention import RETENTION, RecordKind
from tests.identity import STRONG, Clock, enrolled, letters, sign_in
from tests.serving import consentql
from tests.test_legal_laws import Office, office_of
from tests.world import USER, World, codes

SCHEDULED = "... on ErasureScheduled { scheduledFor kept { what why until } }"
REFUSED = "... on Refusal { code field }"
LEAVE = f"""mutation ($p: String!, $c: String) {{ requestErasure(password: $p, code: $c) {{
  __typename {SCHEDULED} {REFUSED} }} }}"""
STAY = f"mutation {{ cancelErasure {{ __typename ... on ErasureCancelled {{ cancelledAt }} {REFUSED} }} }}"
OWN = f"""{{ me {{ id emailVerified totpEnabled hiddenFromMembers restricted erasureScheduledFor
  consents {{ purpose granted status policyVersion since erasesAt }} user {{ {USER} }}
  processors {{ processor fields objectedAt }} consentHistory {{ edges {{ node {{ id receipt }} }} }} }} }}"""
DATE = "{ me { erasureScheduledFor } }"
DIRECTORY = "{ users { edges { node { id } } } userMap { count } }"
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "Letters."}) {
  ... on MandrillView { withheld recipients { userId } } } }"""
GRACE = RETENTION[RecordKind.ACCOUNTS].period


async def leaver(world: World, email: str = "p@example.org") -> tuple[str, str]:
    """A member with a password, and a session that they signed in for."""
    id = await world.person(email, ("SOCIAL", "EXPANSION"), password=STRONG)
    return id, (await sign_in(world, email))["accessToken"]


async def leave(world: World, token: str | None, password: str = STRONG, code: str | None = None) -> Any:
    """What `requestErasure` answers."""
    return (await world.data(LEAVE, token, {"p": password, "c": code}))["requestErasure"]


async def stay(world: World, token: str | None) -> Any:
    """What `cancelErasure` answers."""
    return (await world.data(STAY, token))["cancelErasure"]


async def test_whoever_leaves_is_absent_by_every_path_and_finds_everything_again_on_coming_back(world: World) -> None:
    Clock(world)
    id, mine = await leaver(world)
    _, fellow = await world.member("o@example.org")
    mandrill = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    one = f'{{ user(id: "{id}") {{ {USER} }} }}'
    seen = [(await world.post(one, token)).text for token in (None, fellow)]
    own = (await world.post(OWN, mine)).text
    assert (await leave(world, mine))["__typename"] == "ErasureScheduled"
    unknown = one.replace(id, "0" * 32)
    for token in (None, fellow):
        assert (await world.post(one, token)).text == (await world.post(unknown, token)).text
    assert id not in str(await world.data(DIRECTORY, fellow))
    view = (await world.data(VIEW, mandrill, {"ids": [id]}))["openProcessorView"]
    assert view == {"withheld": 1, "recipients": []}
    again = (await sign_in(world, "p@example.org"))["accessToken"]
    assert (await stay(world, again))["__typename"] == "ErasureCancelled"
    assert [(await world.post(one, token)).text for token in (None, fellow)] == seen
    assert (await world.post(OWN, again)).text == own


async def test_leaving_ends_every_session_and_whoever_comes_back_is_self_alone(world: World) -> None:
    id, mine = await leaver(world)
    other = (await sign_in(world, "p@example.org"))["accessToken"]
    await leave(world, mine)
    for token in (mine, other):
        assert (await world.post("{ viewer { role } }", token)).status_code == 401
    back = (await sign_in(world, "p@example.org"))["accessToken"]
    answer = await world.ask(DIRECTORY, back)
    assert (answer["data"], codes(answer)) == ({"users": None, "userMap": None}, ["FORBIDDEN", "FORBIDDEN"])
    assert (await world.data("{ me { user { id email } } }", back))["me"]["user"] == {
        "id": id,
        "email": "p@example.org",
    }


async def test_the_day_is_told_and_stays_however_often_it_is_asked(world: World) -> None:
    clock = Clock(world)
    _, mine = await leaver(world)
    assert (await world.data(DATE, mine))["me"] == {"erasureScheduledFor": None}
    due = (await leave(world, mine))["scheduledFor"]
    assert due == (clock.at + GRACE).isoformat().replace("+00:00", "Z")
    clock.forward(days=3)
    back = (await sign_in(world, "p@example.org"))["accessToken"]
    assert (await world.data(DATE, back))["me"] == {"erasureScheduledFor": due}
    assert (await leave(world, back))["scheduledFor"] == due


async def test_nothing_is_said_to_go_later_than_the_account(world: World) -> None:
    clock = Clock(world)
    _, mine = await leaver(world)
    due = (await leave(world, mine))["scheduledFor"]
    clock.forward(days=3)
    back = (await sign_in(world, "p@example.org"))["accessToken"]
    await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", back)
    states = (await world.data("{ me { consents { purpose erasesAt } } }", back))["me"]["consents"]
    assert {each["purpose"]: each["erasesAt"] for each in states}["SOCIAL"] == due


async def test_a_wrong_password_or_code_changes_nothing(world: World) -> None:
    clock = Clock(world)
    _, mine = await leaver(world)
    assert await leave(world, mine, "not it at all") == {
        "__typename": "Refusal",
        "code": "INVALID_CREDENTIALS",
        "field": "password",
    }
    app, recovery = await enrolled(world, mine)
    clock.forward(minutes=2)
    assert (await leave(world, mine))["code"] == "TOTP_REQUIRED"
    assert (await leave(world, mine, code="000000"))["code"] == "INVALID_CODE"
    assert (await leave(world, mine, "not it at all", app.code()))["code"] == "INVALID_CREDENTIALS"
    assert (await world.data(DATE, mine))["me"] == {"erasureScheduledFor": None}
    assert (await leave(world, mine, code=app.code()))["__typename"] == "ErasureScheduled"
    challenge = (await sign_in(world, "p@example.org"))["challenge"]
    assert challenge, "a second factor stays on"
    assert recovery


async def test_a_recovery_code_stands_in(world: World) -> None:
    _, mine = await leaver(world)
    _, recovery = await enrolled(world, mine)
    assert (await leave(world, mine, code=recovery[0]))["__typename"] == "ErasureScheduled"


async def test_nobody_leaves_or_stays_but_by_a_session_of_their_own(world: World) -> None:
    support = await world.token(Role.SUPPORT, await world.person("s@example.org", password=STRONG))
    for token in (None, support):
        assert (await leave(world, token))["code"] == "NOT_PERMITTED"
        assert (await stay(world, token))["code"] == "NOT_PERMITTED"


async def test_there_is_nothing_to_cancel_unless_asked_for_and_once_the_grace_is_over(world: World) -> None:
    clock = Clock(world)
    _, mine = await leaver(world)
    assert await stay(world, mine) == {"__typename": "Refusal", "code": "NOT_FOUND", "field": None}
    await leave(world, mine)
    clock.at += GRACE - timedelta(microseconds=1)
    back = (await sign_in(world, "p@example.org"))["accessToken"]
    clock.at += timedelta(microseconds=1)
    assert (await stay(world, back))["code"] == "NOT_PERMITTED"
    clock.at -= timedelta(microseconds=1)
    assert (await stay(world, back))["__typename"] == "ErasureCancelled"


async def test_a_letter_tells_of_either(world: World) -> None:
    id, mine = await leaver(world)
    await leave(world, mine)
    await stay(world, (await sign_in(world, "p@example.org"))["accessToken"])
    assert (await letters(world, id))[-2:] == ["ERASURE_SCHEDULED", "ERASURE_CANCELLED"]


async def test_whoever_leaves_serves_no_more(world: World) -> None:
    id, mine = await leaver(world)
    tool = await world.token(Role.SUPPORT, id)
    operations = await world.token(Role.OPERATIONS, await world.person("o@example.org"))
    await leave(world, mine)
    assert (await world.post("{ viewer { role } }", tool)).status_code == 401
    grant = f"""mutation {{ grantRole(userId: "{id}", role: SUPPORT,
      expiresAt: "{(world.services.now() + timedelta(days=1)).isoformat()}") }}"""
    assert (await world.data(grant, operations))["grantRole"] is False
    back = (await sign_in(world, "p@example.org"))["accessToken"]
    assert (await world.data("{ me { roles } }", back))["me"]["roles"] == []
    async with world.services.database.reading() as connection:
        ends = (await connection.execute(select(ROLE_GRANTS.c.revoked_at).where(ROLE_GRANTS.c.subject_id == id))).all()
        cases = (await connection.execute(select(SUPPORT_CASES.c.id).where(SUPPORT_CASES.c.agent_id == id))).all()
    assert all(end.revoked_at for end in ends)
    assert cases == []


async def test_registering_or_resetting_brings_nobody_back(world: World) -> None:
    id, mine = await leaver(world)
    await leave(world, mine)
    await world.data('mutation { requestPasswordReset(email: "p@example.org") }')
    assert (await world.account(id)).leaving_since is not None


# ---------------------------------------------------------------- what is kept


async def test_what_is_kept_is_said_with_the_day_where_it_is_known(world: World) -> None:
    clock = Clock(world)
    _, mine = await leaver(world)
    kept = (await leave(world, mine))["kept"]
    assert [(each["what"], each["until"] is not None) for each in kept] == [
        (RETENTION[RecordKind.CONSENT_RECORDS].what, True),
        (RETENTION[RecordKind.DISCLOSURES].what, False),
        (RETENTION[RecordKind.SUPPORT_CASES].what, False),
        (RETENTION[RecordKind.LEGAL_REQUESTS].what, False),
    ]
    until = clock.at + GRACE + RETENTION[RecordKind.CONSENT_RECORDS].period
    assert kept[0]["until"] == until.isoformat().replace("+00:00", "Z")


@pytest.fixture
async def office(world: World) -> Office:
    """A subject with a password, and two persons of COMPLIANCE."""
    return await office_of(world, password=STRONG)


async def test_a_request_of_which_notice_is_allowed_is_among_what_is_kept(office: Office) -> None:
    await office.approved(extent=["EMAIL", "CITY"])
    await office.opened(extent=["ABOUT"])
    held = (await leave(office.world, office.mine))["kept"][4:]
    assert [each["what"] for each in held] == ["What is stored of EMAIL, CITY"]
    assert held[0]["why"] == "legal request 4-26-7 of Court of Tartu: A law"
    assert held[0]["until"]


@pytest.mark.parametrize("there", [True, False])
async def test_a_request_without_notice_changes_no_byte(office: Office, *, there: bool) -> None:
    world, clock = office.world, Clock(office.world)
    if there:
        await office.approved(extent=["EMAIL"], noticeAfter=office.after(days=60))
    answer = await world.post(LEAVE, office.mine, {"p": STRONG})
    due = (clock.at + GRACE).isoformat().replace("+00:00", "Z")
    assert answer.json()["data"]["requestErasure"]["scheduledFor"] == due
    assert len(answer.json()["data"]["requestErasure"]["kept"]) == 4
    assert "Tartu" not in answer.text


# ---------------------------------------------------------------- at once


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_asking_twice_at_once_is_asking_once(world: World) -> None:
    id, mine = await leaver(world)
    other = (await sign_in(world, "p@example.org"))["accessToken"]
    both = await asyncio.gather(leave(world, mine), leave(world, other))
    assert len({each["scheduledFor"] for each in both}) == 1
    assert (await letters(world, id)).count("ERASURE_SCHEDULED") == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_leaving_and_coming_back_at_once_end_as_one_after_the_other(world: World) -> None:
    id, mine = await leaver(world)
    await leave(world, mine)
    first, second = [(await sign_in(world, "p@example.org"))["accessToken"] for _ in range(2)]
    stayed, left = await asyncio.gather(stay(world, first), leave(world, second))
    assert left["__typename"] == "ErasureScheduled"
    async with world.services.database.reading() as connection:
        since = (await connection.execute(select(ACCOUNTS.c.leaving_since).where(ACCOUNTS.c.id == id))).scalar_one()
    assert stayed["__typename"] == "ErasureCancelled"
    assert since is None or await letters(world, id)


# ---------------------------------------------------------------- oversight


async def test_oversight_counts_the_erasures_whose_day_has_passed(world: World, tmp_path: Path) -> None:
    url = world.services.database.url
    for place, late in enumerate((timedelta(minutes=1), -timedelta(minutes=5))):
        id = await world.person(f"p{place}@example.org")
        async with world.services.database.writing() as connection:
            left = update(ACCOUNTS).where(ACCOUNTS.c.id == id)
            await connection.execute(left.values(leaving_since=world.services.now() - GRACE - late))
    told = json.loads(consentql(url, "oversight", "--json", cwd=tmp_path).stdout)
    assert told["erasures"] == 1
    assert set(told) == {
        "overdue",
        "erasures",
        "open_cases",
        "released_at",
        "next_release_at",
        "release_is_due",
        "staff",
    }
    assert "overdue: 1 erasures" in consentql(url, "oversight", cwd=tmp_path).stdout

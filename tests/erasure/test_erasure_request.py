"""Who asks to be erased is gone from everybody's sight at once, and may within the grace take it all back."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.http import cookies
from models.database import Database
from models.tables import ACCOUNTS, ROLE_GRANTS, STATISTICS_RELEASES
from models.tokens import token_rows
from models.vocabulary import LinkUse, Processor, Role
from permissions.caller import Caller
from permissions.masked_columns import query_parameters
from permissions.rate_limits import RateLimiter
from permissions.retention_periods import RETENTION, YEAR, RecordKind, retention
from permissions.statistics.count_query import count_statement
from permissions.version_numbers import current_version
from resolvers.second_factor import totp_enrolment
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.statistics.release import make_release
from tests.http.test_browser_sessions import from_browser
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    LOGIN,
    OTHER,
    REFUSED,
    REGISTER,
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
    refresh_session,
    register,
    registration_input,
    sign_in,
)
from tests.serving import consentql
from tests.staff.test_legal_requests import Office
from tests.staff.test_support_cases import ASSIGN, CASES, OPEN
from tests.statements import recorded_statements
from tests.world import USER, World, codes, line, world_of

REQUEST = f"""mutation ($p: String!, $c: String) {{ requestErasure(password: $p, code: $c) {{ __typename
  ... on ErasureScheduled {{ scheduledFor kept {{ what why until }} }} {REFUSED} }} }}"""
CANCEL = f"""mutation {{ cancelErasure {{ __typename ... on ErasureCancelled {{ cancelledAt }} {REFUSED} }} }}"""
ME = f"""{{ me {{ id user {{ {USER} }} emailVerified totpEnabled roles restricted hiddenFromMembers erasureScheduledFor
  consents {{ purpose granted status withdrawable policyVersion since erasesAt }}
  processors {{ processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt }}
  consentHistory {{ edges {{ node {{ id purpose granted policyVersion recordedAt source receipt }} }} }}
  disclosures {{ edges {{ node {{ id at audience recipient fields reason receipt }} }} }} }}
  supportCases {{ edges {{ node {{ id status reference reason extent assignedTo subject {{ email }} }} }} }} }}"""
STATES = "{ me { erasureScheduledFor consents { purpose granted status erasesAt } } }"
DIRECTORY = "{ users { edges { node { id email firstName } } } userMap { count place { country } } }"
ONE = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} node(id: $id) {{ id }} }}"
GRANT_ROLE = "mutation ($id: ID!, $until: DateTime!) { grantRole(userId: $id, role: SUPPORT, expiresAt: $until) }"
VIEWS = {
    Processor.INTERCOM: "... on IntercomView { withheld contacts { userId } }",
    Processor.MANDRILL: "... on MandrillView { withheld recipients { userId } }",
    Processor.MAILCHIMP: "... on MailchimpView { withheld subscribers { userId } }",
    Processor.GOOGLE_ANALYTICS: "... on GoogleAnalyticsView { withheld visitors { userId } }",
}
VIEW = """mutation ($ids: [ID!]!) {{ openProcessorView(input: {{userIds: $ids, reason: "News."}}) {{ {} }} }}"""
GRANT = """mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename
  ... on ConsentChanged { consents { purpose granted status erasesAt } } } }"""
WITHDRAW = """mutation { withdrawConsent(purpose: EXPANSION) { ... on ConsentChanged {
  consents { purpose granted status erasesAt } } } }"""
GRACE = timedelta(days=30)


@dataclass
class Requester:
    """One person with a password, their session, a clock, and somebody who looks at them."""

    world: World
    clock: Clock
    id: str
    mine: str
    fellow: str
    since: datetime = field(init=False)

    async def request(self, password: str = STRONG, code: str | None = None, token: str | None = None) -> Any:
        """What `requestErasure` answers."""
        self.since = self.clock.at
        given = {"p": password, "c": code}
        return (await self.world.data(REQUEST, token or self.mine, given))["requestErasure"]

    async def cancel(self, token: str | None = None) -> Any:
        """What `cancelErasure` answers."""
        return (await self.world.data(CANCEL, token or self.mine))["cancelErasure"]

    async def back(self) -> str:
        """A new session."""
        self.mine = (await sign_in(self.world, "p@example.org"))["accessToken"]
        return self.mine

    async def left(self) -> str:
        """Asks for erasure and signs in again."""
        assert (await self.request())["__typename"] == "ErasureScheduled"
        return await self.back()

    async def leaving_since(self) -> datetime | None:
        """As it is stored."""
        found: datetime | None = (await self.world.account(self.id)).leaving_since
        return found

    @property
    def ends(self) -> str:
        """When the account goes."""
        return instant_text(self.since + GRACE)


def instant_text(at: datetime) -> str:
    """An instant as the API writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture
async def requester(world: World) -> Requester:
    """Somebody whom everybody sees, signed in from where they were before."""
    clock = Clock(world)
    clock.at = clock.at.replace(hour=12)
    both = {"password": STRONG, "ipAddress": "127.0.0.1"}
    id = await world.person("p@example.org", ("SOCIAL", "EXPANSION"), **both)
    _, fellow = await world.member("o@example.org", ipAddress="12.34.5.6")
    return Requester(world, clock, id, (await sign_in(world, "p@example.org"))["accessToken"], fellow)


# ---------------------------------------------------------------- asking


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
    me = (await requester.world.data(STATES, await requester.back()))["me"]
    assert me["erasureScheduledFor"] == requester.ends


async def test_a_request_uses_the_operators_periods(requester: Requester) -> None:
    day = timedelta(days=1)
    requester.world.services.retention = retention(7 * day, {RecordKind.CONSENT_RECORDS: 100 * day})
    answer = await requester.request()
    assert answer["scheduledFor"] == instant_text(requester.since + 7 * day)
    assert answer["kept"][0]["until"] == instant_text(requester.since + 107 * day)
    states = (await requester.world.data(STATES, await requester.back()))["me"]
    assert {each["erasesAt"] for each in states["consents"]} == {None, instant_text(requester.since + 7 * day)}


async def test_repeating_the_request_returns_the_same_date(requester: Requester) -> None:
    first = await requester.request()
    mine = await requester.back()
    requester.clock.forward(minutes=10)
    account = await requester.world.account(requester.id)
    assert await requester.request() == first
    assert await requester.world.account(requester.id) == account
    assert "errors" not in await requester.world.ask(VIEWER, mine), "nor does it end the session"
    assert (await letters(requester.world, requester.id)).count("ERASURE_SCHEDULED") == 1


async def test_a_request_ends_sessions_challenges_and_links(requester: Requester) -> None:
    world = requester.world
    _, recovery = await enrol_authenticator(world, requester.mine)
    begun = await sign_in(world, "p@example.org")
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    await world.data(CHANGE_EMAIL, requester.mine, {"e": "new@example.org", "p": STRONG})
    (reset,), (change,) = [await mailed_tokens(world, use) for use in (LinkUse.RESET, LinkUse.CHANGE)]
    other = await world.token(Role.MEMBER, requester.id)
    assert (await requester.request(code=recovery[0]))["__typename"] == "ErasureScheduled"
    for token in (requester.mine, other):
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
    app, _ = await enrol_authenticator(requester.world, requester.mine)
    requester.clock.forward(minutes=2)
    account, seen = await requester.world.account(requester.id), await requester.world.data(ME, requester.mine)
    answer = await requester.request(password, code)
    expected = {STRONG: "INVALID_CODE" if code else "TOTP_REQUIRED"}.get(password, "INVALID_CREDENTIALS")
    assert (answer["code"], answer["field"]) == (expected, "password" if password != STRONG else "code")
    assert await requester.world.account(requester.id) == account
    assert await requester.world.data(ME, requester.mine) == seen
    assert "ERASURE_SCHEDULED" not in await letters(requester.world, requester.id)
    assert (await requester.request(STRONG, app.code()))["__typename"] == "ErasureScheduled"


async def test_a_recovery_code_replaces_the_authenticator(requester: Requester) -> None:
    _, recovery = await enrol_authenticator(requester.world, requester.mine)
    assert (await requester.request(STRONG, recovery[0]))["__typename"] == "ErasureScheduled"
    assert (await letters(requester.world, requester.id))[-2:] == ["RECOVERY_CODE_USED", "ERASURE_SCHEDULED"]


async def test_a_code_is_ignored_without_two_factor_sign_in(requester: Requester) -> None:
    assert (await requester.request(STRONG, "whatever"))["__typename"] == "ErasureScheduled"


async def test_attempts_are_counted_before_the_code_is_checked(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    _, token = await world.member("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(world, token)
    guesses = [world.data(REQUEST, token, {"p": STRONG, "c": "000000"}) for _ in range(8)]
    answers = [answer["requestErasure"]["code"] for answer in await asyncio.gather(*guesses)]
    assert (answers.count("INVALID_CODE"), answers.count("TOO_MANY_ATTEMPTS")) == (5, 3)
    right = (await world.data(REQUEST, token, {"p": STRONG, "c": app.code(1)}))["requestErasure"]
    assert right["code"] == "TOO_MANY_ATTEMPTS"
    world.services.hashing.close()


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


# ---------------------------------------------------------------- out of sight


async def test_a_requester_is_absent_on_every_path_at_once(requester: Requester) -> None:
    world, id = requester.world, requester.id
    agent = await world.person("agent@example.org")
    support = await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    case = {"subjectId": id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    for opener in (requester.mine, support):
        opened = (await world.data(OPEN, opener, {"input": case}))["openSupportCase"]
        await world.data(ASSIGN, operations, {"id": opened["id"], "agent": agent})
    before = [await world.ask(ONE, token, {"id": id}) for token in (None, requester.fellow, support)]
    assert all(answer["data"]["user"] for answer in before)
    assert id in str(await world.data(DIRECTORY, requester.fellow))
    await requester.request()
    for token in (None, requester.fellow, support, operations):
        await world.ask(VIEWER, token)  # the first use of a token is noted, which is a write
        seen, unknown = [await _read(world, token, key) for key in (id, "0" * 32)]
        assert seen == unknown
    listed = await world.data(DIRECTORY, requester.fellow)
    assert id not in str(listed)
    assert sum(place["count"] for place in listed["userMap"]) == len(listed["users"]["edges"])
    edges = (await world.data(CASES, support))["supportCases"]["edges"]
    assert [edge["node"]["subject"] for edge in edges] == [None, None]
    for processor, selection in VIEWS.items():
        token = await world.token(Role.PROCESSOR, None, processor)
        view = (await world.data(VIEW.format(selection), token, {"ids": [id]}))["openProcessorView"]
        assert (view["withheld"], [value for value in view.values() if isinstance(value, list)]) == (1, [[]])


async def _read(world: World, token: str | None, id: str) -> tuple[int, bytes, list[str]]:
    async with recorded_statements(world.services.database) as sent:
        response = await world.post(ONE, token, {"id": id})
    return response.status_code, response.content, sorted(sent)


async def test_statistics_do_not_count_a_requester(requester: Requester) -> None:
    async def counted_now() -> dict[str, int]:
        async with requester.world.services.database.reading() as connection:
            rows = (await connection.execute(count_statement(requester.clock.at), query_parameters(Caller()))).all()
        totals: dict[str, int] = {}
        for name, *_, people in rows:
            totals[name] = totals.get(name, 0) + people
        return totals

    before = await counted_now()
    await requester.request()
    after = await counted_now()
    assert {name: before[name] - after.get(name, 0) for name in before} == dict.fromkeys(before, 1)


async def test_a_requester_reads_only_their_own_record(requester: Requester) -> None:
    other = await requester.world.person("q@example.org")
    mine = await requester.left()
    answer = await requester.world.ask(DIRECTORY, mine)
    assert (answer["data"], codes(answer)) == ({"users": None, "userMap": None}, ["FORBIDDEN", "FORBIDDEN"])
    assert (await requester.world.data(f'{{ user(id: "{other}") {{ id }} }}', mine))["user"] is None
    own = (await requester.world.data(f'{{ user(id: "{requester.id}") {{ email }} }}', mine))["user"]
    assert own == {"email": "p@example.org"}


async def test_a_legal_request_still_reads_its_extent(world: World) -> None:
    office = await _office(world)
    await office.approved(extent=["EMAIL"])
    await world.data(REQUEST, office.mine, {"p": STRONG})
    assert (await office.read())["email"] == "subject@example.org"


# ---------------------------------------------------------------- staying


async def test_cancelling_restores_every_answer(requester: Requester) -> None:
    world = requester.world
    case = {"subjectId": requester.id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    await world.data(OPEN, requester.mine, {"input": case})
    await world.data("mutation { objectToProcessor(processor: INTERCOM) { __typename } }", requester.mine)
    mandrill = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    await world.data(VIEW.format(VIEWS[Processor.MANDRILL]), mandrill, {"ids": [requester.id]})

    async def all_of_it() -> list[str]:
        seen = [(await world.post(ONE, token, {"id": requester.id})).text for token in (None, requester.fellow)]
        return [
            (await world.post(ME, requester.mine)).text,
            *seen,
            (await world.post(DIRECTORY, requester.fellow)).text,
        ]

    stored, before = await world.account(requester.id), await all_of_it()
    mine = await requester.left()
    assert await all_of_it() != before
    requester.clock.forward(hours=2)
    mine = await requester.back()
    assert await requester.cancel(mine) == {
        "__typename": "ErasureCancelled",
        "cancelledAt": instant_text(requester.clock.at),
    }
    assert await all_of_it() == before
    assert await world.account(requester.id) == stored
    assert (await letters(world, requester.id))[-1] == "ERASURE_CANCELLED"


async def test_cancelling_without_a_scheduled_erasure_is_refused(requester: Requester) -> None:
    assert (await requester.cancel())["code"] == "NOT_FOUND"
    await requester.left()
    assert (await requester.cancel())["__typename"] == "ErasureCancelled"
    assert (await requester.cancel())["code"] == "NOT_FOUND"
    assert (await letters(requester.world, requester.id)).count("ERASURE_CANCELLED") == 1


async def test_erasure_can_be_cancelled_until_its_date_and_not_after(
    requester: Requester,
) -> None:
    await requester.request()
    asked = requester.since
    requester.clock.at = asked + GRACE - timedelta(microseconds=1)
    assert (await requester.cancel(await requester.back()))["__typename"] == "ErasureCancelled"
    assert (await requester.request())["scheduledFor"] == requester.ends, "with a grace of its own"
    requester.clock.at = requester.since + GRACE
    late = await requester.back()
    assert (await requester.cancel(late))["code"] == "NOT_PERMITTED"
    assert await requester.leaving_since() == requester.since


# ---------------------------------------------------------------- meanwhile


async def test_data_of_a_purpose_is_erased_no_later_than_the_account(requester: Requester) -> None:
    def dates(states: Any) -> list[str | None]:
        return [each["erasesAt"] for each in states]

    assert dates((await requester.world.data(STATES, requester.mine))["me"]["consents"]) == [None, None, None]
    earlier = (await requester.world.data(WITHDRAW, requester.mine))["withdrawConsent"]["consents"][2]["erasesAt"]
    requester.clock.forward(days=10)
    await requester.back()
    mine = await requester.left()
    assert dates((await requester.world.data(STATES, mine))["me"]["consents"]) == [None, requester.ends, earlier]
    requester.clock.forward(minutes=10)
    withdrawn = "mutation { withdrawConsent(purpose: SOCIAL) { ... on ConsentChanged { consents { erasesAt } } } }"
    answer = await requester.world.data(withdrawn, mine)
    assert dates(answer["withdrawConsent"]["consents"]) == [None, requester.ends, earlier]
    await requester.cancel()
    later = [each for each in dates((await requester.world.data(STATES, mine))["me"]["consents"]) if each]
    assert later == [instant_text(requester.clock.at + GRACE), earlier]


async def test_a_purpose_without_data_has_no_erasure_date(world: World) -> None:
    Clock(world)
    _, mine = await world.member("p@example.org", (), profile={}, preRegistration={}, password=STRONG)
    await world.data(REQUEST, mine, {"p": STRONG})
    mine = (await sign_in(world, "p@example.org"))["accessToken"]
    assert {each["erasesAt"] for each in (await world.data(STATES, mine))["me"]["consents"]} == {None}


async def test_a_grant_during_the_grace_period_takes_effect_after_cancelling(world: World) -> None:
    clock = Clock(world)
    id = await world.person("p@example.org", (), password=STRONG, ipAddress="127.0.0.1")
    _, fellow = await world.member("o@example.org")
    requester = Requester(world, clock, id, (await sign_in(world, "p@example.org"))["accessToken"], fellow)
    mine = await requester.left()
    granted = (await world.data(GRANT, mine, {"v": current_version().name}))["grantConsent"]
    assert granted["consents"][1] == {
        "purpose": "SOCIAL", "granted": True, "status": "GRANTED", "erasesAt": requester.ends,
    }  # fmt: skip
    assert (await world.data(ONE, fellow, {"id": id}))["user"] is None
    await requester.cancel()
    assert (await world.data(ONE, fellow, {"id": id}))["user"]["firstName"] == "Amara"


async def test_resetting_the_password_does_not_cancel_the_erasure(requester: Requester) -> None:
    world = requester.world
    await requester.request()
    asked = requester.since
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link, *_) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]
    assert await requester.leaving_since() == asked
    mine = (await sign_in(world, "p@example.org", OTHER))["accessToken"]
    assert (await requester.cancel(mine))["__typename"] == "ErasureCancelled"


async def test_changing_the_address_does_not_cancel_the_erasure(requester: Requester) -> None:
    mine = await requester.left()
    asked = await requester.world.data(CHANGE_EMAIL, mine, {"e": "new@example.org", "p": STRONG})
    assert asked["changeEmail"] == {"newEmail": "new@example.org"}
    (link,) = await mailed_tokens(requester.world, LinkUse.CHANGE)
    assert "email" in (await requester.world.data(VERIFY, None, {"t": link}))["verifyEmail"]
    assert await requester.leaving_since() == requester.since
    assert (await requester.world.data(ONE, requester.fellow, {"id": requester.id}))["user"] is None


async def test_registering_a_requesters_address_looks_like_any_taken_address(
    requester: Requester,
) -> None:
    world = requester.world
    await world.person("q@example.org", password=STRONG)
    await requester.request()
    stored = await world.account(requester.id)

    async def registered(email: str) -> tuple[str, list[str]]:
        async with recorded_statements(world.services.database) as sent:
            response = await world.post(REGISTER, None, {"input": registration_input(email)})
        return response.text.replace(email, ""), sent

    assert await registered("q@example.org") == await registered("p@example.org")
    assert (await letters(world, requester.id))[-1] == "ALREADY_REGISTERED"
    assert await world.account(requester.id) == stored


async def test_claiming_an_unverified_account_cancels_its_erasure(world: World) -> None:
    """Somebody registers with another's address and asks for its erasure, in the hope that its owner comes later."""
    await register(world, "victim@example.org")
    attacker = (await sign_in(world, "victim@example.org"))["accessToken"]
    assert (await world.data(REQUEST, attacker, {"p": STRONG}))["requestErasure"]["__typename"] == "ErasureScheduled"
    assert "ERASURE_SCHEDULED" not in await letters(world), "nobody has proved that the address is theirs"
    await register(world, "victim@example.org", password=OTHER)
    (link, *_) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]
    mine = (await sign_in(world, "victim@example.org", OTHER))["accessToken"]
    assert (await world.data(STATES, mine))["me"]["erasureScheduledFor"] is None


async def test_a_case_opened_during_the_grace_period_waits_for_cancelling(requester: Requester) -> None:
    world = requester.world
    agent = await world.person("agent@example.org")
    support = await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    mine = await requester.left()
    case = {"subjectId": requester.id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    opened = (await world.data(OPEN, mine, {"input": case}))["openSupportCase"]
    assert (opened["status"], opened["subject"]) == ("OPEN", {"id": requester.id})
    await world.data(ASSIGN, operations, {"id": opened["id"], "agent": agent})
    read = f'{{ user(id: "{requester.id}") {{ email }} }}'
    assert (await world.data(read, support))["user"] is None
    await requester.cancel()
    assert (await world.data(read, support))["user"] == {"email": "p@example.org"}


# ---------------------------------------------------------------- staff


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
    mine = await requester.back()
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


# ---------------------------------------------------------------- what is kept, and what of it may be told


async def _office(world: World) -> Office:
    subject = await world.person("subject@example.org", password=STRONG)
    mine = (await sign_in(world, "subject@example.org"))["accessToken"]
    recorder = await world.person("first@example.org")
    first = await world.token(Role.COMPLIANCE, recorder)
    second = await world.token(Role.COMPLIANCE, await world.person("second@example.org"))
    return Office(world, subject, mine, recorder, first, second)


async def _kept(office: Office) -> list[Any]:
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
    office.clock_goes_on(days=2)
    office.mine = (await sign_in(world, "subject@example.org"))["accessToken"]
    assert await _kept(office) == [], "it is over"


@pytest.fixture
async def twins(database: Database, second_url: str) -> AsyncIterator[tuple[World, World]]:
    """Two empty platforms under the same keys, whose clocks agree."""
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
    told_of = []
    for office in offices:
        async with recorded_statements(office.world.services.database) as sent:
            asked = (await office.world.post(REQUEST, office.mine, {"p": STRONG})).content
        office.mine = (await sign_in(office.world, "subject@example.org"))["accessToken"]
        states = (await office.world.post(STATES, office.mine)).content
        again = (await office.world.post(REQUEST, office.mine, {"p": STRONG})).content
        told_of.append((asked, states, again, len(sent)))
    assert told_of[0] == told_of[1]
    secret.clock_goes_on(minutes=30)
    secret.mine = (await sign_in(secret.world, "subject@example.org"))["accessToken"]
    assert [each["what"] for each in await _kept(secret)] == ["Fields under legal hold: EMAIL"]


# ---------------------------------------------------------------- at once


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_concurrent_requests_schedule_one_erasure(requester: Requester) -> None:
    other = await requester.world.token(Role.MEMBER, requester.id)
    tokens = (requester.mine, other) * 3
    answers = await asyncio.gather(*(requester.request(token=token) for token in tokens), return_exceptions=True)
    scheduled = [each for each in answers if isinstance(each, dict)]
    assert scheduled
    assert all(each == scheduled[0] for each in scheduled), "whoever came too late has no session any more"
    assert (await letters(requester.world, requester.id)).count("ERASURE_SCHEDULED") == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_session_that_a_request_ended_cannot_cancel_it(requester: Requester) -> None:
    """Whoever shares the account's sessions, but not its password, does not undo what its owner asks for."""
    database = requester.world.services.database
    for _ in range(5):
        other = await requester.world.token(Role.MEMBER, requester.id)
        async with database.writing() as connection:  # both wait for the account, in either order
            await connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id == requester.id).with_for_update())
            both = [
                asyncio.ensure_future(requester.request()),
                asyncio.ensure_future(requester.world.data(CANCEL, other)),
            ]
            await asyncio.sleep(0.2)
        asked, cancelled = await asyncio.gather(*both)
        assert asked["__typename"] == "ErasureScheduled"
        assert cancelled["cancelErasure"]["code"] in ("NOT_FOUND", "TOKEN_EXPIRED")
        assert await requester.leaving_since() == requester.since
        await requester.cancel(await requester.back())


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_concurrent_request_and_cancellation_leave_one_result(requester: Requester) -> None:
    mine = await requester.left()
    other = await requester.world.token(Role.MEMBER, requester.id)
    asked, cancelled = await asyncio.gather(requester.request(token=mine), requester.cancel(other))
    assert (asked["__typename"], cancelled["__typename"]) == ("ErasureScheduled", "ErasureCancelled")
    stands = await requester.leaving_since()
    ended = codes(await requester.world.ask(VIEWER, other)) == ["UNAUTHENTICATED"]
    assert ended == (stands is not None), "asked after it was cancelled, everything ended once more"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_role_granted_during_a_request_ends_with_it(requester: Requester) -> None:
    world = requester.world
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    given = {"id": requester.id, "until": instant_text(requester.clock.at + timedelta(days=1))}
    await asyncio.gather(requester.request(), *(world.data(GRANT_ROLE, operations, given) for _ in range(4)))
    async with world.services.database.reading() as connection:
        held = token_rows.is_live_grant_of(requester.id, Role.SUPPORT, requester.clock.at)
        assert (await connection.execute(select(ROLE_GRANTS).where(held))).all() == []


async def test_a_session_that_ends_during_the_request_changes_nothing(
    requester: Requester, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = totp_enrolment.confirm_password_before_code

    async def ended_meanwhile(context: Any, password: str) -> Any:
        proven = await both(context, password)
        async with requester.world.services.database.writing() as connection:
            await end_sessions(connection, requester.id, requester.clock.at)
        return proven

    monkeypatch.setattr(totp_enrolment, "confirm_password_before_code", ended_meanwhile)
    assert (await requester.request())["code"] == "TOKEN_EXPIRED"
    assert await requester.leaving_since() is None


async def test_a_concurrent_sign_in_reads_as_a_requester(requester: Requester) -> None:
    asked, signed_in = await asyncio.gather(requester.request(), sign_in(requester.world, "p@example.org"))
    assert asked["__typename"] == "ErasureScheduled"
    answer = await requester.world.ask(DIRECTORY, signed_in["accessToken"])
    assert codes(answer) in (["UNAUTHENTICATED"], ["FORBIDDEN", "FORBIDDEN"])


async def test_a_request_ends_refresh_tokens(requester: Requester) -> None:
    opened = await sign_in(requester.world, "p@example.org")
    await requester.request()
    assert (await refresh_session(requester.world, opened["refreshToken"]))["code"] == "TOKEN_EXPIRED"


# ---------------------------------------------------------------- oversight


async def test_oversight_reports_overdue_erasures_and_releases(world: World, tmp_path: Path) -> None:
    database, now = world.services.database, world.services.now()
    ids = await world.store_people(*(line(f"p{number}@example.org") for number in range(3)))
    late = now - GRACE - timedelta(hours=1)

    async def left(id: str, since: datetime) -> None:
        async with database.writing() as connection:
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(leaving_since=since))

    def said(**more: str) -> tuple[list[str], Any]:
        text = consentql(database.url, "oversight", cwd=tmp_path, **more).stdout.splitlines()
        return text, json.loads(consentql(database.url, "oversight", "--json", cwd=tmp_path, **more).stdout)

    await left(ids[0], now)
    lines, report = said()
    assert (report["overdue_erasures"], report["statistics"]) == ({"many": 0, "since": None}, None)
    assert not [each for each in lines if "overdue" in each]
    assert await make_release(world.services, early=True)
    _, report = said()
    assert report["statistics"]["overdue"] is False
    await left(ids[1], late)
    await left(ids[2], now - GRACE - timedelta(seconds=1))
    async with database.writing() as connection:
        await connection.execute(update(STATISTICS_RELEASES).values(released_at=now - timedelta(days=200)))
    lines, report = said()
    assert report["overdue_erasures"] == {"many": 2, "since": instant_text(late + GRACE)}
    assert any(each.startswith("overdue: 2 erasures since ") for each in lines)
    assert report["statistics"]["overdue"] is True
    assert any(each.startswith("overdue: a release of statistics since ") for each in lines)
    _, report = said(CONSENTQL_ERASURE_GRACE="60d")
    assert report["overdue_erasures"]["many"] == 0

"""During the grace period the subject is absent for everyone else and can cancel the erasure."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from models.letters import LinkUse
from models.tables import ACCOUNTS, STATISTICS_RELEASES
from models.vocabulary import Processor, Role
from permissions.caller import Caller
from permissions.masked_columns import query_parameters
from permissions.statistics.count_query import count_statement
from permissions.version_numbers import current_version
from resolvers.statistics.release import make_release
from tests.erasure.requester import (
    DIRECTORY,
    GRACE,
    GRANT,
    ME,
    ONE,
    REQUEST,
    STATES,
    VIEW,
    VIEWS,
    WITHDRAW,
    Requester,
    instant_text,
)
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    OTHER,
    REGISTER,
    RESET,
    STRONG,
    VERIFY,
    VIEWER,
    Clock,
    letters,
    mailed_tokens,
    register,
    registration_input,
    sign_in,
)
from tests.serving import consentql
from tests.staff.support_desk import ASSIGN, CASES, OPEN
from tests.statements import recorded_statements
from tests.world import World, codes, line


async def test_a_requester_is_absent_on_every_path_at_once(requester: Requester) -> None:
    world, id = requester.world, requester.id
    agent = await world.person("agent@example.org")
    support = await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    case = {"subjectId": id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    for opener in (requester.token, support):
        opened = (await world.data(OPEN, opener, {"input": case}))["openSupportCase"]
        await world.data(ASSIGN, operations, {"id": opened["id"], "agent": agent})
    before = [await world.ask(ONE, token, {"id": id}) for token in (None, requester.fellow_token, support)]
    assert all(answer["data"]["user"] for answer in before)
    assert id in str(await world.data(DIRECTORY, requester.fellow_token))
    await requester.request()
    for token in (None, requester.fellow_token, support, operations):
        await world.ask(VIEWER, token)  # the first use of a token is noted, which is a write
        seen, unknown = [await _read(world, token, key) for key in (id, "0" * 32)]
        assert seen == unknown
    listed = await world.data(DIRECTORY, requester.fellow_token)
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
    mine = await requester.request_and_return()
    answer = await requester.world.ask(DIRECTORY, mine)
    assert (answer["data"], codes(answer)) == ({"users": None, "userMap": None}, ["FORBIDDEN", "FORBIDDEN"])
    assert (await requester.world.data(f'{{ user(id: "{other}") {{ id }} }}', mine))["user"] is None
    own = (await requester.world.data(f'{{ user(id: "{requester.id}") {{ email }} }}', mine))["user"]
    assert own == {"email": "p@example.org"}


async def test_cancelling_restores_every_answer(requester: Requester) -> None:
    world = requester.world
    case = {"subjectId": requester.id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    await world.data(OPEN, requester.token, {"input": case})
    await world.data("mutation { objectToProcessor(processor: INTERCOM) { __typename } }", requester.token)
    mandrill = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    await world.data(VIEW.format(VIEWS[Processor.MANDRILL]), mandrill, {"ids": [requester.id]})

    async def all_of_it() -> list[str]:
        seen = [(await world.post(ONE, token, {"id": requester.id})).text for token in (None, requester.fellow_token)]
        return [
            (await world.post(ME, requester.token)).text,
            *seen,
            (await world.post(DIRECTORY, requester.fellow_token)).text,
        ]

    stored, before = await world.account(requester.id), await all_of_it()
    mine = await requester.request_and_return()
    assert await all_of_it() != before
    requester.clock.forward(hours=2)
    mine = await requester.sign_in_again()
    assert await requester.cancel(mine) == {
        "__typename": "ErasureCancelled",
        "cancelledAt": instant_text(requester.clock.at),
    }
    assert await all_of_it() == before
    assert await world.account(requester.id) == stored
    assert (await letters(world, requester.id))[-1] == "ERASURE_CANCELLED"


async def test_cancelling_without_a_scheduled_erasure_is_refused(requester: Requester) -> None:
    assert (await requester.cancel())["code"] == "NOT_FOUND"
    await requester.request_and_return()
    assert (await requester.cancel())["__typename"] == "ErasureCancelled"
    assert (await requester.cancel())["code"] == "NOT_FOUND"
    assert (await letters(requester.world, requester.id)).count("ERASURE_CANCELLED") == 1


async def test_erasure_can_be_cancelled_until_its_date_and_not_after(
    requester: Requester,
) -> None:
    await requester.request()
    asked = requester.since
    requester.clock.at = asked + GRACE - timedelta(microseconds=1)
    assert (await requester.cancel(await requester.sign_in_again()))["__typename"] == "ErasureCancelled"
    assert (await requester.request())["scheduledFor"] == requester.ends, "with a grace of its own"
    requester.clock.at = requester.since + GRACE
    late = await requester.sign_in_again()
    assert (await requester.cancel(late))["code"] == "NOT_PERMITTED"
    assert await requester.leaving_since() == requester.since


async def test_data_of_a_purpose_is_erased_no_later_than_the_account(requester: Requester) -> None:
    def dates(states: Any) -> list[str | None]:
        return [each["erasesAt"] for each in states]

    assert dates((await requester.world.data(STATES, requester.token))["me"]["consents"]) == [None, None, None]
    earlier = (await requester.world.data(WITHDRAW, requester.token))["withdrawConsent"]["consents"][2]["erasesAt"]
    requester.clock.forward(days=10)
    await requester.sign_in_again()
    mine = await requester.request_and_return()
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
    mine = await requester.request_and_return()
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
    mine = await requester.request_and_return()
    asked = await requester.world.data(CHANGE_EMAIL, mine, {"e": "new@example.org", "p": STRONG})
    assert asked["changeEmail"] == {"newEmail": "new@example.org"}
    (link,) = await mailed_tokens(requester.world, LinkUse.CHANGE)
    assert "email" in (await requester.world.data(VERIFY, None, {"t": link}))["verifyEmail"]
    assert await requester.leaving_since() == requester.since
    assert (await requester.world.data(ONE, requester.fellow_token, {"id": requester.id}))["user"] is None


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
    """An attacker registers another person's address and requests its erasure before the owner claims it."""
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
    mine = await requester.request_and_return()
    case = {"subjectId": requester.id, "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    opened = (await world.data(OPEN, mine, {"input": case}))["openSupportCase"]
    assert (opened["status"], opened["subject"]) == ("OPEN", {"id": requester.id})
    await world.data(ASSIGN, operations, {"id": opened["id"], "agent": agent})
    read = f'{{ user(id: "{requester.id}") {{ email }} }}'
    assert (await world.data(read, support))["user"] is None
    await requester.cancel()
    assert (await world.data(read, support))["user"] == {"email": "p@example.org"}


async def test_oversight_reports_overdue_erasures_and_releases(world: World, tmp_path: Path) -> None:
    database, now = world.services.database, world.services.now()
    ids = await world.store_people(*(line(f"p{number}@example.org") for number in range(3)))
    late = now - GRACE - timedelta(hours=1)

    async def set_leaving_since(id: str, since: datetime) -> None:
        async with database.writing() as connection:
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(leaving_since=since))

    def said(**more: str) -> tuple[list[str], Any]:
        text = consentql(database.url, "oversight", cwd=tmp_path, **more).stdout.splitlines()
        return text, json.loads(consentql(database.url, "oversight", "--json", cwd=tmp_path, **more).stdout)

    await set_leaving_since(ids[0], now)
    lines, report = said()
    assert (report["overdue_erasures"], report["statistics"]) == ({"many": 0, "since": None}, None)
    assert not [each for each in lines if "overdue" in each]
    assert await make_release(world.services, early=True)
    _, report = said()
    assert report["statistics"]["overdue"] is False
    await set_leaving_since(ids[1], late)
    await set_leaving_since(ids[2], now - GRACE - timedelta(seconds=1))
    async with database.writing() as connection:
        await connection.execute(update(STATISTICS_RELEASES).values(released_at=now - timedelta(days=200)))
    lines, report = said()
    assert report["overdue_erasures"] == {"many": 2, "since": instant_text(late + GRACE)}
    assert any(each.startswith("overdue: 2 erasures since ") for each in lines)
    assert report["statistics"]["overdue"] is True
    assert any(each.startswith("overdue: a release of statistics since ") for each in lines)
    _, report = said(CONSENTQL_ERASURE_GRACE="60d")
    assert report["overdue_erasures"]["many"] == 0

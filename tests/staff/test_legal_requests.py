"""COMPLIANCE reads a subject only through a request that one person recorded and another approved, in its extent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import func, select

from models.tables import LEGAL_REQUESTS
from models.vocabulary import Processor, Role
from resolvers.subjects.legal_holds import held_fields
from tests import expectation
from tests.expectation import ALL_FIELDS, BITS, FIELDS, Circumstances
from tests.statements import recorded_statements
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, USER, World, codes, line

UNKNOWN = "0" * 32
REQUEST = "id status authority reference basis extent openedAt expiresAt noticeAfter"
OPEN = f"""mutation ($input: OpenLegalRequestInput!) {{ openLegalRequest(input: $input) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field message }} }} }}"""
APPROVE = f"""mutation ($id: ID!) {{ approveLegalRequest(id: $id) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field }} }} }}"""
CLOSE = f"""mutation ($id: ID!) {{ closeLegalRequest(id: $id) {{ __typename
  ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} ... on Refusal {{ code field }} }} }}"""
READ = "query ($id: ID!) { user(id: $id) { id email firstName withheld { field reason purpose } } }"
LISTED = f"""query ($first: Int, $after: String, $before: String, $last: Int) {{
  legalRequests(first: $first, after: $after, last: $last, before: $before) {{
    edges {{ cursor node {{ {REQUEST} subject {{ id email }} }} }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}"""
BY_NODE = f"query ($id: ID!) {{ node(id: $id) {{ id ... on LegalRequest {{ {REQUEST} subject {{ id email }} }} }} }}"
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"


@dataclass
class Office:
    """A subject and two persons of COMPLIANCE, with their tokens."""

    world: World
    subject: str
    mine: str
    recorder: str
    first: str
    second: str

    async def opened(self, token: str | None = None, **more: Any) -> Any:
        """A request about the subject, recorded by the first person unless told otherwise."""
        input = {
            "subjectId": self.subject,
            "authority": "Court of Tartu",
            "reference": "4-26-7",
            "basis": "A law",
            "extent": ["EMAIL"],
            "expiresAt": self.after(hours=1),
            **more,
        }
        return (await self.world.data(OPEN, token or self.first, {"input": input}))["openLegalRequest"]

    async def approved(self, **more: Any) -> str:
        """A request that the second person has approved."""
        id = str((await self.opened(**more))["id"])
        answer = (await self.world.data(APPROVE, self.second, {"id": id}))["approveLegalRequest"]
        assert answer["status"] == "OPEN", answer
        return id

    async def close(self, id: str, token: str | None = None) -> Any:
        """Closed by the first person unless told otherwise."""
        return (await self.world.data(CLOSE, token or self.first, {"id": id}))["closeLegalRequest"]

    async def read(self, token: str | None = None, subject: str | None = None) -> Any:
        """What COMPLIANCE reads of the subject."""
        return (await self.world.data(READ, token or self.second, {"id": subject or self.subject}))["user"]

    async def listed(self, token: str | None = None) -> list[Any]:
        """Every request that a person of COMPLIANCE finds."""
        edges = (await self.world.data(LISTED, token or self.second, {"first": 100}))["legalRequests"]["edges"]
        return [edge["node"] for edge in edges]

    async def node(self, id: str, token: str | None = None) -> Any:
        """A request by its id."""
        return (await self.world.data(BY_NODE, token or self.second, {"id": id}))["node"]

    async def held(self, subject: str | None = None) -> int:
        """What is held back from erasure."""
        async with self.world.services.database.reading() as connection:
            whom = subject or self.subject
            return (await held_fields(connection, [whom], self.world.services.now())).get(whom, 0)

    def after(self, **span: float) -> str:
        """An instant in the future."""
        return (self.world.services.now() + timedelta(**span)).isoformat()

    def clock_goes_on(self, **span: float) -> None:
        """Everything that happens from now on happens so much later."""
        now: Callable[[], datetime] = self.world.services.now
        self.world.services.now = lambda: now() + timedelta(**span)


async def office_of(world: World, **more: Any) -> Office:
    """Everyone whom a request takes, its subject with such a line."""
    subject, mine = await world.member("subject@example.org", **more)
    recorder = await world.person("first@example.org")
    first = await world.token(Role.COMPLIANCE, recorder)
    second = await world.token(Role.COMPLIANCE, await world.person("second@example.org"))
    return Office(world, subject, mine, recorder, first, second)


@pytest.fixture
async def office(world: World) -> Office:
    """The same with nothing else about them."""
    return await office_of(world)


def refused(code: str, field: str) -> dict[str, str]:
    """A refusal without its sentence."""
    return {"__typename": "Refusal", "code": code, "field": field}


# ---------------------------------------------------------------- two persons


async def test_nothing_is_readable_before_a_second_person_approves(office: Office) -> None:
    recorded = await office.opened()
    assert (recorded["status"], recorded["subject"]) == ("AWAITING_APPROVAL", None)
    for token in (office.first, office.second):
        assert await office.read(token) is None
        assert [each["subject"] for each in await office.listed(token)] == [None]
        assert (await office.node(recorded["id"], token))["subject"] is None
    approved = (await office.world.data(APPROVE, office.second, {"id": recorded["id"]}))["approveLegalRequest"]
    assert (approved["status"], approved["subject"]["email"]) == ("OPEN", "subject@example.org")
    third = await office.world.token(Role.COMPLIANCE, await office.world.person("third@example.org"))
    for token in (office.first, office.second, third):
        assert (await office.read(token))["email"] == "subject@example.org"
        assert [each["subject"]["email"] for each in await office.listed(token)] == ["subject@example.org"]
        assert (await office.node(recorded["id"], token))["subject"]["email"] == "subject@example.org"


async def test_a_second_token_does_not_make_a_second_person(office: Office) -> None:
    again = await office.world.token(Role.COMPLIANCE, office.recorder)
    id = (await office.opened())["id"]
    for token in (office.first, again):
        answer = (await office.world.data(APPROVE, token, {"id": id}))["approveLegalRequest"]
        assert answer == refused("NOT_PERMITTED", "id")
        assert await office.read(token) is None
    assert (await office.node(id))["status"] == "AWAITING_APPROVAL"


async def test_approving_again_changes_nothing(office: Office) -> None:
    id = await office.approved()
    third = await office.world.token(Role.COMPLIANCE, await office.world.person("third@example.org"))
    async with office.world.services.database.reading() as connection:
        before = (await connection.execute(select(LEGAL_REQUESTS))).one()
    assert (await office.world.data(APPROVE, third, {"id": id}))["approveLegalRequest"]["status"] == "OPEN"
    async with office.world.services.database.reading() as connection:
        assert (await connection.execute(select(LEGAL_REQUESTS))).one() == before


async def test_nobody_records_approves_reads_closes_or_finds_a_request_about_themself(office: Office) -> None:
    theirs = await office.world.token(Role.COMPLIANCE, office.subject)
    for id in (office.subject, f" {office.subject} "):
        answer = await office.opened(theirs, subjectId=id)
        assert (answer["code"], answer["field"]) == ("NOT_PERMITTED", "input.subjectId")
    id = (await office.opened())["id"]
    unknown = refused("NOT_FOUND", "id")
    assert (await office.world.data(APPROVE, theirs, {"id": id}))["approveLegalRequest"] == unknown
    await office.world.data(APPROVE, office.second, {"id": id})
    assert await office.close(id, theirs) == unknown
    assert await office.read(theirs) is None
    assert await office.listed(theirs) == []
    assert await office.node(id, theirs) is None
    assert await office.node(office.subject, theirs) is None
    assert (await office.read())["email"] == "subject@example.org", "and for others it stands"


# ---------------------------------------------------------------- the extent


async def test_a_request_opens_exactly_its_extent_whatever_stands(office: Office) -> None:
    """Unverified, never asked, withdrawn and hidden alike: none of it keeps a request out."""
    world, extents = office.world, [frozenset({field}) for field in FIELDS] + [ALL_FIELDS]
    states = tuple(product((True, False), ((), ("SOCIAL",), ("EXPANSION",))))
    people = [
        (extent, line(f"s{place}@example.org", purposes, emailVerified=verified, hidden=list(FIELDS)))
        for place, (extent, (verified, purposes)) in enumerate(product(extents, states))
    ]
    ids = await world.store_people(*(settled for _, settled in people))
    everything = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} node(id: $id) {{ ... on User {{ {USER} }} }} }}"
    for id, (extent, settled) in zip(ids, people, strict=True):
        await office.approved(subjectId=id, extent=sorted(extent))
        answer = await world.data(everything, office.second, {"id": id})
        seen = expectation.decision("LEGAL_REQUEST", Circumstances(extent=extent))
        assert seen is not None
        assert answer["user"] == answer["node"]
        assert answer["user"]["withheld"] == [
            {"field": field, "reason": "OUTSIDE_CASE", "purpose": None} for field in FIELDS if field not in extent
        ]
        social = (
            settled["emailVerified"] and bool(settled["consents"]) and settled["consents"][0]["purpose"] == "SOCIAL"
        )
        stored = {**PROFILE, "email": settled["email"], "ipAddress": "90.190.1.7", "preRegistration": FORM}
        stored["location"] = {"country": "EE", "city": None, "latitude": None, "longitude": None} if social else None
        for field, name in GRAPHQL_NAMES.items():
            assert answer["user"][name] == (stored[name] if seen[field] is None else None), (field, settled)


async def test_withdrawal_objection_and_hiding_leave_a_request_as_it_is(office: Office) -> None:
    await office.approved(extent=["EMAIL", "FIRST_NAME"])
    before = await office.read()
    assert (before["email"], before["firstName"]) == ("subject@example.org", "Amara")
    await office.world.data(WITHDRAW, office.mine)
    await office.world.data("mutation { objectToProcessor(processor: MAILCHIMP) { __typename } }", office.mine)
    await office.world.data("mutation { setHiddenFromMembers(fields: [FIRST_NAME]) { __typename } }", office.mine)
    assert await office.read() == before


async def test_two_requests_open_what_either_of_them_opens(office: Office) -> None:
    await office.approved(extent=["EMAIL"])
    other = await office.approved(extent=["FIRST_NAME"])
    await office.opened(extent=["LAST_NAME"])
    seen = await office.read()
    assert (seen["email"], seen["firstName"]) == ("subject@example.org", "Amara")
    assert "LAST_NAME" in {each["field"] for each in seen["withheld"]}, "one that waits opens nothing"
    await office.close(other)
    seen = await office.read()
    assert (seen["email"], seen["firstName"]) == ("subject@example.org", None)
    assert {"field": "FIRST_NAME", "reason": "OUTSIDE_CASE", "purpose": None} in seen["withheld"]


async def test_a_request_opens_its_subject_and_no_other_and_to_compliance_alone(office: Office) -> None:
    world = office.world
    await office.approved(extent=list(FIELDS))
    other = await world.person("other@example.org")
    assert await office.read(subject=other) is None
    support = await world.token(Role.SUPPORT, await world.person("agent@example.org"))
    assert (await world.data("query ($id: ID!) { user(id: $id) { email } }", support, {"id": office.subject})) == {
        "user": None
    }


# ---------------------------------------------------------------- how long


@pytest.mark.parametrize("ending", ["expired", "closed by the recorder", "closed by another"])
async def test_what_has_ended_opens_nothing_to_the_next_read(office: Office, ending: str) -> None:
    id = await office.approved(extent=list(FIELDS))
    waiting = (await office.opened())["id"]
    assert await office.read() is not None
    if ending == "expired":
        office.clock_goes_on(minutes=59)
        assert await office.read() is not None
        office.clock_goes_on(minutes=1)
    else:
        for each in (id, waiting):
            closed = await office.close(each, office.first if ending == "closed by the recorder" else office.second)
            assert (closed["status"], closed["subject"]) == ("CLOSED", None)
    for token in (office.first, office.second):
        assert await office.read(token) is None
        assert await office.listed(token) == []
        for each in (id, waiting):
            assert await office.node(each, token) is None
    for each in (id, waiting):
        assert (await office.world.data(APPROVE, office.second, {"id": each}))["approveLegalRequest"] == refused(
            "NOT_FOUND", "id"
        )
        assert await office.close(each) == refused("NOT_FOUND", "id")
    assert await office.held() == 0


async def test_a_request_lasts_ninety_days_at_most_and_never_ends_before_it_begins(office: Office) -> None:
    instant = office.world.services.now()
    office.world.services.now = lambda: instant
    assert (await office.opened(expiresAt=office.after(days=90)))["status"] == "AWAITING_APPROVAL"
    for span in ({"days": 90, "microseconds": 1}, {"days": 4000}, {"days": 0}, {"microseconds": -1}, {"days": -4000}):
        answer = await office.opened(expiresAt=office.after(**span))
        assert (answer["code"], answer["field"]) == ("INVALID_INPUT", "input.expiresAt"), span
    assert len(await office.listed()) == 1


# ---------------------------------------------------------------- what is recorded


async def test_a_known_and_an_unknown_subject_answer_alike(office: Office) -> None:
    """Until it is approved, a request tells nobody whether there is such a subject: by answer, list, node or work."""
    await office.listed(office.first)  # the first use of a token is noted, which is a write
    told = []
    for id in (office.subject, UNKNOWN, "nobody", "x" * 48):
        async with recorded_statements(office.world.services.database) as sent:
            answer = await office.opened(subjectId=id)
        ids = {"id": answer["id"], "openedAt": answer["openedAt"], "expiresAt": answer["expiresAt"]}
        found = {"__typename": "LegalRequest", **await office.node(answer["id"])}
        assert found == answer
        assert {**(await office.listed())[0], "__typename": "LegalRequest"} == answer
        told.append(({**answer, **dict.fromkeys(ids)}, list(sent)))
    assert all(each == told[0] for each in told)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"extent": []}, "extent"),
        ({"extent": ["EMAIL"] * 101}, "extent"),
        ({"authority": " "}, "authority"),
        ({"authority": "x" * 201}, "authority"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 101}, "reference"),
        ({"basis": "a\0b"}, "basis"),
        ({"basis": "x" * 1001}, "basis"),
        ({"subjectId": ""}, "subjectId"),
        ({"subjectId": "a\0b"}, "subjectId"),
        ({"subjectId": "x" * 49}, "subjectId"),
        ({"noticeAfter": "2020-01-01T00:00:00Z"}, "noticeAfter"),
        ({"noticeAfter": "2999-01-01T00:00:00Z"}, "noticeAfter"),
    ],
)
async def test_what_a_request_may_not_be_is_named(office: Office, wrong: dict[str, Any], field: str) -> None:
    answer = await office.opened(**wrong)
    assert (answer["code"], answer["field"]) == ("INVALID_INPUT", f"input.{field}")
    async with office.world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(LEGAL_REQUESTS))).scalar_one() == 0


async def test_a_request_says_who_asks_why_and_for_what(office: Office) -> None:
    moment = office.world.services.now()
    office.world.services.now = lambda: moment
    until, notice = office.after(days=1), office.after(days=30)
    input = {"extent": ["CITY", "EMAIL", "CITY"], "expiresAt": until, "noticeAfter": notice, "basis": " § 1 "}
    answer = await office.opened(**input)
    assert answer == {
        "__typename": "LegalRequest",
        "id": answer["id"],
        "status": "AWAITING_APPROVAL",
        "authority": "Court of Tartu",
        "reference": "4-26-7",
        "basis": "§ 1",
        "extent": ["EMAIL", "CITY"],
        "openedAt": office.after().replace("+00:00", "Z"),
        "expiresAt": until.replace("+00:00", "Z"),
        "noticeAfter": notice.replace("+00:00", "Z"),
        "subject": None,
    }


async def test_requests_come_newest_first_and_page_exactly(office: Office) -> None:
    ids = [(await office.opened(reference=str(number)))["id"] for number in range(5)]
    await office.world.data(APPROVE, office.second, {"id": ids[2]})
    listed = await office.listed(office.first)
    assert [each["id"] for each in listed] == ids[::-1]
    assert [each["status"] == "OPEN" for each in listed] == [False, False, True, False, False]
    pages, after = [], None
    while True:
        page = (await office.world.data(LISTED, office.first, {"first": 2, "after": after}))["legalRequests"]
        pages.append([edge["node"]["id"] for edge in page["edges"]])
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert pages == [ids[4:2:-1], ids[2:0:-1], ids[:1]]
    backward = (await office.world.data(LISTED, office.first, {"last": 2, "before": after}))["legalRequests"]
    assert [edge["node"]["id"] for edge in backward["edges"]] == ids[2:0:-1]
    answer = await office.world.ask(LISTED, office.second, {"after": after})
    assert codes(answer) == ["INVALID_CURSOR"], "a cursor is its person's own"


# ---------------------------------------------------------------- what is held back from erasure


async def test_exactly_the_open_extents_of_a_subject_are_held_back_from_erasure(office: Office) -> None:
    other = await office.world.person("other@example.org")
    await office.opened(extent=["ABOUT"])
    assert await office.held() == 0, "what nobody approved holds nothing"
    email = await office.approved(extent=["EMAIL", "FIRST_NAME"])
    await office.approved(extent=["FIRST_NAME", "PRE_REGISTRATION"], expiresAt=office.after(hours=3))
    await office.approved(extent=["CITY"], subjectId=other)
    assert await office.held() == BITS["EMAIL"] | BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    assert await office.held(other) == BITS["CITY"]
    assert await office.held(UNKNOWN) == 0
    await office.close(email)
    assert await office.held() == BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    office.clock_goes_on(hours=2)
    assert await office.held(other) == 0
    assert await office.held() == BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    office.clock_goes_on(hours=1)
    assert await office.held() == 0


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COMPLIANCE])
async def test_whoever_is_not_compliance_is_refused_alike_for_a_request_and_for_none(
    office: Office, role: Role
) -> None:
    world = office.world
    id = await office.approved()
    token = None
    if role is Role.PROCESSOR:
        token = await world.token(role, processor=Processor.INTERCOM)
    elif role is not Role.ANONYMOUS:
        token = await world.token(role, await world.person("other@example.org"))
    for named in (id, UNKNOWN):
        assert await world.data("query ($id: ID!) { node(id: $id) { id } }", token, {"id": named}) == {"node": None}
        for document in (APPROVE, CLOSE):
            (answer,) = (await world.data(document, token, {"id": named})).values()
            assert (answer["__typename"], answer["code"]) == ("Refusal", "NOT_PERMITTED")
    input = {
        "subjectId": office.subject,
        "authority": "a",
        "reference": "r",
        "basis": "b",
        "extent": ["EMAIL"],
        "expiresAt": office.after(hours=1),
    }
    assert (await world.data(OPEN, token, {"input": input}))["openLegalRequest"]["code"] == "NOT_PERMITTED"
    answer = await world.ask(LISTED, token)
    assert (answer["data"], codes(answer)) == ({"legalRequests": None}, ["FORBIDDEN"])
    assert len(await office.listed()) == 1


async def test_a_lost_role_reads_nothing_more(office: Office) -> None:
    world = office.world
    await office.approved()
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    revoke = "mutation ($id: ID!) { revokeRole(userId: $id, role: COMPLIANCE) }"
    await world.data(revoke, operations, {"id": office.recorder})
    answer = await world.post(READ, office.first, {"id": office.subject})
    assert (answer.status_code, codes(answer.json())) == (401, ["UNAUTHENTICATED"])
    assert (await office.read(office.second))["email"] == "subject@example.org", "what they recorded stands"


async def test_a_page_of_requests_runs_a_number_of_statements_that_does_not_depend_on_it(office: Office) -> None:
    ids = await office.world.store_people(*(line(f"s{number}@example.org") for number in range(20)))
    numbers = set()
    for upto in (1, 20):
        for subject in ids[: upto - len(numbers)]:
            await office.approved(subjectId=subject)
        async with recorded_statements(office.world.services.database) as sent:
            assert len(await office.listed()) == upto
        numbers.add(len(sent))
    assert len(numbers) == 1

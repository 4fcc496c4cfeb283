"""COMPLIANCE reads a subject only within the extent of a request that two people recorded and approved."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import func, select

from models.tables import LEGAL_REQUESTS
from models.vocabulary import Processor, Role
from tests import expectation
from tests.expectation import ALL_FIELDS, BITS, FIELDS, Circumstances
from tests.staff.compliance_office import (
    APPROVE,
    CLOSE,
    LISTED,
    OPEN,
    READ,
    UNKNOWN,
    WITHDRAW,
    ComplianceOffice,
    refused,
)
from tests.statements import recorded_statements
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, USER, codes, line


async def test_nothing_is_readable_before_a_second_person_approves(office: ComplianceOffice) -> None:
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


async def test_a_second_token_does_not_make_a_second_person(office: ComplianceOffice) -> None:
    again = await office.world.token(Role.COMPLIANCE, office.recorder)
    id = (await office.opened())["id"]
    for token in (office.first, again):
        answer = (await office.world.data(APPROVE, token, {"id": id}))["approveLegalRequest"]
        assert answer == refused("NOT_PERMITTED", "id")
        assert await office.read(token) is None
    assert (await office.node(id))["status"] == "AWAITING_APPROVAL"


async def test_approving_again_changes_nothing(office: ComplianceOffice) -> None:
    id = await office.approved()
    third = await office.world.token(Role.COMPLIANCE, await office.world.person("third@example.org"))
    async with office.world.services.database.reading() as connection:
        before = (await connection.execute(select(LEGAL_REQUESTS))).one()
    assert (await office.world.data(APPROVE, third, {"id": id}))["approveLegalRequest"]["status"] == "OPEN"
    async with office.world.services.database.reading() as connection:
        assert (await connection.execute(select(LEGAL_REQUESTS))).one() == before


async def test_a_person_cannot_record_approve_read_close_or_find_a_request_about_themselves(
    office: ComplianceOffice,
) -> None:
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


async def test_a_request_gives_access_to_exactly_its_extent_whatever_the_consent(office: ComplianceOffice) -> None:
    """Unverified, unconsented, withdrawn and hidden data are all readable within the extent."""
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


async def test_withdrawal_objection_and_hiding_do_not_affect_a_request(office: ComplianceOffice) -> None:
    await office.approved(extent=["EMAIL", "FIRST_NAME"])
    before = await office.read()
    assert (before["email"], before["firstName"]) == ("subject@example.org", "Amara")
    await office.world.data(WITHDRAW, office.mine)
    await office.world.data("mutation { objectToProcessor(processor: MAILCHIMP) { __typename } }", office.mine)
    await office.world.data("mutation { setHiddenFromMembers(fields: [FIRST_NAME]) { __typename } }", office.mine)
    assert await office.read() == before


async def test_two_requests_give_access_to_both_extents(office: ComplianceOffice) -> None:
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


async def test_a_request_gives_access_only_to_its_subject_and_only_to_compliance(office: ComplianceOffice) -> None:
    world = office.world
    await office.approved(extent=list(FIELDS))
    other = await world.person("other@example.org")
    assert await office.read(subject=other) is None
    support = await world.token(Role.SUPPORT, await world.person("agent@example.org"))
    assert (await world.data("query ($id: ID!) { user(id: $id) { email } }", support, {"id": office.subject})) == {
        "user": None
    }


@pytest.mark.parametrize("ending", ["expired", "closed by the recorder", "closed by another"])
async def test_the_next_read_after_a_request_ends_shows_nothing(office: ComplianceOffice, ending: str) -> None:
    id = await office.approved(extent=list(FIELDS))
    waiting = (await office.opened())["id"]
    assert await office.read() is not None
    if ending == "expired":
        office.advance_clock(minutes=59)
        assert await office.read() is not None
        office.advance_clock(minutes=1)
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
    assert await office.held_fields_of() == 0


async def test_a_request_expires_in_the_future_within_ninety_days(office: ComplianceOffice) -> None:
    instant = office.world.services.now()
    office.world.services.now = lambda: instant
    assert (await office.opened(expiresAt=office.after(days=90)))["status"] == "AWAITING_APPROVAL"
    for span in ({"days": 90, "microseconds": 1}, {"days": 4000}, {"days": 0}, {"microseconds": -1}, {"days": -4000}):
        answer = await office.opened(expiresAt=office.after(**span))
        assert (answer["code"], answer["field"]) == ("INVALID_INPUT", "input.expiresAt"), span
    assert len(await office.listed()) == 1


async def test_known_and_unknown_subjects_get_the_same_answers(office: ComplianceOffice) -> None:
    """Before approval, neither answers nor the number of statements reveal whether the subject exists."""
    await office.listed(office.first)  # the first use of a token is recorded with a write
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
async def test_an_invalid_request_is_refused_with_the_name_of_the_field(
    office: ComplianceOffice, wrong: dict[str, Any], field: str
) -> None:
    answer = await office.opened(**wrong)
    assert (answer["code"], answer["field"]) == ("INVALID_INPUT", f"input.{field}")
    async with office.world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(LEGAL_REQUESTS))).scalar_one() == 0


async def test_a_request_shows_its_authority_basis_and_extent(office: ComplianceOffice) -> None:
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


async def test_requests_are_listed_newest_first_in_exact_pages(office: ComplianceOffice) -> None:
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


async def test_the_legal_hold_covers_exactly_the_open_extents_of_a_subject(office: ComplianceOffice) -> None:
    other = await office.world.person("other@example.org")
    await office.opened(extent=["ABOUT"])
    assert await office.held_fields_of() == 0, "what nobody approved holds nothing"
    email = await office.approved(extent=["EMAIL", "FIRST_NAME"])
    await office.approved(extent=["FIRST_NAME", "PRE_REGISTRATION"], expiresAt=office.after(hours=3))
    await office.approved(extent=["CITY"], subjectId=other)
    assert await office.held_fields_of() == BITS["EMAIL"] | BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    assert await office.held_fields_of(other) == BITS["CITY"]
    assert await office.held_fields_of(UNKNOWN) == 0
    await office.close(email)
    assert await office.held_fields_of() == BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    office.advance_clock(hours=2)
    assert await office.held_fields_of(other) == 0
    assert await office.held_fields_of() == BITS["FIRST_NAME"] | BITS["PRE_REGISTRATION"]
    office.advance_clock(hours=1)
    assert await office.held_fields_of() == 0


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COMPLIANCE])
async def test_other_roles_get_the_same_refusal_with_and_without_a_request(
    office: ComplianceOffice, role: Role
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


async def test_a_revoked_role_reads_nothing(office: ComplianceOffice) -> None:
    world = office.world
    await office.approved()
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    revoke = "mutation ($id: ID!) { revokeRole(userId: $id, role: COMPLIANCE) }"
    await world.data(revoke, operations, {"id": office.recorder})
    answer = await world.post(READ, office.first, {"id": office.subject})
    assert (answer.status_code, codes(answer.json())) == (401, ["UNAUTHENTICATED"])
    assert (await office.read(office.second))["email"] == "subject@example.org", "what they recorded stands"


async def test_the_number_of_statements_does_not_depend_on_the_number_of_requests(office: ComplianceOffice) -> None:
    ids = await office.world.store_people(*(line(f"s{number}@example.org") for number in range(20)))
    numbers = set()
    for upto in (1, 20):
        for subject in ids[: upto - len(numbers)]:
            await office.approved(subjectId=subject)
        async with recorded_statements(office.world.services.database) as sent:
            assert len(await office.listed()) == upto
        numbers.add(len(sent))
    assert len(numbers) == 1

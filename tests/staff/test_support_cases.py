"""Support reads a subject only within the extent of an open case that is assigned to the agent."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from models.tables import ACCOUNTS, CHAIN_HEADS, OUTBOX, READINGS, ROLE_GRANTS, SUPPORT_CASES
from models.tokens import token_rows
from models.vocabulary import Lock, Role
from permissions import masked_columns
from resolvers.subjects import read_by_ground, read_subjects
from tests.staff.staff_requests import OPEN_CASE
from tests.staff.support_desk import ASSIGN, CASES, CLOSE, NARROW, QUEUE, READ, SupportDesk
from tests.world import GRAPHQL_NAMES, codes


async def test_a_case_gives_its_agent_access_to_its_extent_only(desk: SupportDesk) -> None:
    assert await desk.read() is None
    id = (await desk.opened(extent=["EMAIL", "FIRST_NAME"]))["id"]
    assert await desk.read() is None, "not before it is assigned"
    await desk.world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent})
    seen = await desk.read()
    assert (seen["email"], seen["firstName"], seen["city"]) == ("subject@example.org", "Amara", None)
    reasons = {each["field"]: each["reason"] for each in seen["withheld"]}
    assert (reasons["CITY"], reasons["ABOUT"]) == ("OUTSIDE_CASE", "ROLE")
    other = await desk.world.token(Role.SUPPORT, await desk.world.person("other@example.org"))
    assert (await desk.world.data(READ, other, {"id": desk.subject}))["user"] is None


async def test_consent_counts_within_a_case(desk: SupportDesk) -> None:
    await desk.assigned(extent=["EMAIL", "FIRST_NAME"])
    await desk.world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", desk.mine)
    seen = await desk.read()
    assert (seen["email"], seen["firstName"]) == ("subject@example.org", None)
    assert {"field": "FIRST_NAME", "reason": "CONSENT", "purpose": "SOCIAL"} in seen["withheld"]


async def test_closing_narrowing_expiry_and_a_lost_role_apply_from_the_next_read(desk: SupportDesk) -> None:
    world = desk.world
    id = await desk.assigned(extent=["EMAIL", "FIRST_NAME"])
    narrowed = (await world.data(NARROW, desk.mine, {"id": id, "extent": ["EMAIL"]}))["narrowSupportCase"]
    assert narrowed["extent"] == ["EMAIL"]
    assert (await desk.read())["firstName"] is None
    wider = (await world.data(NARROW, desk.mine, {"id": id, "extent": ["EMAIL", "CITY"]}))["narrowSupportCase"]
    assert wider == {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "extent"}
    assert (await world.data(CLOSE, desk.mine, {"id": id}))["closeSupportCase"]["status"] == "CLOSED"
    assert await desk.read() is None

    id = await desk.assigned()
    past = world.services.now() - timedelta(seconds=1)
    async with world.services.database.writing() as connection:
        await connection.execute(update(SUPPORT_CASES).where(SUPPORT_CASES.c.id == id).values(expires_at=past))
    assert await desk.read() is None
    assert (await world.data(CASES, desk.support))["supportCases"]["edges"] == []
    mine = (await world.data(CASES, desk.mine))["supportCases"]["edges"]
    assert [edge["node"]["status"] for edge in mine] == ["EXPIRED", "CLOSED"]

    id = await desk.assigned()
    revoke = "mutation ($id: ID!) { revokeRole(userId: $id, role: SUPPORT) }"
    await world.data(revoke, desk.operations, {"id": desk.agent})
    again = await world.token(Role.SUPPORT, desk.agent)
    assert (await world.data(READ, again, {"id": desk.subject}))["user"] is None, "a new role has no old cases"
    queue = (await world.data(QUEUE, desk.operations))["caseQueue"]["edges"]
    assert [edge["node"]["id"] for edge in queue] == [id]


async def test_cases_of_an_expired_role_have_no_agent_even_after_a_new_grant(
    desk: SupportDesk,
) -> None:
    world, id = desk.world, await desk.assigned()
    kept = await desk.assigned()
    await world.data(CLOSE, desk.support, {"id": kept})
    assert await desk.read() is not None
    name = (await desk.agents_named())[id]
    assert (name is not None, await desk.queue()) == (True, [])
    await desk.agents_role_lapses()
    for granted_again in (False, True):
        if granted_again:
            await desk.agent_is_granted_the_role()
            assert await desk.read() is None
            assert (await world.data(CASES, desk.support))["supportCases"]["edges"] == []
        assert await desk.queue() == [id]
        node = "query ($id: ID!) { node(id: $id) { ... on SupportCase { assignedTo } } }"
        assert (await world.data(node, desk.operations, {"id": id}))["node"] == {"assignedTo": None}
        assert await desk.agents_named() == {id: None, kept: name}, "a case that was closed keeps whom it had"
    done = (await world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent}))["assignSupportCase"]
    assert (done["assignedTo"], await desk.queue()) == (name, [])
    assert await desk.read() is not None


@pytest.mark.parametrize("ended", ["lapsed", "lapsed and granted again"])
async def test_a_case_whose_agent_lost_the_role_can_be_assigned_again(desk: SupportDesk, ended: str) -> None:
    world, id = desk.world, await desk.assigned()
    await desk.agents_role_lapses()
    refused = (await world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent}))["assignSupportCase"]
    assert refused == {"__typename": "Refusal", "code": "NOT_PERMITTED", "field": "agentId"}
    other = await world.person("other@example.org")
    token = await world.token(Role.SUPPORT, other)
    chosen = other
    if ended != "lapsed":
        await desk.agent_is_granted_the_role()
        chosen, token = desk.agent, desk.support
    done = (await world.data(ASSIGN, desk.operations, {"id": id, "agent": chosen}))["assignSupportCase"]
    assert done["assignedTo"]
    assert (await world.data(READ, token, {"id": desk.subject}))["user"]["email"] == "subject@example.org"
    async with world.services.database.reading() as connection:
        told = (await connection.execute(select(OUTBOX.c.notice).order_by(OUTBOX.c.written_at))).scalars().all()
    assert told == ["CASE_OPENED", "CASE_ASSIGNED", "CASE_ASSIGNED"]


async def test_a_case_closed_after_its_agent_lost_the_role_shows_no_agent(desk: SupportDesk) -> None:
    id = await desk.assigned()
    await desk.agents_role_lapses()
    assert (await desk.world.data(CLOSE, desk.mine, {"id": id}))["closeSupportCase"]["status"] == "CLOSED"
    for _ in range(2):
        assert await desk.agents_named() == {id: None}
        await desk.agent_is_granted_the_role()


async def test_an_assignment_during_a_new_grant_of_an_expired_role_does_not_count(
    desk: SupportDesk,
) -> None:
    """The assignment uses the expired grant, so the new grant waits for it and ends it."""
    id, database, now = (await desk.opened())["id"], desk.world.services.database, desk.world.services.now()
    lapsed = update(ROLE_GRANTS).where(ROLE_GRANTS.c.subject_id == desk.agent)
    async with database.writing() as connection:
        await connection.execute(lapsed.values(expires_at=now))

    async def granted() -> None:
        async with database.writing() as connection:
            until = now + timedelta(days=1)
            await token_rows.grant_role(
                connection,
                desk.world.services.keys,
                token_rows.NewGrant(desk.agent, Role.SUPPORT, now=now, expires_at=until),
            )

    async with database.writing() as connection:
        assert await token_rows.lock_role_grant(connection, desk.agent, Role.SUPPORT, now - timedelta(seconds=1))
        granting = asyncio.create_task(granted())
        await asyncio.sleep(0.3)
        await connection.execute(update(SUPPORT_CASES).where(SUPPORT_CASES.c.id == id).values(agent_id=desk.agent))
    await granting
    assert await desk.queue() == [id]


async def test_an_unverified_address_does_not_identify_the_subject_of_a_case(desk: SupportDesk) -> None:
    """If it did, someone who registered the address of another person would see cases about that person."""
    world = desk.world
    _, squatter = await world.member("victim@example.org", emailVerified=False)
    by_email = {"subjectId": None, "email": "victim@example.org"}
    shapes = [
        {**await desk.opened(**whom), "id": "", "openedAt": "", "expiresAt": ""}
        for whom in (by_email, {"subjectId": None, "email": "nobody@example.org"})
    ]
    assert shapes[0] == shapes[1]
    assert (await world.data(CASES, squatter))["supportCases"]["edges"] == []
    own = await desk.opened(squatter, **by_email)
    assert own["openedBySubject"] is True, "a member can always open a case about themselves"


@pytest.fixture
def restriction(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A column that restricts processing, added where locks are declared."""
    prepared = (
        read_subjects._by_id,
        read_by_ground._statement,
        read_subjects.select_directory,
    )  # statements are made once
    monkeypatch.setitem(masked_columns.LOCK_CONDITIONS, Lock.RESTRICTED, ACCOUNTS.c.social_lapsed_at.is_not(None))
    for each in prepared:
        each.cache_clear()
    yield "social_lapsed_at"
    monkeypatch.undo()
    for each in prepared:
        each.cache_clear()


async def test_under_a_restriction_support_reads_only_through_cases_that_the_subject_opened(
    desk: SupportDesk, restriction: str
) -> None:
    world = desk.world
    _, member = await world.member("member@example.org")
    theirs = await desk.assigned(extent=["EMAIL", "FIRST_NAME", "CITY"])
    seen = await desk.read()
    assert (seen["email"], seen["firstName"]) == ("subject@example.org", "Amara")
    async with world.services.database.writing() as connection:
        one = update(ACCOUNTS).where(ACCOUNTS.c.id == desk.subject)
        await connection.execute(one.values({restriction: world.services.now()}))
    avatar = "query ($id: ID!) { user(id: $id) { avatarUrl } }"
    for token in (None, member):
        assert (await world.data(avatar, token, {"id": desk.subject}))["user"] is None
    assert await desk.read() is None, "a case that staff opened counts no more"
    own = [(await desk.opened(desk.mine, extent=[field]))["id"] for field in ("FIRST_NAME", "CITY")]
    for id in own:
        await world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent})
    seen = await desk.read()
    assert (seen["email"], seen["firstName"], seen["city"]) == (None, "Amara", "Tallinn")
    assert {"field": "EMAIL", "reason": "OUTSIDE_CASE", "purpose": None} in seen["withheld"]
    async with world.services.database.reading() as connection:
        newest = select(READINGS.c.ground).order_by(READINGS.c.sequence.desc())
        last, first = (await connection.execute(newest)).scalars().all()
    assert first == theirs
    assert last in own, "an entry rests on no case that does not count"
    for id in own:
        await world.data(NARROW, desk.mine, {"id": id, "extent": []})
    assert await desk.read() is None


async def test_known_and_unknown_addresses_get_the_same_answer(desk: SupportDesk) -> None:
    whom = [{"email": f"{name}@example.org"} for name in ("subject", "nobody")] + [{"email": "no address"}]
    answers = [await desk.opened(subjectId=None, **who) for who in whom]
    answers += [await desk.opened(subjectId="0" * 32), await desk.opened()]
    shapes = [{**each, "id": "", "openedAt": "", "expiresAt": ""} for each in answers]
    assert all(shape == shapes[0] for shape in shapes)
    assert shapes[0]["subject"] is None
    assert shapes[0]["status"] == "OPEN"


async def test_a_member_can_open_a_case_only_about_themselves(desk: SupportDesk) -> None:
    own = await desk.opened(desk.mine)
    assert (own["openedBySubject"], own["subject"]) == (True, {"id": desk.subject})
    assert (await desk.opened(desk.mine, subjectId=None, email="Subject@example.org"))["__typename"] == "SupportCase"
    for who in ({"subjectId": desk.agent}, {"subjectId": None, "email": "agent@example.org"}, {"subjectId": "0" * 32}):
        assert (await desk.opened(desk.mine, **who))["code"] == "NOT_PERMITTED"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"extent": []}, "input.extent"),
        ({"extent": ["ABOUT", "EMAIL", "LOCATION"]}, "input.extent"),
        ({"reference": " "}, "input.reference"),
        ({"reason": ""}, "input.reason"),
        ({"reason": "a\0b"}, "input.reason"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "input.expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "input.expiresAt"),
        ({"email": "subject@example.org"}, "input.subjectId"),
        ({"subjectId": None}, "input.subjectId"),
    ],
)
async def test_an_invalid_case_is_refused_with_the_name_of_the_field(
    desk: SupportDesk, wrong: dict[str, Any], field: str
) -> None:
    answer = await desk.opened(**wrong)
    assert (answer["code"], answer["field"]) == ("INVALID_INPUT", field)
    if "ABOUT" in wrong.get("extent", []):
        assert "LOCATION, ABOUT" in answer["message"]
    async with desk.world.services.database.reading() as connection:
        assert (await connection.execute(select(SUPPORT_CASES.c.id))).first() is None


async def test_a_person_cannot_be_assigned_a_case_by_or_about_themselves(desk: SupportDesk) -> None:
    world = desk.world
    both = await world.person("both@example.org")
    operations, _ = await world.token(Role.OPERATIONS, both), await world.token(Role.SUPPORT, both)
    id = (await desk.opened())["id"]
    refused = {"__typename": "Refusal", "code": "NOT_PERMITTED", "field": "agentId"}
    assert (await world.data(ASSIGN, operations, {"id": id, "agent": both}))["assignSupportCase"] == refused
    await world.token(Role.SUPPORT, desk.subject)
    assert (await world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.subject}))[
        "assignSupportCase"
    ] == refused
    plain = await world.person("plain@example.org")
    assert (await world.data(ASSIGN, desk.operations, {"id": id, "agent": plain}))["assignSupportCase"] == refused
    unknown = (await world.data(ASSIGN, desk.operations, {"id": "0" * 32, "agent": desk.agent}))["assignSupportCase"]
    assert unknown["code"] == "NOT_FOUND"


async def test_operations_sees_no_free_text_and_no_subject(desk: SupportDesk) -> None:
    id = (await desk.opened())["id"]
    edges = (await desk.world.data(QUEUE, desk.operations))["caseQueue"]["edges"]
    assert edges == [{"node": {"id": id, "reason": None, "subject": None}}]
    done = (await desk.world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent}))["assignSupportCase"]
    assert (done["reason"], done["subject"]) == (None, None)
    assert done["assignedTo"]
    assert (await desk.world.data(QUEUE, desk.operations))["caseQueue"]["edges"] == []


async def test_the_subject_gets_a_letter_when_staff_opens_a_case_and_when_it_is_assigned(desk: SupportDesk) -> None:
    id = await desk.assigned()
    await desk.opened(desk.mine)
    await desk.opened(subjectId="0" * 32)
    async with desk.world.services.database.reading() as connection:
        of_accounts = select(OUTBOX).join(ACCOUNTS, ACCOUNTS.c.id == OUTBOX.c.subject_id)
        letters = (await connection.execute(of_accounts.order_by(OUTBOX.c.written_at))).all()
    assert [(letter.subject_id, letter.notice, letter.about) for letter in letters] == [
        (desk.subject, "CASE_OPENED", id),
        (desk.subject, "CASE_ASSIGNED", id),
    ]


async def test_only_the_subject_the_agent_and_operations_close_a_case(desk: SupportDesk) -> None:
    world, id = desk.world, await desk.assigned()
    _, stranger = await world.member("stranger@example.org")
    other = await world.token(Role.SUPPORT, await world.person("other@example.org"))
    for token in (stranger, other):
        assert (await world.data(CLOSE, token, {"id": id}))["closeSupportCase"]["code"] == "NOT_FOUND"
    closed = (await world.data(CLOSE, desk.support, {"id": id}))["closeSupportCase"]
    assert (closed["status"], closed["subject"]) == ("CLOSED", None)
    assert (await world.data(CLOSE, desk.support, {"id": id}))["closeSupportCase"]["status"] == "CLOSED"
    narrowed = (await world.data(NARROW, desk.support, {"id": id, "extent": []}))["narrowSupportCase"]
    assert narrowed["code"] == "NOT_PERMITTED"


async def test_the_number_of_statements_does_not_depend_on_the_number_of_cases(desk: SupportDesk) -> None:
    from tests.statements import recorded_statements
    from tests.world import line

    world = desk.world
    ids = await world.store_people(*(line(f"s{number}@example.org") for number in range(20)))
    numbers = set()
    queued = set()
    for upto in (1, 20):
        for subject in ids[: upto - len(numbers)]:
            await desk.assigned(subjectId=subject, extent=["EMAIL", "FIRST_NAME"])
            await desk.opened(subjectId=subject)
        for token, field, sent in ((desk.support, "supportCases", numbers), (desk.operations, "caseQueue", queued)):
            document = f"{{ {field}(first: 50) {{ edges {{ node {{ assignedTo subject {{ %s }} }} }} }} }}"
            document %= "email firstName" if token == desk.support else "id"
            async with recorded_statements(world.services.database) as statements:
                edges = await world.data(document, token)
            assert len(edges[field]["edges"]) >= upto
            sent.add(len(statements))
    assert (len(numbers), len(queued)) == (1, 1)


async def test_a_case_about_an_unknown_address_is_listed_whether_or_not_its_subject_is_selected(
    desk: SupportDesk,
) -> None:
    opened = {"email": "nobody@example.org", "reference": "T", "reason": "r", "extent": ["EMAIL"]}
    id = (await desk.world.data(OPEN_CASE, desk.support, {"input": opened}))["openSupportCase"]["id"]
    await desk.world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent})
    for below in ("reference", "subject { id }"):
        document = f"""query ($id: ID!) {{ supportCases {{ edges {{ node {{ id {below} }} }} }}
          node(id: $id) {{ id ... on SupportCase {{ {below} }} }} }}"""
        shown = await desk.world.data(document, desk.support, {"id": id})
        assert [edge["node"] for edge in shown["supportCases"]["edges"]] == [shown["node"]]
        assert shown["node"] == {"id": id, "reference": "T"} if below == "reference" else {"id": id, "subject": None}


async def test_every_path_to_a_subject_of_a_case_agrees(desk: SupportDesk) -> None:
    await desk.assigned(extent=["EMAIL", "CITY"])
    fields = " ".join(
        name for name in GRAPHQL_NAMES.values() if name not in ("location", "publicPages", "preRegistration")
    )
    document = f"""query ($id: ID!, $case: ID!) {{ user(id: $id) {{ ...all }} node(id: $id) {{ ...all }}
      nodes(ids: [$id, $case]) {{ ...all ... on SupportCase {{ subject {{ ...all }} }} }}
      supportCases {{ edges {{ node {{ subject {{ ...all }} }} }} }}
      case: node(id: $case) {{ ... on SupportCase {{ subject {{ ...all }} }} }} }}
      fragment all on User {{ id {fields} withheld {{ field reason purpose }} }}"""
    case = (await desk.world.data(CASES, desk.support))["supportCases"]["edges"][0]["node"]["id"]
    answer = await desk.world.ask(document, desk.support, {"id": desk.subject, "case": case})
    data = answer["data"]
    seen = [data["user"], data["node"], data["supportCases"]["edges"][0]["node"]["subject"], data["case"]["subject"]]
    seen += [data["nodes"][0], data["nodes"][1]["subject"]]
    assert seen[0]["email"] == "subject@example.org"
    assert all(each == seen[0] for each in seen)
    never = {"avatarUrl", "wallpaperUrl", "streetAddress", "about"}
    assert "errors" not in answer
    listed = {each["path"][0]: set(each["fields"]) for each in answer["extensions"]["refusedFields"]}
    assert listed == {key: {f"User.{name}" for name in never} for key in data}
    assert all(seen[0][name] is None for name in never)


async def test_a_mutation_and_the_reading_it_shows_commit_together(desk: SupportDesk) -> None:
    world, id = desk.world, await desk.assigned()
    await desk.assigned()
    async with world.services.database.writing() as connection:
        await connection.execute(delete(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "disclosure"))
    document = CLOSE.replace("subject { id }", "subject { email }")
    answer = await world.ask(document, desk.support, {"id": id})
    assert (answer["data"], codes(answer)) == ({"closeSupportCase": None}, ["NOT_RECORDED"])
    assert "subject@example.org" not in str(answer)
    cases = (await world.data(CASES.replace("subject { id email }", ""), desk.mine))["supportCases"]["edges"]
    assert {edge["node"]["status"] for edge in cases} == {"OPEN"}


async def test_each_reading_of_a_document_is_recorded_with_its_ground(desk: SupportDesk) -> None:
    world = desk.world
    a, b = await desk.assigned(), await desk.assigned()
    await desk.assigned(extent=["FIRST_NAME"])
    closing = """mutation ($a: ID!, $b: ID!) {
      a: closeSupportCase(id: $a) { ... on SupportCase { subject { email firstName } } }
      b: closeSupportCase(id: $b) { ... on SupportCase { subject { firstName } } } }"""
    seen = await world.data(closing, desk.support, {"a": a, "b": b})
    assert seen["a"]["subject"] == {"email": "subject@example.org", "firstName": "Amara"}
    ledger = "{ me { disclosures { edges { node { fields } } } } }"
    edges = (await world.data(ledger, desk.mine))["me"]["disclosures"]["edges"]
    assert {field for edge in edges for field in edge["node"]["fields"]} == {"EMAIL", "FIRST_NAME"}


async def test_opening_and_assigning_send_the_same_statements_for_unknown_people(desk: SupportDesk) -> None:
    from tests.statements import recorded_statements

    await desk.world.person("unverified@example.org", emailVerified=False)
    for token in (desk.support, desk.operations):
        await desk.world.data("{ viewer { role } }", token)  # the first use of a token is noted, once
    numbers = []
    for name in ("subject", "nobody", "unverified"):
        async with recorded_statements(desk.world.services.database) as statements:
            id = (await desk.opened(subjectId=None, email=f"{name}@example.org"))["id"]
            await desk.world.data(ASSIGN, desk.operations, {"id": id, "agent": desk.agent})
        numbers.append(len(statements))
    assert len(set(numbers)) == 1
    async with desk.world.services.database.reading() as connection:
        of_accounts = select(OUTBOX.c.subject_id).join(ACCOUNTS, ACCOUNTS.c.id == OUTBOX.c.subject_id)
        told = (await connection.execute(of_accounts)).scalars().all()
    assert told == [desk.subject] * 2, "an unverified address gets no letter"


@pytest.mark.parametrize("log", ["consent_records", "disclosures", "readings"])
async def test_the_database_refuses_to_replace_or_restore_a_log_entry(desk: SupportDesk, log: str) -> None:
    await desk.assigned()
    await desk.read()
    replaced = f"INSERT OR REPLACE INTO {log} SELECT * FROM {log}"
    retold = "UPDATE readings SET reason = 'other'"
    for statement in [replaced, retold] if log == "readings" else [replaced]:
        if "REPLACE" in statement and not desk.world.services.database.is_sqlite:
            continue
        with pytest.raises(DBAPIError):
            async with desk.world.services.database.writing() as connection:
                await connection.execute(text(statement))

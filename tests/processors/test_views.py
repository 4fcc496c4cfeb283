"""A view shows a processor its own fields of the subjects who allow it."""

import random

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from sqlalchemy import func, select, update

from models.logs.ledger import LEDGER
from models.tables import ACCOUNTS, PROCESSOR_VIEWS
from models.vocabulary import Processor, Role
from schema.build import build
from tests import expectation
from tests.expectation import PROCESSORS
from tests.processors.parties import (
    COLUMNS,
    GRANT,
    OBJECT,
    REASON,
    UNKNOWN,
    VIEW_TYPES,
    WITHDRAW,
    Parties,
    document,
    without,
)
from tests.processors.people import OBJECTIONS_TO, PEOPLE
from tests.statements import recorded_statements
from tests.world import GRAPHQL_NAMES, World, codes, line


@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_view_type_has_only_the_fields_of_its_processor(processor: str) -> None:
    types = build().graphql.type_map
    view, rows, row = (types[name] if name[0].isupper() else name for name in VIEW_TYPES[processor])
    assert isinstance(view, GraphQLObjectType)
    assert isinstance(row, GraphQLObjectType)
    assert set(view.fields) == {"id", "processor", "openedAt", "reason", "withheld", rows}
    assert get_named_type(view.fields[rows].type) is row
    assert set(row.fields) == {"userId", *(GRAPHQL_NAMES[column] for column in COLUMNS[processor])}
    assert set(COLUMNS[processor]) == expectation.possible_fields(processor)
    union = types["ProcessorViewResult"]
    assert isinstance(union, GraphQLUnionType)
    assert {kind.name for kind in union.types} == {*(view for view, *_ in VIEW_TYPES.values()), "Refusal"}


async def test_a_view_shows_permitted_fields_in_the_given_order_and_counts_withheld_subjects(world: World) -> None:
    ids = await world.store_people(*(person.import_line() for person in PEOPLE))
    async with world.services.database.writing() as connection:
        for objected in OBJECTIONS_TO[1:]:
            mask = sum(1 << PROCESSORS.index(each) for each in objected)
            theirs = [id for id, person in zip(ids, PEOPLE, strict=True) if person.objected == objected]
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id.in_(theirs)).values(objected=mask))
    everyone = list(zip(ids, PEOPLE, strict=True))
    strangers = [f"{number:032x}" for number in range(30)]
    for processor in PROCESSORS:
        token = await world.token(Role.PROCESSOR, processor=Processor(processor))
        random.Random(processor).shuffle(everyone)
        asked = [id for id, _ in everyone] + strangers + [id for id, _ in everyone[:50]]
        answer = await world.data(document(processor), token, {"ids": asked, "reason": REASON})
        view, expected = answer["openProcessorView"], [person.row(processor, id) for id, person in everyone]
        shown = [row for row in expected if row]
        assert len(shown) > 20
        assert view[VIEW_TYPES[processor][1]] == shown
        assert view["withheld"] == len(PEOPLE) + len(strangers) - len(shown)
        async with world.services.database.reading() as connection:
            told = select(LEDGER.c.subject_id, LEDGER.c.fields).where(LEDGER.c.audience == processor)
            entries = {tuple(row) for row in await connection.execute(told)}
        assert entries == {(id, p.disclosed(processor)) for id, p in everyone if p.row(processor, id)}


async def test_every_reason_to_withhold_gives_the_same_answer_and_statements(parties: Parties) -> None:
    """Unknown, unverified, objected or withdrawn: the count and the number of statements are the same."""
    world = parties.world
    unverified = await world.person("unverified@example.org", emailVerified=False)
    objected, theirs = await world.member("objected@example.org")
    owed, owing = await world.member("owed@example.org")
    for processor in PROCESSORS:
        await parties.as_subject(OBJECT, processor, theirs)
        await parties.rows(processor, owed)
    await parties.as_subject(WITHDRAW, token=owing)
    await parties.as_subject(GRANT, token=owing)
    for processor in PROCESSORS:
        told = []
        for id in (UNKNOWN, unverified, objected, owed, "nobody", "a\0b"):
            async with recorded_statements(world.services.database) as sent:
                view = await parties.view(processor, id)
            assert view["withheld"] == 1
            assert view[VIEW_TYPES[processor][1]] == []
            told.append((without(view, "id", "openedAt"), len(sent)))
        assert all(each == told[0] for each in told), processor


async def test_the_number_of_statements_does_not_depend_on_the_number_of_subjects(parties: Parties) -> None:
    ids = await parties.world.store_people(*(line(f"s{number}@example.org") for number in range(1000)))
    for processor in PROCESSORS:
        await parties.view(processor)  # the first use of a token is recorded with a write
        numbers = []
        for upto in (1, 1000):
            async with recorded_statements(parties.world.services.database) as sent:
                assert len(await parties.rows(processor, *ids[:upto])) == upto
            numbers.append(len(sent))
        assert numbers[0] == numbers[1], processor


async def test_a_view_takes_one_to_a_thousand_different_ids(parties: Parties) -> None:
    ids = [f"{number:032x}" for number in range(1001)]
    refused = {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "input.userIds"}
    nobody = {"ids": [], "reason": REASON}
    answer = await parties.world.data(document("MAILCHIMP"), parties.tokens["MAILCHIMP"], nobody)
    assert answer["openProcessorView"] == refused
    assert await parties.view("MAILCHIMP", *ids) == refused
    assert (await parties.view("MAILCHIMP", *ids[:1000]))["withheld"] == 1000
    assert (await parties.view("MAILCHIMP", *ids[:1000], *ids[:300]))["withheld"] == 1000, "duplicates count once"
    view = await parties.view("MAILCHIMP", *[parties.subject] * 3)
    assert (len(view["subscribers"]), view["withheld"]) == (1, 0)
    async with parties.world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(PROCESSOR_VIEWS))).scalar_one() == 3


@pytest.mark.parametrize("reason", ["abc", "x" * 300, "  because  ", "ä" * 3])
async def test_the_subject_sees_the_reason_as_given(parties: Parties, reason: str) -> None:
    view = await parties.view("INTERCOM", reason=reason)
    assert view["reason"] == reason.strip()
    newest = "{ me { disclosures(first: 1) { edges { node { audience recipient fields reason } } } } }"
    (edge,) = (await parties.world.data(newest, parties.mine))["me"]["disclosures"]["edges"]
    assert edge["node"] == {
        "audience": "INTERCOM",
        "recipient": "Intercom",
        "fields": ["EMAIL", "FIRST_NAME"],
        "reason": reason.strip(),
    }


@pytest.mark.parametrize("reason", ["", "ab", "   ab   ", "x" * 301, "a\0bc", "x" * 100_000])
async def test_a_view_without_a_valid_reason_is_refused(parties: Parties, reason: str) -> None:
    response = await parties.world.post(
        document("INTERCOM"), parties.tokens["INTERCOM"], {"ids": [parties.subject], "reason": reason}
    )
    assert "subject@example.org" not in response.text
    if len(reason) < 60_000:
        refused = response.json()["data"]["openProcessorView"]
        assert refused == {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "input.reason"}
    async with parties.world.services.database.reading() as connection:
        for table in (PROCESSOR_VIEWS, LEDGER):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_one_document_for_all_processors_returns_only_the_fields_of_the_caller(parties: Parties) -> None:
    both = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "a reason"}) { __typename
      ... on IntercomView { contacts { email } } ... on MandrillView { recipients { lastName named: lastName } }
      ... on GoogleAnalyticsView { visitors { ipAddress } } } }"""
    data = await parties.world.data(both, parties.tokens["INTERCOM"], {"ids": [parties.subject]})
    assert data["openProcessorView"] == {"__typename": "IntercomView", "contacts": [{"email": "subject@example.org"}]}
    assert (await parties.state("INTERCOM"))["fields"] == ["EMAIL"]


async def test_a_processor_token_reads_only_its_view_and_its_withdrawals(parties: Parties) -> None:
    world = parties.world
    await parties.rows("MAILCHIMP")
    await parties.as_subject(WITHDRAW)
    (due,) = await parties.withdrawals("MAILCHIMP")
    me = (await world.data("{ me { id sessions { id } disclosures { edges { node { id } } } } }", parties.mine))["me"]
    others = [parties.subject, me["id"], me["sessions"][0]["id"], me["disclosures"]["edges"][0]["node"]["id"], UNKNOWN]
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for processor, token in parties.tokens.items():
        for id in others:
            assert (await world.data(node, token, {"id": id}))["node"] is None
        found = (await world.data(node, token, {"id": due["id"]}))["node"]
        assert found == ({"__typename": "Withdrawal", "id": due["id"]} if processor == "MAILCHIMP" else None)
        answer = await world.ask("query ($id: ID!) { user(id: $id) { id } }", token, {"id": parties.subject})
        assert (answer["data"], codes(answer)) == ({"user": None}, ["FORBIDDEN"])
    await parties.acknowledge_all("MAILCHIMP")
    assert (await world.data(node, parties.tokens["MAILCHIMP"], {"id": due["id"]}))["node"] is None

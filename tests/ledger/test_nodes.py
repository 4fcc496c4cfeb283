"""`nodes` answers for each id what `node` answers, and records what it shows."""

from typing import Any

import pytest
from sqlalchemy import select

from models.tables import LEGAL_REQUESTS, SUPPORT_CASES, WITHDRAWALS
from schema.build import build
from tests.ledger.readers import Readers, read_by_all
from tests.ledger.stored import entries, names
from tests.statements import recorded_statements
from tests.world import USER, codes

SHOWN = f"""__typename id ... on User {{ {USER} }} ... on Account {{ emailVerified consents {{ id status }} }}
  ... on ConsentRecord {{ receipt }} ... on Session {{ current }} ... on Disclosure {{ receipt }}
  ... on SupportCase {{ reference subject {{ email }} }} ... on LegalRequest {{ basis subject {{ email }} }}
  ... on Withdrawal {{ userId }}"""
NODE = f"query ($id: ID!) {{ node(id: $id) {{ {SHOWN} }} }}"
NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {SHOWN} }} }}"
OWN = """{ me { id user { id } sessions { id } consentHistory { edges { node { id } } }
  disclosures { edges { node { id } } } } }"""
UNKNOWN = "0" * 32
BELOW = {
    "user": f" {{ {USER} }}",
    "consents": " { id purpose status }",
    "processors": " { id processor fields }",
    "sessions": " { id current }",
}


async def every_id(readers: Readers) -> list[str]:
    """Returns an id of each type that `node` finds for someone, and some that nobody finds."""
    await read_by_all(readers)
    await readers.world.data("mutation { objectToProcessor(processor: MANDRILL) { __typename } }", readers.mine)
    me = (await readers.world.data(OWN, readers.mine))["me"]
    own = [me["id"], me["user"]["id"], *(each["id"] for each in me["sessions"])]
    for listed in ("consentHistory", "disclosures"):
        own += [edge["node"]["id"] for edge in me[listed]["edges"]]
    async with readers.world.services.database.reading() as connection:
        for table in (SUPPORT_CASES, LEGAL_REQUESTS, WITHDRAWALS):
            own += (await connection.execute(select(table.c.id))).scalars()
    return [*own, *readers.holders.values(), UNKNOWN, "", "nobody"]


async def test_each_caller_gets_for_each_id_what_node_answers(readers: Readers) -> None:
    world, ids = readers.world, await every_id(readers)
    found: set[str] = set()
    for token in (None, readers.mine, *readers.tokens.values()):
        single = [(await world.ask(NODE, token, {"id": id}))["data"]["node"] for id in ids]
        found |= {each["__typename"] for each in single if each}
        backwards = [*reversed(ids), *ids]
        answer = await world.ask(NODES, token, {"ids": backwards})
        assert answer["data"]["nodes"] == [*reversed(single), *single]
        assert "errors" not in answer
    assert found == {
        *("Account", "User", "Session", "ConsentRecord", "Disclosure", "SupportCase", "LegalRequest", "Withdrawal")
    }


async def test_more_ids_take_no_more_statements(readers: Readers) -> None:
    world, ids = readers.world, await every_id(readers)
    for token in (None, readers.mine, *readers.tokens.values()):
        numbers = set()
        for some in ([UNKNOWN], [UNKNOWN, *(f"{place:032}" for place in range(98))]):
            async with recorded_statements(world.services.database) as sent:
                await world.data(NODES, token, {"ids": some})
            numbers.add(len(sent))
        async with recorded_statements(world.services.database) as sent:
            await world.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", token, {"ids": ids})
        assert len(numbers) == 1
        assert len(sent) <= numbers.pop() + 8, "grounds and ledger, once for all ids"


@pytest.mark.parametrize("who", ["support", "compliance"])
@pytest.mark.parametrize("below", ["subject { email }", "extent"])
async def test_subjects_and_their_cases_or_requests_come_from_one_statement(
    readers: Readers, who: str, below: str
) -> None:
    world, ids = readers.world, await every_id(readers)
    document = f"""query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename ... on User {{ email }}
      ... on SupportCase {{ {below} }} ... on LegalRequest {{ {below} }} }} }}"""
    sent_for = []
    for some in ([UNKNOWN], ids):
        async with recorded_statements(world.services.database) as sent:
            found = (await world.data(document, readers.tokens[who], {"ids": some}))["nodes"]
        sent_for.append(
            [each for each in sent if "support_cases" in each or "legal_requests" in each or "profiles" in each]
        )
        assert any(found) is (some is ids)
    assert len(sent_for[0]) == len(sent_for[1]) == 1
    assert {each["__typename"] for each in found if each} == {
        "User",
        "SupportCase" if who == "support" else "LegalRequest",
    }


async def test_a_subject_asked_for_twice_in_different_ways_is_one_entry_with_all_fields(readers: Readers) -> None:
    async with readers.world.services.database.reading() as connection:
        cases = list((await connection.execute(select(SUPPORT_CASES.c.id))).scalars())
    document = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { email }
      ... on SupportCase { subject { city } } } }"""
    for ids, fields in (
        ([readers.subject], {"EMAIL"}),
        (cases, {"CITY"}),
        ([readers.subject, *cases], {"EMAIL", "CITY"}),
    ):
        before = len(await entries(readers.world))
        await readers.world.data(document, readers.tokens["support"], {"ids": ids})
        (entry,) = (await entries(readers.world))[before:]
        assert names(entry.fields) == fields


async def test_an_account_asked_for_many_times_is_read_once(readers: Readers) -> None:
    account: Any = build().graphql.type_map["Account"]
    parts = " ".join(name + BELOW.get(name, "") for name, field in account.fields.items() if not field.args)
    document = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Account {{ {parts} }} }} }}"
    id = (await readers.world.data("{ me { id } }", readers.mine))["me"]["id"]
    numbers, answers = [], []
    for times in (1, 50):
        async with recorded_statements(readers.world.services.database) as sent:
            answers.append((await readers.world.data(document, readers.mine, {"ids": [id] * times}))["nodes"])
        numbers.append(len(sent))
    assert answers[1] == answers[0] * 50
    assert numbers[0] == numbers[1]


async def test_a_subject_asked_for_twice_is_one_entry(readers: Readers) -> None:
    asked = {"ids": [readers.subject, UNKNOWN, readers.subject]}
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { email about } } }"
    answer = await readers.world.ask(document, readers.tokens["support"], asked)
    shown = {"email": "subject@example.org", "about": None}
    assert answer["data"]["nodes"] == [shown, None, shown]
    (entry,) = await entries(readers.world)
    assert names(entry.fields) == {"EMAIL"}


async def test_at_most_a_hundred_ids_are_looked_up(readers: Readers) -> None:
    def asked(number: int) -> dict[str, Any]:
        return {"ids": [f"{place:032}" for place in range(number)]}

    assert (await readers.world.data(NODES, readers.mine, asked(100)))["nodes"] == [None] * 100
    assert (await readers.world.data(NODES, readers.mine, asked(0)))["nodes"] == []
    for ids in (asked(101)["ids"], [readers.subject] * 101, [UNKNOWN, "a\0b"]):
        answer = await readers.world.ask(NODES, readers.mine, {"ids": ids})
        assert (answer["data"], codes(answer)) == ({"nodes": None}, ["BAD_USER_INPUT"])
        assert answer["errors"][0]["extensions"]["argument"] == "ids"

"""Which readings the ledger records, with which fields."""

import json
from datetime import timedelta

from sqlalchemy import insert

from models.logs import hash_chain
from models.tables import (
    LEGAL_REQUESTS,
)
from resolvers.ledger import write_disclosures
from tests.ledger.readers import READ, Readers, read_by_all
from tests.ledger.stored import entries, execute, names, request_row
from tests.world import PROFILE


async def test_each_root_field_of_a_document_is_an_entry_of_its_own(readers: Readers) -> None:
    aliases = " ".join(f'a{number}: user(id: "{readers.subject}") {{ id email }}' for number in range(6))
    last = f'a6: node(id: "{readers.subject}") {{ ... on User {{ city }} }}'
    await readers.world.data(f"{{ {aliases} {last} }}", readers.tokens["support"])
    found = sorted(sorted(names(entry.fields)) for entry in await entries(readers.world))
    assert found == [["CITY"], *[["EMAIL"]] * 6]


async def test_an_answer_with_only_an_id_or_withheld_fields_is_an_entry_without_fields(readers: Readers) -> None:
    world, view = readers.world, readers.view
    for asked in ("id", "withheld { field }", "__typename", "about"):
        await world.ask(f'{{ user(id: "{readers.subject}") {{ {asked} }} }}', readers.tokens["support"])
    for asked in ("withheld", "recipients { userId }", "id"):
        assert "errors" not in await view(fields=asked)
    assert [entry.fields for entry in await entries(world)] == [0] * 7


async def test_data_that_is_not_read_has_no_entry(readers: Readers) -> None:
    world, cases = readers.world, "supportCases { edges { node { id reference extent } } }"
    await world.data(
        f'{{ {cases} user(id: "{readers.subject}") @skip(if: true) {{ email }} }}', readers.tokens["support"]
    )
    await world.data("{ legalRequests { edges { node { id basis } } } }", readers.tokens["compliance"])
    await world.data(READ, readers.tokens["support"], {"id": readers.holders["officer"]})
    refused = await readers.view(reason="x")
    assert refused["data"]["openProcessorView"] == {"__typename": "Refusal"}
    assert await entries(world) == []


async def test_members_and_visitors_write_no_entries(readers: Readers) -> None:
    world = readers.world
    _, other = await world.member("other@example.org")
    everyone = "{ users { edges { node { id email city } } } userMap { count } }"
    for token, sees in ((None, None), (other, "Tallinn"), (readers.mine, "Tallinn")):
        assert (await world.ask(READ, token, {"id": readers.subject}))["data"]["user"]["city"] == sees
        await world.ask(everyone, token)
        await world.ask("{ me { user { email } } viewer { user { id } } }", token)
    assert await entries(world) == []


async def test_hashed_columns_contain_no_values_addresses_or_free_text(readers: Readers) -> None:
    await read_by_all(readers)
    free = ["example.org", "T-17", "It will not print", "Tartu", "2-26-1", "215", "A letter"]
    values = [str(value) for value in PROFILE.values() if isinstance(value, str) and value != "EE"]
    for entry in await entries(readers.world):
        hashed = json.dumps([str(entry._mapping[name]) for name in (*hash_chain.DISCLOSURE.hashed, "hash")])
        assert not [text for text in (*free[:-2], free[-1], *values, "90.190.1.7") if text in hashed]
        assert entry.commitment == write_disclosures.commitment(entry.salt, entry.reason)


async def test_a_field_of_several_sealed_requests_becomes_visible_with_the_earliest(readers: Readers) -> None:
    world, now = readers.world, readers.world.services.now()
    for days, extent in ((20, {"ABOUT", "CITY"}), (10, {"CITY", "EMAIL"}), (30, {"ABOUT", "EMAIL"})):
        row = request_row(world, readers.subject, extent, notice_after=now + timedelta(days=days))
        await execute(world, insert(LEGAL_REQUESTS).values(row))
    await world.ask(
        f'{{ user(id: "{readers.subject}") {{ email city about mobilePhone }} }}', readers.tokens["compliance"]
    )
    found = {entry.visible_at: names(entry.fields) for entry in await entries(world)}
    assert found == {
        None: {"EMAIL", "MOBILE_PHONE"},
        now + timedelta(days=10): {"CITY"},
        now + timedelta(days=20): {"ABOUT"},
    }

"""Subjects see who read their data, and only they see it."""

from typing import Any

import pytest
from sqlalchemy import select, text

from models.logs.ledger import LEDGER, is_about
from resolvers.ledger.pseudonyms import pseudonym
from tests.ledger.readers import MINE, NODE, PAGE, READ, Readers, read_by_all
from tests.ledger.stored import entries


async def test_the_subject_sees_who_read_what_when_and_why(readers: Readers) -> None:
    await read_by_all(readers)
    world, keys = readers.world, readers.world.services.keys
    nodes = [edge["node"] for edge in (await world.data(MINE, readers.mine))["me"]["disclosures"]["edges"]]
    agent, officer = (pseudonym(keys, readers.holders[who]) for who in ("agent", "officer"))
    assert [[node[key] for key in ("audience", "recipient", "fields", "reason")] for node in nodes] == [
        ["MANDRILL", "Mandrill", ["EMAIL"], "A letter."],
        [
            "LEGAL_REQUEST",
            f"compliance officer {officer}",
            ["EMAIL", "MOBILE_PHONE"],
            "legal request 2-26-1 of Court of Tartu: Section 215",
        ],
        ["SUPPORT_CASE", f"support agent {agent}", ["EMAIL", "CITY"], "case T-17: It will not print."],
    ]
    stored = {row.name: f"{row.sequence}:{row.hash}" for row in await entries(world)}
    assert {node["id"]: node["receipt"] for node in nodes} == stored
    assert sorted((node["at"] for node in nodes), reverse=True) == [node["at"] for node in nodes]
    for name in ("agent", "officer"):
        assert readers.holders[name] not in str(nodes)
        assert f"{name}@example.org" not in str(nodes)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_pages_in_both_directions_add_up_to_the_whole_list(readers: Readers, size: int) -> None:
    for _ in range(7):
        await readers.world.data(READ, readers.tokens["support"], {"id": readers.subject})
    whole = (await readers.world.data(MINE, readers.mine))["me"]["disclosures"]["edges"]
    assert len(whole) == 7
    for many, beyond, more, end in (
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ):
        pages: list[Any] = []
        variables: dict[str, Any] = {many: size}
        while True:
            page = (await readers.world.data(PAGE, readers.mine, variables))["me"]["disclosures"]
            pages.append(page["edges"])
            if not page["pageInfo"][more]:
                break
            variables[beyond] = page["pageInfo"][end]
        found = [edge for each in (pages if many == "first" else pages[::-1]) for edge in each]
        assert found == whole
        assert len(pages) == -(-7 // size)


async def test_only_the_subject_reads_an_entry(readers: Readers) -> None:
    await read_by_all(readers)
    world = readers.world
    _, other = await world.member("other@example.org")
    assert (await world.data(MINE, other))["me"]["disclosures"]["edges"] == []
    for entry in await entries(world):
        mine = (await world.data(NODE, readers.mine, {"id": entry.name}))["node"]
        assert mine == {"__typename": "Disclosure", "id": entry.name, "receipt": f"{entry.sequence}:{entry.hash}"}
        for token in (None, other, *readers.tokens.values()):
            foreign = await world.post(NODE, token, {"id": entry.name})
            assert foreign.content == (await world.post(NODE, token, {"id": "f" * 32})).content


async def test_a_subjects_entries_are_found_by_index(readers: Readers) -> None:
    await read_by_all(readers)
    database = readers.world.services.database
    asked = select(LEDGER).where(is_about(readers.subject)).compile(dialect=database.engine.dialect)
    explained = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    values = tuple(asked.params[name] for name in asked.positiontup or ())
    async with database.writing() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.exec_driver_sql(f"{explained} {asked}", values)).all())
    assert "ix_disclosures_subject" in plan, plan

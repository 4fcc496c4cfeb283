"""Erasure deletes all that is personal, notifies processors, and hides that the person existed."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.http import request_rate
from models.columns import HOLDS, IDENTIFIER, new_id
from models.tables import (
    ACCESS_TOKENS,
    ACCOUNTS,
    CONSENT_RECORDS,
    HELD_FORMS,
    HELD_PROFILES,
    METADATA,
    PRE_REGISTRATIONS,
    PROCESSOR_VIEWS,
    PROFILES,
    READINGS,
    SUPPORT_CASES,
    UNSCRUBBED,
    WITHDRAWALS,
)
from models.vocabulary import Processor, Role
from permissions.retention_periods import YEAR
from resolvers.erasure.personal_tables import ERASURE_RULES, OWNER_COLUMNS
from resolvers.erasure.retention_run import RetentionRun
from tests.erasure.documents import READ, VIEW, WITHDRAWN
from tests.identity import STRONG, enrol_authenticator
from tests.retention import DAY, MOMENT, RetentionHarness, insert_everywhere
from tests.world import codes, line

HOUR = timedelta(hours=1)

FREE_TEXT = ("reason", "reference", "basis", "authority", "recipient")


async def test_an_account_is_erased_at_the_end_of_the_grace_period(harness: RetentionHarness) -> None:
    id, other = await harness.world.store_people(
        *(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(2))
    )
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"accounts": 1}
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [other]
    assert [row.subject_id for row in await harness.rows(PROFILES)] == [other]
    assert await harness.run() == {}


async def test_an_unverified_account_is_erased_after_the_grace_period(
    harness: RetentionHarness,
) -> None:
    id = await harness.world.person("p@example.org", emailVerified=False, profile={}, preRegistration={})
    proven = await harness.world.person("o@example.org", profile={}, preRegistration={})
    harness.clock.at += 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    request = await harness.open_legal_request(id, "EMAIL")
    assert await harness.run() == {"accounts": 1}
    assert {row.id: row.email for row in await harness.rows(ACCOUNTS)} == {id: "p@example.org", proven: "o@example.org"}
    await harness.close_legal_request(request)
    assert await harness.run() == {"held_back": 1}
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [proven]


async def test_erasure_deletes_every_row_of_a_person_and_none_of_others(harness: RetentionHarness) -> None:
    gone, stays = await harness.world.store_people(line("gone@example.org"), line("stays@example.org"))
    for id in (gone, stays):
        await insert_everywhere(harness, id)
    before = {table: await harness.rows(table) for table in OWNER_COLUMNS}
    await harness.request_erasure(gone)
    harness.clock.at += 30 * DAY
    assert (await harness.run())["accounts"] == 1
    for table, owner in OWNER_COLUMNS.items():
        left = await harness.rows(table)
        assert left, table
        assert {row._mapping[owner.name] for row in left} == {stays}, table
        assert left == [row for row in before[table] if row._mapping[owner.name] == stays], table
    cases = {row.subject_id: (row.reason, row.reference, row.closed_at) for row in await harness.rows(SUPPORT_CASES)}
    assert cases == {gone: (None, "", harness.clock.at), stays: ("why", "T-1", None)}


async def test_erasure_ends_each_consent_and_notifies_processors(
    harness: RetentionHarness,
) -> None:
    world = harness.world
    id = await world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    never = await world.person("n@example.org", ())
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=harness.clock.at + 40 * DAY)
    await world.data(VIEW, token, {"ids": [id, never]})
    await harness.request_erasure(id, never)
    harness.clock.at += 30 * DAY
    request = await harness.open_legal_request(id, "FIRST_NAME")
    await harness.run()
    records = await harness.rows(CONSENT_RECORDS, CONSENT_RECORDS.c.source == "erasure")
    assert [(row.subject_id, row.purpose, row.granted, row.recorded_at) for row in records] == [
        (id, "EXPANSION", False, harness.clock.at),
        (id, "SOCIAL", False, harness.clock.at),
    ]
    edges = (await world.data(WITHDRAWN, token))["processorWithdrawals"]["edges"]
    told = {edge["node"]["userId"]: set(edge["node"]["fields"]) for edge in edges}
    assert told == {id: {"EMAIL", "FIRST_NAME", "LAST_NAME"}, never: {"EMAIL"}}
    harness.clock.at += HOUR
    await harness.close_legal_request(request)
    assert await harness.run() == {"held_back": 1}
    assert len(await harness.rows(CONSENT_RECORDS)) == 4
    assert len(await harness.rows(WITHDRAWALS)) == 2


async def test_processors_are_notified_before_the_ledger_is_pruned(
    harness: RetentionHarness,
) -> None:
    id = await harness.world.person("p@example.org")
    token = await harness.world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=harness.clock.at + 6 * YEAR)
    await harness.world.data(VIEW, token, {"ids": [id]})
    harness.clock.at += 5 * YEAR - 30 * DAY
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    counts = await harness.run()
    assert (counts["accounts"], counts["disclosures"]) == (1, 2)
    assert [row.subject_id for row in await harness.rows(WITHDRAWALS)] == [id]


async def test_a_reason_is_cleared_with_its_last_subject(harness: RetentionHarness) -> None:
    a, b = await harness.world.store_people(line("a@example.org"), line("b@example.org"))
    token = await harness.world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=harness.clock.at + 99 * DAY)
    await harness.world.data(VIEW, token, {"ids": [a, b]})
    await harness.world.data(VIEW, token, {"ids": [a]})
    await harness.request_erasure(a)
    harness.clock.at += 30 * DAY
    request = await harness.open_legal_request(a, "EMAIL")
    await harness.run()
    assert [(row.reason, row.salt is None) for row in await harness.rows(READINGS)] == [
        ("ticket of Amara", False),
        (None, True),
    ]
    assert sorted(row.reason for row in await harness.rows(PROCESSOR_VIEWS)) == ["", "ticket of Amara"]
    await harness.close_legal_request(request)
    await harness.request_erasure(b)
    harness.clock.at += 30 * DAY
    await harness.run()
    assert {row.reason for row in await harness.rows(READINGS)} == {None}
    assert {row.reason for row in await harness.rows(PROCESSOR_VIEWS)} == {""}


@pytest.mark.parametrize("held", [(), ("FIRST_NAME", "EMAIL")])
async def test_an_erased_person_looks_like_one_who_never_existed(
    harness: RetentionHarness, held: tuple[str, ...]
) -> None:
    world = harness.world
    id, session = await world.member("p@example.org")
    _, member = await world.member("o@example.org", profile={"firstName": "Other"})
    agent, officer = [await world.person(f"{n}@example.org", profile={}) for n in ("s", "c")]
    lasting = {"expires_at": harness.clock.at + 60 * DAY}
    tokens = [None, member, await world.token(Role.ANALYTICS, agent, **lasting)]
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).values(expires_at=lasting["expires_at"]))
    tokens += [
        await world.token(Role.SUPPORT, agent, **lasting),
        await world.token(Role.OPERATIONS, officer, **lasting),
    ]
    tokens += [] if held else [await world.token(Role.COMPLIANCE, officer, **lasting)]
    await world.data(
        'mutation { openSupportCase(input: {reference: "T", reason: "why", extent: [EMAIL]}) { __typename } }', session
    )
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY - MOMENT
    if held:
        await harness.open_legal_request(id, *held)
    harness.clock.at += MOMENT
    await harness.run()
    for token in tokens:
        for document in (READ, "query ($id: ID!) { node(id: $id) { id } }"):
            assert await world.ask(document, token, {"id": id}) == await world.ask(document, token, {"id": new_id()})
        assert id not in str(await world.ask("{ users { edges { node { id } } } }", token))
    assert (await world.post("{ me { user { id } } }", session)).status_code == 401
    for processor in Processor:
        token = await world.token(Role.PROCESSOR, None, processor)
        document = f"""mutation ($ids: [ID!]!) {{ openProcessorView(input: {{userIds: $ids, reason: "ticket"}}) {{
          ... on {processor.title().replace("_", "")}View {{ withheld }} }} }}"""
        seen = [await world.ask(document, token, {"ids": [each]}) for each in (id, new_id())]
        assert seen[0] == seen[1]


def test_every_column_that_can_name_a_person_has_an_erasure_rule() -> None:
    """Fails for a new table until its rows are deleted with the person or have a rule."""
    bare = []
    for table in METADATA.tables.values():
        known = {*ERASURE_RULES.get(table, {}), *([OWNER_COLUMNS[table].name, "id"] if table in OWNER_COLUMNS else [])}
        for column in table.columns:
            names = HOLDS in column.info or IDENTIFIER in column.info or column.name.endswith("_id")
            # free text needs a rule, unless its row is deleted with the person
            free = table not in OWNER_COLUMNS and column.name in (
                "reason",
                "reference",
                "basis",
                "authority",
                "recipient",
            )
            goes_along = table in OWNER_COLUMNS and HOLDS in column.info
            if (names or free) and column.name not in known and not goes_along and table is not UNSCRUBBED:
                bare.append(f"{table.name}.{column.name}")
    assert bare == []


def test_tables_that_refer_to_accounts_are_erased_first() -> None:
    order = [*OWNER_COLUMNS, PROFILES, PRE_REGISTRATIONS, HELD_PROFILES, HELD_FORMS]
    pointing = {
        table for table in METADATA.tables.values() if any(k.column.table is ACCOUNTS for k in table.foreign_keys)
    }
    assert pointing <= set(order)


@pytest.mark.parametrize(
    "document",
    [
        "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }",
        "mutation { restrictProcessing { __typename } }",
        'mutation { updateProfile(input: {firstName: "late"}) { __typename } }',
        "{ me { consents { purpose } } }",
        "mutation { exportMyData }",
    ],
)
async def test_a_caller_erased_during_a_request_is_unauthenticated(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    id, token = await harness.world.member("p@example.org")
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    await harness.extend_sessions()
    accepted = request_rate.authenticate

    async def meanwhile(*given: Any) -> Any:
        caller = await accepted(*given)
        assert (await RetentionRun(harness.world.services, harness.places.register).delete_due())["accounts"] == 1
        return caller

    monkeypatch.setattr(request_rate, "authenticate", meanwhile)
    assert codes(await harness.world.ask(document, token)) == ["UNAUTHENTICATED"]


async def test_the_second_factor_and_the_password_are_erased(harness: RetentionHarness) -> None:
    id, mine = await harness.world.member("p@example.org", password=STRONG)
    await enrol_authenticator(harness.world, mine)
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    assert (await harness.run())["accounts"] == 1
    for table in OWNER_COLUMNS:
        assert await harness.count(table) == 0, table

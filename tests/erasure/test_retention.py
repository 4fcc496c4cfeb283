"""What is due goes at its day and not a moment before; what a request holds stays, and nothing else does."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, or_, select, text, update
from sqlalchemy.exc import DBAPIError

from app.commands.audit.verify_log import faults
from app.commands.server.retention import erase
from app.graphql import endpoint
from app.operations.erasure_register import ErasureRegister
from models import bulk_insert
from models.columns import HOLDS, IMPERSONAL, new_id
from models.database import Database
from models.logs import chain_gaps, hash_chain
from models.tables import (
    ACCESS_TOKENS,
    ACCOUNTS,
    CHAIN_GAPS,
    CHALLENGES,
    CONSENT_RECORDS,
    CREDENTIALS,
    DISCLOSURES,
    HELD_FORMS,
    HELD_PROFILES,
    LEGAL_REQUESTS,
    MAILED_TOKENS,
    METADATA,
    OUTBOX,
    PRE_REGISTRATIONS,
    PROCESSOR_VIEWS,
    PROFILES,
    READINGS,
    SUPPORT_CASES,
    UNSCRUBBED,
    WITHDRAWALS,
)
from models.vocabulary import Processor, Purpose, Role
from permissions import policy
from permissions.masked_columns import floor_parameters
from permissions.policy import VERSIONS, Version
from permissions.retention_periods import YEAR, RecordKind, retention
from resolvers.consent.erasure_date import PURPOSE_TABLES, erasure_date_of, is_due
from resolvers.erasure import retention_run as run_module
from resolvers.erasure.personal_tables import ERASURE_RULES, OWNER_COLUMNS
from resolvers.erasure.retention_run import RetentionRun
from tests.identity import STRONG, enrol_authenticator
from tests.retention import DAY, MOMENT, RetentionHarness, insert_everywhere, row_of
from tests.serving import consentql
from tests.world import FORM, USER, World, codes, line

HOUR = timedelta(hours=1)
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "ticket of Amara"}) {
  ... on MandrillView { recipients { userId email firstName lastName } } } }"""
WITHDRAWN = "{ processorWithdrawals { edges { node { id userId fields } } } }"
DECIDE = """mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }"""
GRANT = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"
STATES = "{ me { consents { purpose status erasesAt } } }"
READ = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"
Row = dict[str, Any]
FREE_TEXT = ("reason", "reference", "basis", "authority", "recipient")


@pytest.fixture
def harness(world: World, tmp_path: Path) -> RetentionHarness:
    """Retention on the world, by a clock moved by hand."""
    return RetentionHarness(world, tmp_path)


# ---------------------------------------------------------------- people


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


# ---------------------------------------------------------------- lapsed purposes


async def test_withdrawn_data_is_erased_on_the_announced_date(
    harness: RetentionHarness,
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.extend_sessions()
    for purpose, table in PURPOSE_TABLES.items():
        await harness.world.data(DECIDE, mine, {"p": purpose})
        told = (await harness.world.data(STATES, mine))["me"]["consents"]
        at = datetime.fromisoformat(next(each["erasesAt"] for each in told if each["purpose"] == purpose))
        harness.clock.at = at - MOMENT
        assert await harness.run() == {}
        assert await harness.count(table) == 1
        harness.clock.at = at
        assert await harness.run() == {"lapsed_purposes": 1}
        assert await harness.count(table) == 0
        told = (await harness.world.data(STATES, mine))["me"]["consents"]
        assert next(each["erasesAt"] for each in told if each["purpose"] == purpose) is None


async def test_a_grant_before_the_date_keeps_the_data(harness: RetentionHarness) -> None:
    _, mine = await harness.world.member("p@example.org")
    await harness.extend_sessions()
    await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 20 * DAY
    await harness.world.data(GRANT, mine, {"v": VERSIONS[-1].name})
    harness.clock.at += 9 * DAY
    await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 11 * DAY
    await harness.run()
    assert await harness.count(PROFILES) == 1


async def test_imported_values_without_a_grant_are_erased_after_the_grace_period(harness: RetentionHarness) -> None:
    await harness.world.person("p@example.org", ())
    harness.clock.at += 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 2}
    assert (await harness.count(PROFILES), await harness.count(PRE_REGISTRATIONS)) == (0, 0)


def raised(monkeypatch: pytest.MonkeyPatch, at: datetime, *purposes: Purpose) -> None:
    """A version published then changes these purposes materially."""
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS, Version("2027-09-09", at, purposes)))


async def test_data_of_an_outdated_grant_is_erased_a_grace_period_after_the_version(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.extend_sessions()
    published = harness.clock.at + DAY
    raised(monkeypatch, published, Purpose.SOCIAL)
    late = await harness.world.person("late@example.org", ("SOCIAL",), consents=[
        {"purpose": "SOCIAL", "granted": True, "policyVersion": VERSIONS[0].name}], preRegistration={})  # fmt: skip
    social = (await harness.world.data(STATES, mine))["me"]["consents"][1]
    assert (social["status"], datetime.fromisoformat(social["erasesAt"])) == ("OUTDATED", published + 30 * DAY)
    harness.clock.at = published + 30 * DAY - MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}, "what was imported without a standing grant a day before"
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}
    assert (await harness.count(PROFILES), await harness.count(PRE_REGISTRATIONS)) == (0, 1)
    assert late not in [row.subject_id for row in await harness.rows(PRE_REGISTRATIONS)]


async def test_a_second_version_does_not_postpone_the_erasure(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL",), preRegistration={})
    await harness.extend_sessions()
    first = harness.clock.at + DAY
    later = [Version(f"v{days}", first + days * DAY, (Purpose.SOCIAL,)) for days in (0, 10)]
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS, *later))
    social = (await harness.world.data(STATES, mine))["me"]["consents"][1]
    assert (social["status"], datetime.fromisoformat(social["erasesAt"])) == ("OUTDATED", first + 30 * DAY)
    harness.clock.at = first + 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}


async def test_the_erasure_date_is_the_same_in_python_and_in_sql(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = harness.clock.at
    raised(monkeypatch, now - 3 * DAY, Purpose.SOCIAL)
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ("SOCIAL",)) for n in range(36)))
    states = [
        {"email_verified": verified, "social_version": number, "social_lapsed_at": lapsed}
        for verified in (True, False)
        for number in (None, 1, 2)
        for lapsed in (None, now - 9 * DAY, now - DAY)
    ]
    async with harness.world.services.database.writing() as connection:
        for id, state in zip(ids, states, strict=False):
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(**state))
    accounts = {row.id: row for row in await harness.rows(ACCOUNTS)}
    for days in (-1, 0, 1, 2, 3, 4, 8, 9, 10):
        async with harness.world.services.database.reading() as connection:
            found = select(ACCOUNTS.c.id).where(is_due(Purpose.SOCIAL, now - days * DAY))
            in_sql = set((await connection.execute(found, floor_parameters())).scalars())
        said = {
            id
            for id, row in accounts.items()
            if not (row.email_verified and (row.social_version or 0) >= 2)
            and (at := erasure_date_of(row, Purpose.SOCIAL, days * DAY)) is not None
            and at <= now
        }
        assert in_sql == said, days


# ---------------------------------------------------------------- what requests hold


COMPLIANCE = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"


async def officer(harness: RetentionHarness) -> str:
    """A token of COMPLIANCE that lasts."""
    holder = await harness.world.person("officer@example.org", profile={}, preRegistration={})
    return await harness.world.token(Role.COMPLIANCE, holder, expires_at=harness.clock.at + 400 * DAY)


async def until_granted(harness: RetentionHarness) -> None:
    """Staff roles last."""
    async with harness.world.services.database.writing() as connection:
        await connection.execute(
            text("UPDATE role_grants SET expires_at = (SELECT max(expires_at) FROM access_tokens)")
        )


async def test_only_fields_under_legal_hold_remain_until_the_request_ends(
    harness: RetentionHarness,
) -> None:
    token = await officer(harness)
    await until_granted(harness)
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    first = await harness.open_legal_request(id, "FIRST_NAME", "PRE_REGISTRATION", "EMAIL")
    second = await harness.open_legal_request(id, "FIRST_NAME", "IP_ADDRESS", days=3)
    await harness.open_legal_request(id, "ABOUT", approved_at=None)
    assert await harness.run() == {"accounts": 1}
    assert await harness.run() == {}
    seen = (await harness.world.data(COMPLIANCE, token, {"id": id}))["user"]
    kept = {"email": "p@example.org", "ipAddress": "90.190.1.7", "firstName": "Amara", "preRegistration": FORM}
    assert {name: value for name, value in seen.items() if value and name not in ("id", "withheld")} == kept
    assert await harness.rows(PROFILES, PROFILES.c.subject_id == id) == []
    assert await harness.rows(CREDENTIALS, CREDENTIALS.c.subject_id == id) == []
    harness.clock.at += 3 * DAY
    assert await harness.run() == {"held_back": 1}, f"{second} expired"
    async with harness.world.services.database.reading() as connection:
        stored = (await connection.execute(select(ACCOUNTS, HELD_PROFILES).join(HELD_PROFILES))).one()
    assert {"p@example.org", "Amara"} <= set(stored)
    assert "90.190.1.7" not in stored
    await harness.close_legal_request(first)
    assert await harness.run() == {"held_back": 1}
    assert [await harness.count(table) for table in (HELD_PROFILES, HELD_FORMS)] == [0, 0]
    assert id not in [row.id for row in await harness.rows(ACCOUNTS)]


async def test_the_reasons_of_a_request_are_cleared_when_it_ends(harness: RetentionHarness) -> None:
    token = await officer(harness)
    await until_granted(harness)
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.request_erasure(id)
    request = await harness.open_legal_request(id, "FIRST_NAME")
    await harness.world.data(COMPLIANCE, token, {"id": id})
    harness.clock.at += 30 * DAY
    await harness.run()
    await harness.world.data(COMPLIANCE, token, {"id": id})
    assert [row.reason is None for row in await harness.rows(READINGS)] == [True, False]
    await harness.close_legal_request(request)
    await harness.run()
    assert [(row.reason, row.salt) for row in await harness.rows(READINGS)] == [(None, None)] * 2


async def test_a_hold_on_empty_fields_keeps_no_account(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", profile={"firstName": "Amara"}, ipAddress=None, preRegistration={})
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    await harness.open_legal_request(id, "CITY", "IP_ADDRESS", "PRE_REGISTRATION")
    assert await harness.run() == {"accounts": 1}
    assert await harness.rows(ACCOUNTS) == []


@pytest.mark.parametrize("grants_again", [False, True])
async def test_a_secret_request_is_invisible_to_its_subject(harness: RetentionHarness, grants_again: bool) -> None:
    token = await officer(harness)
    await until_granted(harness)
    twins = [await harness.world.member(f"twin{n}@example.org") for n in range(2)]
    _, other = await harness.world.member("o@example.org", profile={}, preRegistration={})
    await harness.extend_sessions()
    for _, mine in twins:
        await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 30 * DAY
    request = await harness.open_legal_request(
        twins[1][0], "FIRST_NAME", "CITY", notice_after=harness.clock.at + 200 * DAY
    )
    assert await harness.run() == {"lapsed_purposes": 4}
    if grants_again:
        for _, mine in twins:
            await harness.world.data(GRANT, mine, {"v": VERSIONS[-1].name})
    seen = []
    for n, (id, mine) in enumerate(twins):
        own = await harness.world.ask(f"{{ me {{ user {{ {USER} }} consents {{ status granted erasesAt }} }} }}", mine)
        answers = [own, *[await harness.world.ask(READ, who, {"id": id}) for who in (mine, other)]]
        seen.append(json.dumps(answers).replace(id, "ID").replace(f"twin{n}", "TWIN"))
    assert seen[0] == seen[1]
    found = (await harness.world.data(COMPLIANCE, token, {"id": twins[1][0]}))["user"]
    assert (found["firstName"], found["city"], found["lastName"]) == ("Amara", "Tallinn", None)
    await harness.close_legal_request(request)
    assert await harness.run() == {"held_back": 1}
    assert await harness.count(HELD_PROFILES) == 0


# ---------------------------------------------------------------- rows whose time is over


ENDING: dict[str, tuple[Table, Callable[[datetime], Row], RecordKind, timedelta]] = {
    "a token that expired": (ACCESS_TOKENS, lambda at: {"expires_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a token that was revoked": (ACCESS_TOKENS, lambda at: {"revoked_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a challenge that expired": (CHALLENGES, lambda at: {"expires_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a challenge that ended": (CHALLENGES, lambda at: {"ended_at": at}, RecordKind.SESSIONS, 90 * DAY),
    "a letter that was sent": (OUTBOX, lambda at: {"sent_at": at, "due_at": None}, RecordKind.LETTERS, 7 * DAY),
    "a letter that was given up": (OUTBOX, lambda at: {"written_at": at, "due_at": None}, RecordKind.LETTERS, 7 * DAY),
    "a letter that waits in vain": (OUTBOX, lambda at: {"written_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a link that was used": (MAILED_TOKENS, lambda at: {"used_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a link that is over": (MAILED_TOKENS, lambda at: {"expires_at": at}, RecordKind.LETTERS, 7 * DAY),
    "a case that was closed": (SUPPORT_CASES, lambda at: {"closed_at": at}, RecordKind.SUPPORT_CASES, 2 * YEAR),
    "a case that expired": (SUPPORT_CASES, lambda at: {"expires_at": at}, RecordKind.SUPPORT_CASES, 2 * YEAR),
    "a request that was closed": (LEGAL_REQUESTS, lambda at: {"closed_at": at}, RecordKind.LEGAL_REQUESTS, 6 * YEAR),
    "a request that expired": (LEGAL_REQUESTS, lambda at: {"expires_at": at}, RecordKind.LEGAL_REQUESTS, 6 * YEAR),
    "a view": (PROCESSOR_VIEWS, lambda at: {"opened_at": at}, RecordKind.DISCLOSURES, 5 * YEAR),
    "what was forgotten": (
        WITHDRAWALS, lambda at: {"withdrawn_at": at, "acknowledged_at": at}, RecordKind.DISCLOSURES, 5 * YEAR,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDING)
async def test_a_row_is_deleted_at_the_end_of_its_period(harness: RetentionHarness, name: str) -> None:
    table, ended, kind, period = ENDING[name]
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    end = harness.clock.at + DAY
    later = harness.clock.at + 9 * YEAR
    async with harness.world.services.database.writing() as connection:
        await connection.execute(insert(table), row_of(table, id, later, **ended(end)))
        await connection.execute(insert(table), row_of(table, id, later))
    harness.clock.at = end + period - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {kind.value: 1}
    assert await harness.count(table) == 1


async def test_an_unacknowledged_withdrawal_is_never_deleted(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    async with harness.world.services.database.writing() as connection:
        row = row_of(WITHDRAWALS, id, harness.clock.at, withdrawn_at=harness.clock.at)
        await connection.execute(insert(WITHDRAWALS), row)
    harness.clock.at += 20 * YEAR
    assert await harness.run() == {}


# ---------------------------------------------------------------- logs


async def test_a_pruned_log_can_still_be_verified(harness: RetentionHarness) -> None:
    world, start = harness.world, harness.clock.at
    ids = [await world.person(f"p{n}@example.org", ("SOCIAL", "EXPANSION"), profile={}) for n in range(3)]
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=start + 12 * YEAR)
    await world.data(VIEW, token, {"ids": ids})
    harness.clock.at += DAY
    await world.data(VIEW, token, {"ids": ids[1:]})
    await harness.request_erasure(ids[1])
    harness.clock.at += 30 * DAY
    ended = harness.clock.at
    assert await harness.run() == {"accounts": 1}
    harness.clock.at = start + 5 * YEAR - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"disclosures": 3 + 1}, "three entries and their view"
    assert len(await harness.rows(READINGS)) == 1
    harness.clock.at = start + 5 * YEAR + DAY
    assert await harness.run() == {"disclosures": 2 + 1}
    harness.clock.at = ended + 5 * YEAR - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"consent_records": 4}
    assert {row.subject_id for row in await harness.rows(CONSENT_RECORDS)} == {ids[0], ids[2]}
    found = {(row.chain, row.first, row.last) for row in await harness.rows(CHAIN_GAPS)}
    assert found == {("consent", 3, 4), ("consent", 7, 8), ("disclosure", 1, 5)}, "beside each other they are one"
    await world.data(VIEW, token, {"ids": ids[:1]})
    assert await faults(world.services) == []


async def test_readings_of_open_or_secret_requests_are_not_pruned(harness: RetentionHarness) -> None:
    periods = retention(30 * DAY, {RecordKind.DISCLOSURES: DAY})
    harness.world.services.retention = periods
    token = await officer(harness)
    await until_granted(harness)
    seen, sealed = await harness.world.store_people(
        line("a@example.org", ("SOCIAL", "EXPANSION")), line("b@example.org")
    )
    request = await harness.open_legal_request(seen, "EMAIL", days=3)
    await harness.open_legal_request(sealed, "EMAIL", days=2, notice_after=harness.clock.at + 9 * DAY)
    for id in (seen, sealed):
        await harness.world.data(COMPLIANCE, token, {"id": id})
    harness.clock.at += 2 * DAY
    assert await harness.run() == {}
    await harness.close_legal_request(request)
    assert await harness.run() == {"disclosures": 1}
    harness.clock.at += 7 * DAY
    assert await harness.run() == {"disclosures": 1}
    assert await harness.count(READINGS) == 0


async def ledger_of(harness: RetentionHarness, many: int) -> None:
    """Entries of as many views as there shall be, and then five years."""
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    token = await harness.world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    for _ in range(many):
        await harness.world.data(VIEW, token, {"ids": [id]})


@pytest.mark.parametrize("log", [hash_chain.CONSENT, hash_chain.DISCLOSURE], ids=lambda log: log.name)
async def test_a_deleted_entry_needs_a_gap_signed_by_a_key(harness: RetentionHarness, log: hash_chain.Log) -> None:
    await ledger_of(harness, 3)
    database, keys, table = harness.world.services.database, harness.world.services.keys, log.table
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.writing() as connection:
            await connection.execute(delete(table).where(table.c.sequence == 1))
    (first, *_) = await harness.rows(table, table.c.sequence == 1)
    for tag in ("0" * 64, keys.tag("chain gap", b"something else"), keys.tag(log.name, b"")):
        async with database.writing() as connection:
            forged = {"chain": log.name, "first": 1, "last": 1, "hash": first.hash, "tag": tag}
            await connection.execute(delete(CHAIN_GAPS))
            await connection.execute(insert(CHAIN_GAPS), forged)
            await connection.execute(delete(table).where(table.c.sequence == 1))
            if table is DISCLOSURES:
                await connection.execute(delete(READINGS).where(READINGS.c.sequence == 1))
        (fault,) = await faults(harness.world.services)
        assert fault.startswith(f"{log.name}: entry 1 was changed")


async def test_a_gap_covers_only_its_own_entries(harness: RetentionHarness) -> None:
    await ledger_of(harness, 6)
    services, log = harness.world.services, hash_chain.DISCLOSURE
    keys = services.keys
    rows = {row.sequence: row for row in await harness.rows(DISCLOSURES)}

    async def cut(*gone: int, **changed: Any) -> list[str]:
        """What is found where these are gone behind a gap that was made for 2 to 3 and changed."""
        try:
            async with services.database.writing() as connection:
                await chain_gaps.record_gaps(connection, keys, log, [(n, rows[n].hash) for n in (2, 3)])
                await connection.execute(update(CHAIN_GAPS).values(**changed) if changed else text("SELECT 1"))
                one = or_(*(DISCLOSURES.c.sequence == n for n in gone))
                if services.database.is_sqlite:
                    for name in ("readings", "disclosures"):
                        await connection.execute(text(f"DROP TRIGGER {name}_whole"))
                else:
                    for name in ("readings", "disclosures"):
                        await connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
                await connection.execute(delete(DISCLOSURES).where(one))
                await connection.execute(delete(READINGS).where(READINGS.c.sequence.in_(gone)))
                monkey = replace(services, database=_Within(connection, services.database))  # type: ignore[arg-type]
                found = await faults(monkey)
                raise _Undo(found)
        except _Undo as undone:
            return undone.found

    assert await cut(2, 3) == []
    for gone, changed in (
        ((2, 3, 4), {}),
        ((2, 3, 4), {"last": 4}),
        ((2, 3, 4), {"last": 4, "hash": rows[4].hash}),
        ((1, 2, 3), {"first": 1}),
        ((2, 3), {"hash": rows[2].hash}),
        ((2, 3), {"chain": "sealed"}),
        ((4, 5, 6), {"first": 4, "last": 6, "hash": rows[6].hash}),
    ):
        assert len(await cut(*gone, **changed)) == 1, (gone, changed)


class _Undo(Exception):
    def __init__(self, found: list[str]) -> None:
        self.found = found


class _Within:
    """A database whose readings see what a transaction that is never committed has written."""

    def __init__(self, connection: Any, database: Database) -> None:
        self.connection, self.is_sqlite = connection, database.is_sqlite

    def reading(self) -> "_Within":
        return self

    async def __aenter__(self) -> Any:
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        return None


# ---------------------------------------------------------------- runs


async def crowd(harness: RetentionHarness, many: int) -> list[str]:
    """People of whom every third leaves and every third withdrew; some of each have a letter, a token and a case."""
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ("SOCIAL", "EXPANSION")) for n in range(many)))
    await harness.request_erasure(*ids[::3])
    for id in ids[:4]:
        await insert_everywhere(harness, id)
    async with harness.world.services.database.writing() as connection:
        lapsed = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids[1::3]))
        await connection.execute(lapsed.values(social_version=None, social_lapsed_at=harness.clock.at))
    return ids


async def stored(harness: RetentionHarness) -> dict[str, list[str]]:
    """Every row of every table."""
    return {name: sorted(map(str, await harness.rows(table))) for name, table in METADATA.tables.items()}


async def test_counting_changes_nothing(harness: RetentionHarness) -> None:
    await crowd(harness, 9)
    harness.clock.at += 30 * DAY
    before = await stored(harness)
    counts = await harness.due()
    assert (counts["accounts"], counts["lapsed_purposes"]) == (3, 3)
    assert await stored(harness) == before
    assert not harness.places.register.path.exists()
    assert (await harness.run()) == counts
    assert await harness.run() == {}


async def test_small_batches_give_the_same_result(harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "BATCH", 2)
    monkeypatch.setattr(run_module, "READINGS_AT_ONCE", 1)
    await crowd(harness, 12)
    await ledger_of(harness, 3)
    harness.clock.at += 5 * YEAR + 40 * DAY
    counts = await harness.run()
    assert (counts["accounts"], counts["lapsed_purposes"], counts["disclosures"]) == (4, 4, 6)
    assert await harness.count(UNSCRUBBED) == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_concurrent_runs_erase_each_person_once(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "BATCH", 3)
    await crowd(harness, 60)
    await ledger_of(harness, 8)
    harness.clock.at += 5 * YEAR + 30 * DAY
    due_now = await harness.due()
    both = await asyncio.gather(
        *(RetentionRun(harness.world.services, harness.places.register).act() for _ in range(2))
    )
    assert +(both[0] + both[1]) == due_now
    assert await harness.due() == {}
    assert sorted(harness.places.register.ids()) == sorted(set(harness.places.register.ids()))
    ended = [row.subject_id for row in await harness.rows(CONSENT_RECORDS, CONSENT_RECORDS.c.source == "erasure")]
    assert len(ended) == 2 * 20
    assert await faults(harness.world.services) == []


async def test_a_run_uses_the_operators_periods(harness: RetentionHarness) -> None:
    id = await harness.world.person("p@example.org", ("SOCIAL", "EXPANSION"))
    harness.world.services.retention = retention(DAY, {RecordKind.CONSENT_RECORDS: 2 * DAY})
    await harness.request_erasure(id)
    harness.clock.at += DAY
    assert await harness.run() == {"accounts": 1}
    harness.clock.at += 2 * DAY
    assert await harness.run() == {"consent_records": 4}


# ---------------------------------------------------------------- the register


async def test_people_in_the_register_are_erased_again_after_a_restore(harness: RetentionHarness) -> None:
    back, other = await harness.world.store_people(line("back@example.org"), line("o@example.org"))
    await insert_everywhere(harness, back)
    harness.places.register.add([back, new_id()], harness.clock.at)
    harness.clock.at += 100 * DAY
    counts = await harness.run()
    assert counts["erased_again"] == 1
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [other]
    assert list(harness.places.register.ids()).count(back) == 2


async def test_any_number_of_restored_people_is_counted(harness: RetentionHarness) -> None:
    many, now = 33_000, harness.clock.at  # more than a statement of PostgreSQL takes parameters
    ids = [f"{number:032x}" for number in range(many)]
    one = row_of(ACCOUNTS, "", now, email_verified=True)
    people = {name: [value] * many for name, value in one.items()} | {"id": ids, "account_id": ids}
    credentials = {"subject_id": ids, "email_canonical": ids, "password_hash": [None] * many}
    async with harness.world.services.database.writing() as connection:
        await bulk_insert.insert_rows(connection, ACCOUNTS, people)
        await bulk_insert.insert_rows(connection, CREDENTIALS, credentials)
    harness.places.register.add(ids, now)
    assert await harness.due() == {"erased_again": many}


def test_an_incomplete_line_of_the_register_hides_no_other(tmp_path: Path) -> None:
    register, now = ErasureRegister(tmp_path / "deep" / "erasures"), datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    assert list(register.ids()) == []
    register.add(["a", "b"], now)
    assert register.path.read_text().splitlines()[0] == '{"id": "a", "at": "2027-01-01T00:00:00.000000Z"}'
    whole = register.path.read_bytes()
    for end in range(len(whole)):
        register.path.write_bytes(whole[:end])
        before = list(register.ids())
        assert before == ["a", "b"][: len(before)]
        register.add(["c"], now)
        assert list(register.ids()) == [*before, "c"]
    assert register.path.stat().st_mode & 0o077 == 0


async def test_the_register_is_written_before_the_commit(harness: RetentionHarness, monkeypatch: Any) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY

    def full(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(ErasureRegister, "enter", full)
    with pytest.raises(OSError):  # noqa: PT011  # any will do
        await erase(harness.world.services, harness.places)
    assert [row.id for row in await harness.rows(ACCOUNTS)] == [id]


# ---------------------------------------------------------------- the table of traces


def test_every_column_that_can_name_a_person_has_an_erasure_rule() -> None:
    """A new table fails this until its rows go with their person, or it says why they need not."""
    bare = []
    for table in METADATA.tables.values():
        known = {*ERASURE_RULES.get(table, {}), *([OWNER_COLUMNS[table].name, "id"] if table in OWNER_COLUMNS else [])}
        for column in table.columns:
            names = HOLDS in column.info or "opaque" in column.info[IMPERSONAL] or column.name.endswith("_id")
            # free text that somebody wrote; what goes with its row needs no fate of its own
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
    accepted = endpoint.authenticated

    async def meanwhile(*given: Any) -> Any:
        caller = await accepted(*given)
        assert (await RetentionRun(harness.world.services, harness.places.register).act())["accounts"] == 1
        return caller

    monkeypatch.setattr(endpoint, "authenticated", meanwhile)
    assert codes(await harness.world.ask(document, token)) == ["UNAUTHENTICATED"]


# ---------------------------------------------------------------- the command


async def test_the_command_counts_and_then_deletes(harness: RetentionHarness, tmp_path: Path) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    harness.clock.at -= 31 * DAY
    await harness.request_erasure(id)
    url, register = harness.world.services.database.url, str(tmp_path / "there" / "register")
    counted = consentql(url, "retention", "--dry-run", "--json", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert counted.returncode == 0, counted.stderr
    assert await harness.count(ACCOUNTS) == 1
    assert list(ErasureRegister(Path(register)).ids()) == []
    done = consentql(url, "retention", "--json", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert (done.returncode, json.loads(done.stdout)) == (0, json.loads(counted.stdout)), done.stderr
    assert json.loads(done.stdout)["accounts"] == 1
    assert list(json.loads(done.stdout)) == ["erased_again", "held_back", *RecordKind]
    assert list(ErasureRegister(Path(register)).ids()) == [id]
    assert "retention: 100 %" in done.stderr
    again = consentql(url, "retention", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register)
    assert (again.returncode, "accounts: 0" in again.stdout) == (0, True)
    assert consentql(url, "verify-log", cwd=tmp_path).returncode == 0


async def test_without_a_register_nothing_is_erased(harness: RetentionHarness, tmp_path: Path) -> None:
    (id,) = await harness.world.store_people(line("p@example.org"))
    harness.clock.at -= 31 * DAY
    await harness.request_erasure(id)
    (tmp_path / "file").touch()
    register = str(tmp_path / "file" / "register")
    url = harness.world.services.database.url
    assert consentql(url, "retention", cwd=tmp_path, CONSENTQL_ERASURE_REGISTER=register).returncode == 2
    assert await harness.count(ACCOUNTS) == 1


async def test_the_second_factor_and_the_password_are_erased(harness: RetentionHarness) -> None:
    id, mine = await harness.world.member("p@example.org", password=STRONG)
    await enrol_authenticator(harness.world, mine)
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    assert (await harness.run())["accounts"] == 1
    for table in OWNER_COLUMNS:
        assert await harness.count(table) == 0, table


async def test_a_new_demonstration_does_not_reuse_erased_ids(
    database: Database, second_url: str, tmp_path: Path
) -> None:
    register = {"CONSENTQL_ERASURE_REGISTER": str(tmp_path / "register")}
    assert consentql(database.url, "demo", "--users", "40", cwd=tmp_path, **register).returncode == 0
    grace = register | {"CONSENTQL_ERASURE_GRACE": "1s"}
    async with database.writing() as connection:
        long_ago = update(ACCOUNTS).values(leaving_since=datetime(2026, 1, 1, tzinfo=UTC))
        await connection.execute(long_ago.where(ACCOUNTS.c.email == "member@demo.example.org"))
    gone = json.loads(consentql(database.url, "retention", "--json", cwd=tmp_path, **grace).stdout)
    assert gone["accounts"] > 0
    assert consentql(second_url, "demo", "--users", "40", cwd=tmp_path, **register).returncode == 0
    due = json.loads(consentql(second_url, "retention", "--dry-run", "--json", cwd=tmp_path, **register).stdout)
    assert due["erased_again"] == 0

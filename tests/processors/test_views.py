"""A processor is shown its own columns of those who let it, in its own view alone, and is told what to forget."""

import asyncio
import csv
import io
import json
import random
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from sqlalchemy import func, select, update

from app.operations.backlog import measure_withdrawals
from models.database import Database
from models.logs.ledger import LEDGER
from models.tables import ACCESS_TOKENS, ACCOUNTS, CHAIN_HEADS, OBJECTIONS, PROCESSOR_VIEWS, WITHDRAWALS
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from resolvers.ledger import write_disclosures
from resolvers.processors import withdrawals
from schema.build import build
from tests import expectation
from tests.expectation import (
    BITS,
    CELLS,
    FIELDS,
    NO_FIELDS,
    PROCESSORS,
    Circumstances,
)
from tests.serving import consentql, serving
from tests.statements import recorded_statements
from tests.world import GRAPHQL_NAMES, PASSWORD, World, codes, line

UNKNOWN = "0" * 32
REASON = "to answer a question"
VIEW_TYPES = {
    "INTERCOM": ("IntercomView", "contacts", "IntercomContact"),
    "MANDRILL": ("MandrillView", "recipients", "MandrillRecipient"),
    "MAILCHIMP": ("MailchimpView", "subscribers", "MailchimpSubscriber"),
    "GOOGLE_ANALYTICS": ("GoogleAnalyticsView", "visitors", "GoogleAnalyticsVisitor"),
}
COLUMNS = {
    "INTERCOM": ("EMAIL", "FIRST_NAME"),
    "MANDRILL": ("EMAIL", "FIRST_NAME", "LAST_NAME"),
    "MAILCHIMP": ("EMAIL",),
    "GOOGLE_ANALYTICS": ("IP_ADDRESS",),
}
"""The first one is the key: whoever has none of it to show is no row."""

NAMES = {
    "INTERCOM": "Intercom",
    "MANDRILL": "Mandrill",
    "MAILCHIMP": "Mailchimp",
    "GOOGLE_ANALYTICS": "Google Analytics",
}
WITHDRAWAL = "id userId fields withdrawnAt dueAt acknowledgedAt"
WITHDRAWALS_OF = f"""query ($first: Int, $after: String) {{ processorWithdrawals(first: $first, after: $after) {{
  edges {{ cursor node {{ {WITHDRAWAL} }} }} pageInfo {{ hasNextPage }} }} }}"""
ACKNOWLEDGE = "mutation ($ids: [ID!]!) { acknowledgeWithdrawals(ids: $ids) }"
STATE = "processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt"
STATES = f"{{ me {{ processors {{ {STATE} }} }} }}"
OBJECT = f"""mutation ($p: Processor!) {{ objectToProcessor(processor: $p) {{
  ... on ObjectionChanged {{ processor {{ {STATE} }} }} }} }}"""
ALLOW = f"""mutation ($p: Processor!) {{ withdrawObjection(processor: $p) {{
  ... on ObjectionChanged {{ processor {{ {STATE} }} }} }} }}"""
GRANT = """mutation ($v: String!, $p: Purpose = SOCIAL) { grantConsent(purpose: $p, policyVersion: $v) {
  __typename ... on ConsentChanged { consents { purpose granted } } ... on Refusal { code } } }"""
WITHDRAW = "mutation ($p: Purpose = SOCIAL) { withdrawConsent(purpose: $p) { __typename } }"
LOGIN = """mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) {
  ... on SignedIn { accessToken } ... on Refusal { code } } }"""
ISSUE = """mutation ($p: Processor!, $until: DateTime!) { issueProcessorToken(processor: $p, expiresAt: $until) {
  __typename ... on RoleToken { id token role processor expiresAt } ... on Refusal { code field } } }"""
APPROVE = "mutation ($id: ID!) { approveProcessorToken(id: $id) }"
WHO = "{ viewer { role processor user { id } session { id } expiresAt } }"


def document(processor: str, columns: tuple[str, ...] | None = None) -> str:
    """A view that asks for these columns, for all of the processor's own unless told otherwise."""
    view, rows, _ = VIEW_TYPES[processor]
    names = " ".join(GRAPHQL_NAMES[column] for column in (COLUMNS[processor] if columns is None else columns))
    return f"""mutation ($ids: [ID!]!, $reason: String!) {{
      openProcessorView(input: {{userIds: $ids, reason: $reason}}) {{
        __typename ... on ProcessorView {{ id processor openedAt reason withheld }}
      ... on {view} {{ {rows} {{ userId {names} }} }} ... on Refusal {{ code field }} }} }}"""


@dataclass
class Trade:
    """A subject, and a working token of every processor."""

    world: World
    subject: str
    mine: str
    tokens: dict[str, str]

    async def view(
        self, processor: str, *ids: str, columns: tuple[str, ...] | None = None, reason: str = REASON
    ) -> Any:
        """One view, of the subject unless told otherwise."""
        asked = {"ids": list(ids or (self.subject,)), "reason": reason}
        answer = await self.world.data(document(processor, columns), self.tokens[processor], asked)
        return answer["openProcessorView"]

    async def rows(self, processor: str, *ids: str, columns: tuple[str, ...] | None = None) -> list[Any]:
        """The rows of one view."""
        rows: list[Any] = (await self.view(processor, *ids, columns=columns))[VIEW_TYPES[processor][1]]
        return rows

    async def due(self, processor: str) -> list[Any]:
        """What the processor has still to forget."""
        answer = await self.world.data(WITHDRAWALS_OF, self.tokens[processor], {"first": 100})
        return [edge["node"] for edge in answer["processorWithdrawals"]["edges"]]

    async def acknowledge(self, processor: str, *ids: str) -> int:
        """How many are acknowledged now."""
        answer = await self.world.data(ACKNOWLEDGE, self.tokens[processor], {"ids": list(ids)})
        return int(answer["acknowledgeWithdrawals"])

    async def forget(self, processor: str) -> None:
        """Everything that is due is acknowledged."""
        await self.acknowledge(processor, *(each["id"] for each in await self.due(processor)))

    async def state(self, processor: str, token: str | None = None) -> Any:
        """What the subject is told of one processor."""
        states = (await self.world.data(STATES, token or self.mine))["me"]["processors"]
        assert [each["processor"] for each in states] == list(PROCESSORS)
        return next(each for each in states if each["processor"] == processor)

    async def act(self, act: str, processor: str | None = None, token: str | None = None) -> Any:
        """The subject does something."""
        variables = {"p": processor} if processor else {"v": current_version().name} if act == GRANT else {}
        return next(iter((await self.world.data(act, token or self.mine, variables)).values()))

    def clock_goes_on(self, **span: float) -> None:
        """Everything that happens from now on happens so much later."""
        now = self.world.services.now
        self.world.services.now = lambda: now() + timedelta(**span)


@pytest.fixture
async def trade(world: World) -> Trade:
    """Everyone whom a view takes."""
    subject, mine = await world.member("subject@example.org")
    tokens = {each: await world.token(Role.PROCESSOR, processor=Processor(each)) for each in PROCESSORS}
    return Trade(world, subject, mine, tokens)


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    """An answer but for what differs each time."""
    return {name: value for name, value in answer.items() if name not in names}


def bits(*fields: str) -> int:
    """Fields as they are stored."""
    return sum(BITS[each] for each in fields)


# ---------------------------------------------------------------- a token takes two persons


@dataclass
class Desk:
    """A person of OPERATIONS and one of COMPLIANCE."""

    world: World
    operations: str
    compliance: str

    async def issued(self, token: str | None = None, processor: str = "MAILCHIMP", **span: float) -> Any:
        """A token issued through the API."""
        until = (self.world.services.now() + timedelta(**(span or {"hours": 1}))).isoformat()
        answer = await self.world.data(ISSUE, token or self.operations, {"p": processor, "until": until})
        return answer["issueProcessorToken"]

    async def approve(self, id: str, token: str | None = None) -> bool:
        """Whether it is approved now."""
        answer = await self.world.data(APPROVE, token or self.compliance, {"id": id})
        return bool(answer["approveProcessorToken"])

    async def works(self, token: str) -> bool:
        """Whether a token stands for anybody."""
        response = await self.world.post(WHO, token)
        assert response.status_code in (200, 401)
        return response.status_code == 200


@pytest.fixture
async def desk(world: World) -> Desk:
    """Both persons whom a token takes."""
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    compliance = await world.token(Role.COMPLIANCE, await world.person("compliance@example.org"))
    return Desk(world, operations, compliance)


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_a_token_works_once_another_person_has_approved_it(desk: Desk, processor: str) -> None:
    issued = await desk.issued(processor=processor)
    assert (issued["role"], issued["processor"]) == ("PROCESSOR", processor)
    refused = await desk.world.post(WHO, issued["token"])
    assert (refused.status_code, codes(refused.json())) == (401, ["UNAUTHENTICATED"])
    assert await desk.approve(issued["id"]) is True
    assert (await desk.world.data(WHO, issued["token"]))["viewer"] == {
        "role": "PROCESSOR",
        "processor": processor,
        "user": None,
        "session": None,
        "expiresAt": issued["expiresAt"],
    }


async def test_nobody_approves_a_token_that_they_issued_whatever_other_token_they_hold(desk: Desk) -> None:
    world, both = desk.world, await desk.world.person("both@example.org")
    operations, compliance = await world.token(Role.OPERATIONS, both), await world.token(Role.COMPLIANCE, both)
    issued = await desk.issued(operations)
    for _ in range(2):
        answer = await world.ask(APPROVE, compliance, {"id": issued["id"]})
        assert (answer["data"], codes(answer)) == ({"approveProcessorToken": None}, ["BAD_USER_INPUT"])
        assert answer["errors"][0]["extensions"]["argument"] == "id"
        assert not await desk.works(issued["token"])
    assert await desk.approve(issued["id"])
    assert await desk.works(issued["token"])


async def test_approving_answers_true_when_it_is_done_and_false_where_there_is_nothing_to_approve(desk: Desk) -> None:
    world = desk.world
    person = await world.person("p@example.org")
    await world.token(Role.MEMBER, person)
    await world.token(Role.SUPPORT, person)
    issued, revoked, over = await desk.issued(), await desk.issued(), await desk.issued(seconds=1)
    async with world.services.database.reading() as connection:
        others = select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.role != "PROCESSOR")
        ids = list((await connection.execute(others)).scalars())
    revoke = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
    await world.data(revoke, desk.operations, {"id": revoked["id"]})
    now = world.services.now
    world.services.now = lambda: now() + timedelta(seconds=1)
    for id in (UNKNOWN, "", "nothing", "a\0b", revoked["id"], over["id"], *ids):
        assert await desk.approve(id) is False, id
    for token in (revoked["token"], over["token"]):
        assert not await desk.works(token)
    assert await desk.approve(issued["id"]) is True
    third = await world.token(Role.COMPLIANCE, await world.person("third@example.org"))
    kept = select(ACCESS_TOKENS.c.approved_at, ACCESS_TOKENS.c.approved_by).where(ACCESS_TOKENS.c.id == issued["id"])
    async with world.services.database.reading() as connection:
        before = (await connection.execute(kept)).one()
    assert await desk.approve(issued["id"], third) is True, "already so"
    async with world.services.database.reading() as connection:
        assert (await connection.execute(kept)).one() == before


async def test_a_token_is_issued_for_ninety_days_at_most_and_ends_when_it_says(desk: Desk) -> None:
    moment = desk.world.services.now()
    desk.world.services.now = lambda: moment
    assert (await desk.issued(days=90))["__typename"] == "RoleToken"
    for span in ({"days": 90, "microseconds": 1}, {"days": 0, "seconds": 0}, {"seconds": -1}, {"days": 4000}):
        assert await desk.issued(**span) == {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "expiresAt"}
    issued = await desk.issued(minutes=5)
    await desk.approve(issued["id"])
    assert await desk.works(issued["token"])
    desk.world.services.now = lambda: moment + timedelta(minutes=5)
    assert not await desk.works(issued["token"])


# ---------------------------------------------------------------- what a view shows


@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_view_has_its_processors_own_columns_and_no_other(processor: str) -> None:
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


NULLS = tuple(frozenset(nulls) for size in range(4) for nulls in combinations(("firstName", "lastName", "ip"), size))
STANDINGS = ((), ("SOCIAL",), ("EXPANSION",), ("SOCIAL", "EXPANSION"))
HIDINGS = (NO_FIELDS, frozenset(FIELDS))
OBJECTIONS_TO = ((), *((each,) for each in PROCESSORS), PROCESSORS)


@dataclass(frozen=True)
class Person:
    """All of a subject that a view depends on."""

    place: int
    standing: tuple[str, ...]
    verified: bool
    hidden: frozenset[str]
    objected: tuple[str, ...]
    nulls: frozenset[str]

    def settled(self) -> dict[str, Any]:
        """This person as a line of an import."""
        profile = {name: self.values()[column] for name, column in NAMED.items() if name not in self.nulls}
        ip = None if "ip" in self.nulls else f"90.190.{self.place % 200}.7"
        return line(
            f"s{self.place}@example.org",
            self.standing,
            emailVerified=self.verified,
            hidden=sorted(self.hidden),
            profile=profile,
            ipAddress=ip,
        )

    def values(self) -> dict[str, Any]:
        """What is stored of them."""
        values: dict[str, Any] = {
            "EMAIL": f"s{self.place}@example.org",
            "FIRST_NAME": f"Amara{self.place}",
            "LAST_NAME": f"Okonkwo{self.place}",
            "IP_ADDRESS": f"90.190.{self.place % 200}.7",
        }
        return values | {column: None for name, column in {**NAMED, "ip": "IP_ADDRESS"}.items() if name in self.nulls}

    def row(self, processor: str, id: str) -> dict[str, Any] | None:
        """The row that a processor is to be shown, or None."""
        circumstances = Circumstances(
            frozenset(self.standing), self.hidden, unverified=not self.verified, objected=processor in self.objected
        )
        seen, values, columns = (
            expectation.decision(processor, circumstances),
            self.values(),
            COLUMNS[processor],
        )
        if seen is None or seen[columns[0]] is not None or values[columns[0]] is None:
            return None
        return {"userId": id, **{GRAPHQL_NAMES[c]: values[c] if seen[c] is None else None for c in columns}}

    def disclosed(self, processor: str) -> int:
        """The fields that the ledger is to hold, empty ones too."""
        return bits(*(c for c in COLUMNS[processor] if CELLS[c][processor] in ("SERVICE", *self.standing)))


NAMED = {"firstName": "FIRST_NAME", "lastName": "LAST_NAME"}
PEOPLE = tuple(
    Person(place, *state)
    for place, state in enumerate(product(STANDINGS, (True, False), HIDINGS, OBJECTIONS_TO, NULLS))
)


async def test_a_view_shows_what_each_subject_lets_it_in_the_order_asked_and_counts_the_others(world: World) -> None:
    ids = await world.store_people(*(person.settled() for person in PEOPLE))
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


async def test_whatever_withholds_a_subject_the_answer_and_the_work_are_the_same(trade: Trade) -> None:
    """Unknown, unverified, objected, asked to be forgotten: one number, and as many statements."""
    world = trade.world
    unverified = await world.person("unverified@example.org", emailVerified=False)
    objected, theirs = await world.member("objected@example.org")
    owed, owing = await world.member("owed@example.org")
    for processor in PROCESSORS:
        await trade.act(OBJECT, processor, theirs)
        await trade.rows(processor, owed)
    await trade.act(WITHDRAW, token=owing)
    await trade.act(GRANT, token=owing)
    for processor in PROCESSORS:
        told = []
        for id in (UNKNOWN, unverified, objected, owed, "nobody", "a\0b"):
            async with recorded_statements(world.services.database) as sent:
                view = await trade.view(processor, id)
            assert view["withheld"] == 1
            assert view[VIEW_TYPES[processor][1]] == []
            told.append((without(view, "id", "openedAt"), len(sent)))
        assert all(each == told[0] for each in told), processor


async def test_the_number_of_statements_does_not_depend_on_the_number_of_subjects(trade: Trade) -> None:
    ids = await trade.world.store_people(*(line(f"s{number}@example.org") for number in range(1000)))
    for processor in PROCESSORS:
        await trade.view(processor)  # the first use of a token is noted, which is a write
        numbers = []
        for upto in (1, 1000):
            async with recorded_statements(trade.world.services.database) as sent:
                assert len(await trade.rows(processor, *ids[:upto])) == upto
            numbers.append(len(sent))
        assert numbers[0] == numbers[1], processor


async def test_a_view_holds_one_to_a_thousand_different_ids(trade: Trade) -> None:
    ids = [f"{number:032x}" for number in range(1001)]
    refused = {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "input.userIds"}
    nobody = {"ids": [], "reason": REASON}
    answer = await trade.world.data(document("MAILCHIMP"), trade.tokens["MAILCHIMP"], nobody)
    assert answer["openProcessorView"] == refused
    assert await trade.view("MAILCHIMP", *ids) == refused
    assert (await trade.view("MAILCHIMP", *ids[:1000]))["withheld"] == 1000
    assert (await trade.view("MAILCHIMP", *ids[:1000], *ids[:300]))["withheld"] == 1000, "duplicates count once"
    view = await trade.view("MAILCHIMP", *[trade.subject] * 3)
    assert (len(view["subscribers"]), view["withheld"]) == (1, 0)
    async with trade.world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(PROCESSOR_VIEWS))).scalar_one() == 3


@pytest.mark.parametrize("reason", ["abc", "x" * 300, "  because  ", "ä" * 3])
async def test_a_reason_is_kept_as_it_is_given(trade: Trade, reason: str) -> None:
    view = await trade.view("INTERCOM", reason=reason)
    assert view["reason"] == reason.strip()
    newest = "{ me { disclosures(first: 1) { edges { node { audience recipient fields reason } } } } }"
    (edge,) = (await trade.world.data(newest, trade.mine))["me"]["disclosures"]["edges"]
    assert edge["node"] == {
        "audience": "INTERCOM",
        "recipient": "Intercom",
        "fields": ["EMAIL", "FIRST_NAME"],
        "reason": reason.strip(),
    }


@pytest.mark.parametrize("reason", ["", "ab", "   ab   ", "x" * 301, "a\0bc", "x" * 100_000])
async def test_a_view_without_a_proper_reason_shows_nothing(trade: Trade, reason: str) -> None:
    response = await trade.world.post(
        document("INTERCOM"), trade.tokens["INTERCOM"], {"ids": [trade.subject], "reason": reason}
    )
    assert "subject@example.org" not in response.text
    if len(reason) < 60_000:
        refused = response.json()["data"]["openProcessorView"]
        assert refused == {"__typename": "Refusal", "code": "INVALID_INPUT", "field": "input.reason"}
    async with trade.world.services.database.reading() as connection:
        for table in (PROCESSOR_VIEWS, LEDGER):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_one_document_serves_every_processor_and_shows_each_its_own_columns(trade: Trade) -> None:
    both = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "a reason"}) { __typename
      ... on IntercomView { contacts { email } } ... on MandrillView { recipients { lastName named: lastName } }
      ... on GoogleAnalyticsView { visitors { ipAddress } } } }"""
    data = await trade.world.data(both, trade.tokens["INTERCOM"], {"ids": [trade.subject]})
    assert data["openProcessorView"] == {"__typename": "IntercomView", "contacts": [{"email": "subject@example.org"}]}
    assert (await trade.state("INTERCOM"))["fields"] == ["EMAIL"]


async def test_a_processors_token_reaches_its_view_and_its_withdrawals_and_nothing_else(trade: Trade) -> None:
    world = trade.world
    await trade.rows("MAILCHIMP")
    await trade.act(WITHDRAW)
    (due,) = await trade.due("MAILCHIMP")
    me = (await world.data("{ me { id sessions { id } disclosures { edges { node { id } } } } }", trade.mine))["me"]
    others = [trade.subject, me["id"], me["sessions"][0]["id"], me["disclosures"]["edges"][0]["node"]["id"], UNKNOWN]
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for processor, token in trade.tokens.items():
        for id in others:
            assert (await world.data(node, token, {"id": id}))["node"] is None
        found = (await world.data(node, token, {"id": due["id"]}))["node"]
        assert found == ({"__typename": "Withdrawal", "id": due["id"]} if processor == "MAILCHIMP" else None)
        answer = await world.ask("query ($id: ID!) { user(id: $id) { id } }", token, {"id": trade.subject})
        assert (answer["data"], codes(answer)) == ({"user": None}, ["FORBIDDEN"])
    await trade.forget("MAILCHIMP")
    assert (await world.data(node, trade.tokens["MAILCHIMP"], {"id": due["id"]}))["node"] is None


# ---------------------------------------------------------------- what is to be forgotten

SHOWN = tuple(
    (processor, columns)
    for processor in PROCESSORS
    for columns in chain.from_iterable(combinations(COLUMNS[processor], n) for n in range(len(COLUMNS[processor]) + 1))
)


@pytest.mark.parametrize("going", ["withdrawn", "objected"])
async def test_exactly_what_a_processor_was_shown_and_now_loses_is_to_be_forgotten(trade: Trade, going: str) -> None:
    """By every set of columns that a processor can ask for; whoever was shown nothing of it is not told."""
    world = trade.world
    ids = await world.store_people(*(line(f"s{place}@example.org") for place in range(len(SHOWN))))
    expected: dict[str, list[Any]] = {processor: [] for processor in PROCESSORS}
    for id, (processor, columns) in zip(ids, SHOWN, strict=True):
        token = await world.token(holder=id)
        assert len(await trade.rows(processor, id, columns=columns)) == 1
        if going == "withdrawn":
            await trade.act(WITHDRAW, token=token)
            lost = [column for column in columns if CELLS[column][processor] == "SOCIAL"]
        else:
            for each in PROCESSORS:
                await trade.act(OBJECT, each, token)
            lost = list(columns)
        if lost:
            expected[processor].append({"userId": id, "fields": lost})
    for processor in PROCESSORS:
        due = await trade.due(processor)
        assert [{"userId": each["userId"], "fields": each["fields"]} for each in due] == expected[processor]


async def test_a_processor_that_was_shown_a_subject_without_consent_is_not_told_when_it_goes(trade: Trade) -> None:
    id, token = await trade.world.member("p@example.org", ())
    assert await trade.rows("INTERCOM", id) == [{"userId": id, "email": "p@example.org", "firstName": None}]
    await trade.act(GRANT, token=token)
    await trade.act(WITHDRAW, token=token)
    assert await trade.due("INTERCOM") == []
    await trade.world.data(WITHDRAW, token, {"p": "EXPANSION"})
    for processor in PROCESSORS:
        assert await trade.due(processor) == []


async def test_withdrawals_come_oldest_first_until_they_are_acknowledged_and_are_due_in_three_days(
    trade: Trade,
) -> None:
    world = trade.world
    members = [await world.member(f"p{number}@example.org") for number in range(5)]
    await trade.rows("MAILCHIMP", *(id for id, _ in members))
    for _, token in members[::-1]:
        await trade.act(WITHDRAW, token=token)
    due = await trade.due("MAILCHIMP")
    assert [each["userId"] for each in due] == [id for id, _ in members[::-1]]
    for each in due:
        since, until = (datetime.fromisoformat(each[name]) for name in ("withdrawnAt", "dueAt"))
        assert until - since == timedelta(hours=72)
        assert each["acknowledgedAt"] is None
    assert await trade.due("MAILCHIMP") == due, "told again"
    token, page = trade.tokens["MAILCHIMP"], {"first": 2}
    answer = (await world.data(WITHDRAWALS_OF, token, page))["processorWithdrawals"]
    assert [edge["node"] for edge in answer["edges"]] == due[:2]
    assert answer["pageInfo"]["hasNextPage"] is True
    after = {"first": 100, "after": answer["edges"][1]["cursor"]}
    assert await trade.acknowledge("MAILCHIMP", *(each["id"] for each in due[:2])) == 2
    rest = (await world.data(WITHDRAWALS_OF, token, after))["processorWithdrawals"]
    assert [edge["node"] for edge in rest["edges"]] == due[2:], "a cursor whose row has gone still pages"
    assert await trade.due("MAILCHIMP") == due[2:]


async def test_a_cursor_belongs_to_its_processor(trade: Trade) -> None:
    for processor in ("INTERCOM", "MAILCHIMP"):
        await trade.rows(processor)
    await trade.act(WITHDRAW)
    answer = await trade.world.data(WITHDRAWALS_OF, trade.tokens["MAILCHIMP"])
    after = {"after": answer["processorWithdrawals"]["edges"][0]["cursor"]}
    again = await trade.world.token(Role.PROCESSOR, processor=Processor.MAILCHIMP)
    assert "errors" not in await trade.world.ask(WITHDRAWALS_OF, again, after)
    assert codes(await trade.world.ask(WITHDRAWALS_OF, trade.tokens["INTERCOM"], after)) == ["INVALID_CURSOR"]


async def test_acknowledging_is_idempotent_and_counts_ones_own_alone(trade: Trade) -> None:
    await trade.rows("MAILCHIMP")
    await trade.rows("INTERCOM")
    await trade.act(WITHDRAW)
    (mine,), (theirs,) = await trade.due("MAILCHIMP"), await trade.due("INTERCOM")
    assert await trade.acknowledge("MAILCHIMP") == 0
    assert await trade.acknowledge("MAILCHIMP", theirs["id"], UNKNOWN, "", "a\0b", trade.subject) == 0
    assert await trade.due("INTERCOM") == [theirs]
    assert await trade.acknowledge("MAILCHIMP", mine["id"], mine["id"], theirs["id"], UNKNOWN) == 1
    acknowledged = (await trade.state("MAILCHIMP"))["erasureAcknowledgedAt"]
    assert acknowledged is not None
    assert await trade.acknowledge("MAILCHIMP", mine["id"]) == 1, "already so"
    assert (await trade.state("MAILCHIMP"))["erasureAcknowledgedAt"] == acknowledged
    assert (await trade.due("MAILCHIMP"), await trade.due("INTERCOM")) == ([], [theirs])


async def test_a_hundred_different_ids_are_acknowledged_at_a_time(trade: Trade) -> None:
    ids = [f"{number:032x}" for number in range(101)]
    assert await trade.acknowledge("MAILCHIMP", *ids[:100]) == 0
    assert await trade.acknowledge("MAILCHIMP", *ids[:100], *ids[:50]) == 0, "duplicates count once"
    answer = await trade.world.ask(ACKNOWLEDGE, trade.tokens["MAILCHIMP"], {"ids": ids})
    assert (answer["data"], codes(answer)) == ({"acknowledgeWithdrawals": None}, ["BAD_USER_INPUT"])


async def test_a_subject_is_cut_from_the_processor_that_owes_and_from_no_other_until_it_acknowledges(
    trade: Trade,
) -> None:
    await trade.rows("INTERCOM")
    await trade.act(WITHDRAW)
    await trade.act(GRANT)
    (due,) = await trade.due("INTERCOM")
    assert (await trade.view("INTERCOM"))["withheld"] == 1
    for processor in ("MANDRILL", "MAILCHIMP", "GOOGLE_ANALYTICS"):
        assert len(await trade.rows(processor)) == 1
    assert await trade.due("INTERCOM") == [due], "a later grant does not take it back"
    await trade.acknowledge("INTERCOM", due["id"])
    whole = {"userId": trade.subject, "email": "subject@example.org", "firstName": "Amara"}
    assert await trade.rows("INTERCOM") == [whole]
    await trade.act(WITHDRAW)
    assert (await trade.view("INTERCOM"))["withheld"] == 1
    (again,) = await trade.due("INTERCOM")
    assert (again["fields"], again["id"] == due["id"]) == (["FIRST_NAME"], False), "a new showing, a new row"
    await trade.forget("INTERCOM")
    assert await trade.rows("INTERCOM") == [{**whole, "firstName": None}], "what SERVICE allows is shown again"
    await trade.act(GRANT)
    await trade.act(WITHDRAW)
    assert await trade.due("INTERCOM") == [], "what was forgotten and not shown again is not asked for again"


async def test_an_acknowledgement_forgets_what_its_row_names_and_no_more(trade: Trade) -> None:
    await trade.rows("INTERCOM")
    await trade.act(WITHDRAW)
    await trade.forget("INTERCOM")
    assert (await trade.state("INTERCOM"))["fields"] == ["EMAIL"]
    await trade.act(OBJECT, "INTERCOM")
    assert [each["fields"] for each in await trade.due("INTERCOM")] == [["EMAIL"]]


@pytest.mark.parametrize("behind", ["the view", "the withdrawal"])
async def test_a_clock_that_is_behind_leaves_no_copy_without_an_order_to_forget_it(trade: Trade, behind: str) -> None:
    """Two machines never agree on the time: which came first is told by the records, not by the clocks."""
    now = trade.world.services.now
    late = {"the view": lambda: now() - timedelta(minutes=5), "the withdrawal": now}[behind]
    later = {"the view": now, "the withdrawal": lambda: now() - timedelta(minutes=5)}[behind]
    trade.world.services.now = late
    await trade.rows("MAILCHIMP")
    for _ in range(3):
        trade.world.services.now = later
        await trade.act(WITHDRAW)
        assert len(await trade.due("MAILCHIMP")) == 1
        assert (await trade.state("MAILCHIMP"))["fields"] == ["EMAIL"]
        await trade.forget("MAILCHIMP")
        assert (await trade.state("MAILCHIMP"))["fields"] == []
        await trade.act(GRANT)
        trade.world.services.now = late
        assert len(await trade.rows("MAILCHIMP")) == 1
        assert (await trade.state("MAILCHIMP"))["fields"] == ["EMAIL"]


async def test_the_subject_is_told_what_each_processor_was_given_and_where_it_stands(trade: Trade) -> None:
    nothing = dict.fromkeys(("objectedAt", "lastDisclosedAt", "erasureAskedAt", "erasureAcknowledgedAt"))
    for processor in PROCESSORS:
        assert await trade.state(processor) == {"processor": processor, "fields": [], **nothing}
    opened = (await trade.view("MANDRILL", columns=("EMAIL", "LAST_NAME")))["openedAt"]
    given = {"processor": "MANDRILL", "fields": ["EMAIL", "LAST_NAME"], **nothing, "lastDisclosedAt": opened}
    assert await trade.state("MANDRILL") == given
    await trade.act(WITHDRAW)
    (due,) = await trade.due("MANDRILL")
    asked = {**given, "erasureAskedAt": due["withdrawnAt"]}
    assert await trade.state("MANDRILL") == asked, "still held until it says that it forgets"
    await trade.acknowledge("MANDRILL", due["id"])
    forgotten = await trade.state("MANDRILL")
    assert forgotten["fields"] == ["EMAIL"]
    assert without(forgotten, "fields", "erasureAcknowledgedAt") == without(asked, "fields", "erasureAcknowledgedAt")
    assert forgotten["erasureAcknowledgedAt"] > due["withdrawnAt"]
    objected = (await trade.act(OBJECT, "MANDRILL"))["processor"]
    assert objected == await trade.state("MANDRILL")
    assert objected["objectedAt"] > forgotten["erasureAcknowledgedAt"]
    assert (objected["erasureAskedAt"], objected["erasureAcknowledgedAt"]) == (objected["objectedAt"], None)
    _, other = await trade.world.member("other@example.org")
    assert await trade.state("MANDRILL", other) == {"processor": "MANDRILL", "fields": [], **nothing}


# ---------------------------------------------------------------- objections


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_objection_outranks_every_grant_and_import_until_the_subject_lifts_it(
    trade: Trade, processor: str, tmp_path: Path
) -> None:
    world = trade.world
    first = (await trade.act(OBJECT, processor))["processor"]
    trade.clock_goes_on(minutes=1)
    assert (await trade.act(OBJECT, processor))["processor"] == first, "objecting again changes nothing"
    await trade.act(WITHDRAW)
    await trade.act(GRANT)
    if processor == "MAILCHIMP":
        file = tmp_path / "users.jsonl"
        file.write_text(json.dumps(line("subject@example.org")) + "\n")
        assert "1 already present" in consentql(world.services.database.url, "import", str(file), cwd=tmp_path).stderr
    _, other = await world.member("other@example.org")
    await trade.act(ALLOW, processor, other)
    assert (await trade.view(processor))["withheld"] == 1
    for each in PROCESSORS:
        assert len(await trade.rows(each)) == (0 if each == processor else 1)
    lifted = (await trade.act(ALLOW, processor))["processor"]
    assert lifted["objectedAt"] is None
    assert (await trade.act(ALLOW, processor))["processor"] == lifted, "and so is lifting"
    assert len(await trade.rows(processor)) == 1
    async with world.services.database.reading() as connection:
        (row,) = (await connection.execute(select(OBJECTIONS))).all()
    assert (row.subject_id, row.processor, row.source) == (trade.subject, processor, "settings")
    assert row.withdrawn_at is not None
    assert (await trade.act(OBJECT, processor))["processor"]["objectedAt"] > first["objectedAt"]


async def test_lifting_an_objection_does_not_take_back_what_was_asked_to_be_forgotten(trade: Trade) -> None:
    await trade.rows("MAILCHIMP")
    await trade.act(OBJECT, "MAILCHIMP")
    (due,) = await trade.due("MAILCHIMP")
    await trade.act(ALLOW, "MAILCHIMP")
    assert await trade.due("MAILCHIMP") == [due]
    assert (await trade.view("MAILCHIMP"))["withheld"] == 1
    await trade.acknowledge("MAILCHIMP", due["id"])
    assert len(await trade.rows("MAILCHIMP")) == 1


async def with_signal(world: World, act: str, token: str | None, variables: Any, signal: str | None) -> Any:
    """A request of a browser that sends this `Sec-GPC`, or none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Sec-GPC": signal} if signal is not None else {}
    response = await world.client.post("/graphql", json={"query": act, "variables": variables}, headers=headers)
    answer = response.json()
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


async def objections(world: World) -> list[Any]:
    """Every objection that there is or was."""
    async with world.services.database.reading() as connection:
        rows = await connection.execute(select(OBJECTIONS).order_by(OBJECTIONS.c.objected_at))
        return [(row.processor, row.source, row.withdrawn_at is None) for row in rows]


@pytest.mark.parametrize("door", ["login", "grant"])
async def test_a_browser_that_opts_out_objects_to_google_analytics(world: World, door: str) -> None:
    id, mine = await world.member("subject@example.org", password=PASSWORD)
    analytics = await world.token(Role.PROCESSOR, processor=Processor.GOOGLE_ANALYTICS)
    trade = Trade(world, id, mine, {"GOOGLE_ANALYTICS": analytics})
    act, token, variables = {
        "login": (LOGIN, None, {"e": "subject@example.org", "p": PASSWORD}),
        "grant": (GRANT, mine, {"v": current_version().name}),
    }[door]
    for signal in (None, "", "0", "true", "01", "1, 1", "2", "1;q=1"):
        assert await with_signal(world, act, token, variables, signal)
        assert await objections(world) == [], signal
    assert len(await trade.rows("GOOGLE_ANALYTICS")) == 1
    assert await with_signal(world, act, token, variables, "1")
    assert await objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)]
    assert [each["fields"] for each in await trade.due("GOOGLE_ANALYTICS")] == [["IP_ADDRESS"]]
    await trade.forget("GOOGLE_ANALYTICS")
    for signal in ("1", None, "0"):
        assert await with_signal(world, act, token, variables, signal)
        assert await objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)], "its absence lifts nothing"
        assert (await trade.view("GOOGLE_ANALYTICS"))["withheld"] == 1
    await trade.act(ALLOW, "GOOGLE_ANALYTICS")
    assert await with_signal(world, act, token, variables, None)
    assert len(await trade.rows("GOOGLE_ANALYTICS")) == 1
    assert await with_signal(world, act, token, variables, "1")
    assert await objections(world) == [("GOOGLE_ANALYTICS", "gpc", False), ("GOOGLE_ANALYTICS", "gpc", True)]


async def test_a_signal_with_anything_else_and_with_what_is_refused_records_nothing(world: World) -> None:
    _, mine = await world.member("subject@example.org", ("EXPANSION",), password=PASSWORD)
    wrong = {"e": "subject@example.org", "p": "no"}
    assert await with_signal(world, LOGIN, None, wrong, "1") == {"code": "INVALID_CREDENTIALS"}
    assert (await with_signal(world, GRANT, mine, {"v": "2000-01-01"}, "1"))["code"] == "POLICY_VERSION_OUTDATED"
    assert (await with_signal(world, GRANT, mine, {"v": current_version().name, "p": "SERVICE"}, "1"))["code"]
    assert await with_signal(world, WITHDRAW, mine, {}, "1")
    assert await with_signal(world, STATES, mine, {}, "1")
    assert await objections(world) == []
    assert await with_signal(world, GRANT, mine, {"v": current_version().name, "p": "EXPANSION"}, "1")
    assert await objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)]


async def test_an_objection_of_ones_own_stays_ones_own_under_the_signal(trade: Trade) -> None:
    await trade.act(OBJECT, "GOOGLE_ANALYTICS")
    assert await with_signal(trade.world, GRANT, trade.mine, {"v": current_version().name}, "1")
    assert await objections(trade.world) == [("GOOGLE_ANALYTICS", "settings", True)]


# ---------------------------------------------------------------- who watches


async def gauges(world: World) -> dict[str, float]:
    """What is told of withdrawals to whoever watches."""
    await measure_withdrawals(world.services)
    text = (await world.client.get("/metrics")).text
    told = re.findall(r'^consentql_(withdrawals?_\w+)\{processor="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {f"{name} {processor}": float(value) for name, processor, value in told}


async def test_what_processors_have_not_acknowledged_is_told_with_the_age_of_the_oldest(trade: Trade) -> None:
    _, other = await trade.world.member("other@example.org")
    other_id = (await trade.world.data("{ me { user { id } } }", other))["me"]["user"]["id"]
    await trade.rows("MAILCHIMP", trade.subject, other_id)
    await trade.rows("INTERCOM")
    moment = trade.world.services.now()
    trade.world.services.now = lambda: moment
    await trade.act(WITHDRAW)
    trade.world.services.now = lambda: moment + timedelta(hours=1)
    await trade.act(WITHDRAW, token=other)
    trade.world.services.now = lambda: moment + timedelta(hours=3)
    waiting = {"INTERCOM": (1, 3), "MAILCHIMP": (2, 3), "MANDRILL": (0, 0), "GOOGLE_ANALYTICS": (0, 0)}

    def told() -> dict[str, float]:
        many = {f"withdrawals_outstanding {processor}": many for processor, (many, _) in waiting.items()}
        many |= {f"withdrawals_overdue {each}": 0 for each in waiting}
        return many | {f"withdrawal_oldest_seconds {each}": hours * 3600.0 for each, (_, hours) in waiting.items()}

    assert await gauges(trade.world) == told()
    await trade.acknowledge("MAILCHIMP", (await trade.due("MAILCHIMP"))[0]["id"])
    await trade.forget("INTERCOM")
    waiting |= {"INTERCOM": (0, 0), "MAILCHIMP": (1, 2)}
    assert await gauges(trade.world) == told()


async def test_oversight_names_what_is_overdue_and_who_stands_behind_each_pseudonym(
    trade: Trade, tmp_path: Path
) -> None:
    world = trade.world
    agent = await world.person("agent@example.org")
    await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    for processor in ("MAILCHIMP", "INTERCOM"):
        await trade.rows(processor)
    await trade.act(WITHDRAW)
    case = f'subjectId: "{trade.subject}", reference: "T", reason: "r", extent: [EMAIL]'
    support = await world.token(Role.SUPPORT, agent)
    await world.data(f"mutation {{ openSupportCase(input: {{{case}}}) {{ __typename }} }}", support)
    url = world.services.database.url
    done = consentql(url, "oversight", cwd=tmp_path)
    assert (done.returncode, "overdue" in done.stdout) == (0, False), "not before three days are over"
    async with world.services.database.writing() as connection:
        late = WITHDRAWALS.c.processor == "MAILCHIMP"
        await connection.execute(update(WITHDRAWALS).where(late).values(due_at=world.services.now()))
    lines = consentql(url, "oversight", cwd=tmp_path).stdout.splitlines()
    assert [each.split(" since")[0] for each in lines if "overdue" in each] == ["overdue: MAILCHIMP: 1 withdrawals"]
    assert "open cases without an agent: 1" in lines
    listed = (await world.data("{ staff { edges { node { id pseudonym } } } }", operations))["staff"]["edges"]
    names = {edge["node"]["id"]: edge["node"]["pseudonym"] for edge in listed}
    assert any(each.startswith(f"{names[agent]}: {agent}: SUPPORT from ") for each in lines)
    assert "@" not in "".join(lines), "no address is read that no entry of the ledger tells of"


# ---------------------------------------------------------------- exports by the operator

TRICKY = {
    "=1+1": "+1",
    "-1": "@here",
    'Al"ice, the first': "O'Neil",
    "Two\nlines": "a\r=HYPERLINK(1)",
    "Żółć": "李",
}


def parsed(processor: str, text: str) -> list[dict[str, Any]]:
    """The rows of an export as its importer reads them, named as the view names them."""
    if processor in ("INTERCOM", "GOOGLE_ANALYTICS"):
        names = {"external_id": "userId", "name": "firstName", "email": "email"}
        names |= {"user_id": "userId", "ip_address": "ipAddress"}
        return [{names[key]: value for key, value in json.loads(each).items()} for each in text.splitlines()]
    head = {"MAILCHIMP": "EMAIL,USERID", "MANDRILL": "EMAIL,FNAME,LNAME,USERID"}[processor]
    assert text.startswith(f"{head}\n")
    names = {"EMAIL": "email", "USERID": "userId", "FNAME": "firstName", "LNAME": "lastName"}
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(None not in row for row in rows), "no cell lies beyond the head"
    return [{names[key]: value for key, value in row.items()} for row in rows]


def as_exported(processor: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of the view as the export is to spell it."""
    if processor in ("INTERCOM", "GOOGLE_ANALYTICS"):
        return {key: value for key, value in row.items() if value is not None}
    spelt = {key: value or "" for key, value in row.items()}
    return {key: f"'{value}" if value[:1] in ("=", "+", "-", "@") else value for key, value in spelt.items()}


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_export_holds_what_a_view_would_show_and_enters_it_in_the_ledger(
    trade: Trade, processor: str, tmp_path: Path
) -> None:
    world, url = trade.world, trade.world.services.database.url
    people = [
        line(f"+t{place}@example.org", profile={"firstName": first, "lastName": last})
        for place, (first, last) in enumerate(TRICKY.items())
    ]
    people += [person.settled() for person in PEOPLE if not person.hidden and not person.objected]
    ids = [trade.subject, *await world.store_people(*people)]
    objected, token = await world.member("objected@example.org")
    await trade.act(OBJECT, processor, token)
    owed, token = await world.member("owed@example.org")
    await trade.rows(processor, owed)
    await trade.act(WITHDRAW, token=token)
    await trade.act(GRANT, token=token)
    file = tmp_path / "export"
    done = consentql(url, "processor-export", processor, "--out", str(file), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert file.stat().st_mode & 0o077 == 0, "for the operator alone"
    exported = parsed(processor, file.read_bytes().decode())
    async with world.services.database.reading() as connection:
        told = select(LEDGER).where(LEDGER.c.reason == "export by the operator")
        entries = (await connection.execute(told)).all()
    shown = {row["userId"]: row for row in await trade.rows(processor, *ids, objected, owed)}
    assert {row["userId"]: row for row in exported} == {id: as_exported(processor, row) for id, row in shown.items()}
    assert not {objected, owed} & set(shown)
    assert f"{len(shown)} subjects" in done.stderr
    assert {entry.subject_id for entry in entries} == set(shown)
    assert len(entries) == len(shown)
    assert {(entry.audience, entry.recipient, entry.token_id) for entry in entries} == {
        (processor, NAMES[processor], None)
    }
    (mine,) = (entry.fields for entry in entries if entry.subject_id == trade.subject)
    assert mine == bits(*COLUMNS[processor])
    printed = consentql(url, "processor-export", processor, cwd=tmp_path)
    assert printed.stdout.splitlines() == file.read_text().splitlines(), "and without a file on standard output"
    assert (await trade.state(processor))["fields"] == list(COLUMNS[processor])


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_export_that_cannot_be_recorded_shows_nobody(trade: Trade, processor: str, tmp_path: Path) -> None:
    async with trade.world.services.database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "disclosure").values(name="gone"))
    done = consentql(trade.world.services.database.url, "processor-export", processor, cwd=tmp_path)
    assert done.returncode != 0
    assert trade.subject not in done.stdout + done.stderr
    assert "subject@example.org" not in done.stdout + done.stderr
    assert "90.190.1.7" not in done.stdout + done.stderr


# ---------------------------------------------------------------- at full speed

ROUNDS = 15


@dataclass
class Viewing:
    """One processor's views in turn: when each began and ended, and whether it showed what consent alone lets."""

    processor: str
    views: list[tuple[float, float, bool]] = field(default_factory=list)

    async def go_on(self, url: str, token: str, subject: str, done: asyncio.Event) -> None:
        """Opens views until it is done."""
        asked = {"query": document(self.processor), "variables": {"ids": [subject], "reason": REASON}}
        async with httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {token}"}) as client:
            while not done.is_set():
                began = time.monotonic()
                answer = (await client.post(f"{url}/graphql", json=asked)).json()
                assert "errors" not in answer, answer
                rows = answer["data"]["openProcessorView"][VIEW_TYPES[self.processor][1]]
                shown = any(row["email"] if self.processor == "MAILCHIMP" else row["firstName"] for row in rows)
                self.views.append((began, time.monotonic(), shown))

    def showed(self, since: float, until: float = float("inf")) -> bool:
        """Whether a view that lies within these instants showed it."""
        return any(shown and since <= began and ended <= until for began, ended, shown in self.views)


async def all_go_on(viewings: list[Viewing], by: int = 2) -> None:
    """Waits until each has finished so many more, so that none is left which began before."""
    enough = [len(viewing.views) + by for viewing in viewings]
    while any(len(viewing.views) < many for viewing, many in zip(viewings, enough, strict=True)):  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_no_copy_is_left_without_an_order_to_forget_it_however_views_and_withdrawals_meet(
    trade: Trade, database: Database, tmp_path: Path
) -> None:
    viewings, done = [Viewing(each) for each in ("MAILCHIMP", "INTERCOM", "MAILCHIMP", "INTERCOM")], asyncio.Event()
    with serving(database.url, tmp_path, "--workers", "2") as server:
        opening = [
            asyncio.create_task(each.go_on(server.url, trade.tokens[each.processor], trade.subject, done))
            for each in viewings
        ]
        for _ in range(ROUNDS):
            await a_round(trade, viewings)
        done.set()
        await asyncio.gather(*opening)
    for viewing in viewings:
        assert any(shown for *_, shown in viewing.views), "some showed it"
        assert not all(shown for *_, shown in viewing.views), "and some did not"


async def a_round(trade: Trade, viewings: list[Viewing]) -> None:
    """A grant, views, and a withdrawal in the middle of them."""
    granted = time.monotonic()
    await trade.act(GRANT)
    await all_go_on(viewings, by=random.choice((1, 2, 3)))
    sent = time.monotonic()
    await trade.act(WITHDRAW)
    since = time.monotonic()
    assert since - sent < 10, "views do not keep a withdrawal waiting"
    await all_go_on(viewings)
    until = time.monotonic()
    assert not any(viewing.showed(since, until) for viewing in viewings), "none that began after the commit"
    for processor, lost in (("MAILCHIMP", "EMAIL"), ("INTERCOM", "FIRST_NAME")):
        showed = any(viewing.showed(granted) for viewing in viewings if viewing.processor == processor)
        due = await trade.due(processor)
        assert [each["fields"] for each in due] == ([[lost]] if showed else []), processor
        await trade.forget(processor)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_views_at_full_speed_do_not_keep_a_withdrawal_waiting(trade: Trade) -> None:
    """Locks that views could share would never be free for a writer (measured: not once in a hundred seconds)."""
    ids = [trade.subject, *await trade.world.store_people(*(line(f"s{number}@example.org") for number in range(100)))]
    done = asyncio.Event()

    async def viewing(processor: str) -> int:
        many = 0
        while not done.is_set():
            await trade.view(processor, *random.sample(ids, len(ids)))
            many += 1
        return many

    opening = [asyncio.create_task(viewing(processor)) for processor in PROCESSORS * 3]
    await asyncio.sleep(0.5)
    try:
        for act in (WITHDRAW, GRANT) * 3:
            async with asyncio.timeout(10):
                await trade.act(act)
    finally:
        done.set()
        views = sum(await asyncio.gather(*opening))
    assert views > len(opening)


@dataclass
class Gate:
    """Holds one act where it stands, in the middle of its transaction, until it may go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        """Waits; whoever comes once it is open passes."""
        self.reached.set()
        await self.may_go.wait()


async def waits_for(first: asyncio.Task[Any], gate: Gate, second: asyncio.Task[Any]) -> tuple[Any, Any]:
    """What both answer, where the second ends after the first has."""
    done, _ = await asyncio.wait([second], timeout=0.5)
    gate.may_go.set()
    answers = await first, await second
    assert not done, "it has not waited"
    return answers


async def test_a_withdrawal_waits_for_a_view_that_has_read_and_counts_what_it_showed(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, enter = Gate(), write_disclosures.append_entries

    async def held(*arguments: Any) -> None:
        await gate.passed()
        await enter(*arguments)

    monkeypatch.setattr(write_disclosures, "append_entries", held)
    viewing = asyncio.create_task(trade.rows("MAILCHIMP"))
    await gate.reached.wait()
    rows, _ = await waits_for(viewing, gate, asyncio.create_task(trade.act(WITHDRAW)))
    assert len(rows) == 1
    assert [each["fields"] for each in await trade.due("MAILCHIMP")] == [["EMAIL"]]


@pytest.mark.parametrize("act", [WITHDRAW, OBJECT], ids=["withdrawal", "objection"])
async def test_a_view_waits_for_a_withdrawal_that_has_looked_and_shows_nothing_of_what_it_took(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    gate, lose = Gate(), withdrawals.record_withdrawals

    async def held(*arguments: Any) -> None:
        await lose(*arguments)
        await gate.passed()

    monkeypatch.setattr(withdrawals, "record_withdrawals", held)
    acting = asyncio.create_task(trade.act(act, "MAILCHIMP" if act is OBJECT else None))
    await gate.reached.wait()
    _, rows = await waits_for(acting, gate, asyncio.create_task(trade.rows("MAILCHIMP")))
    assert rows == []
    assert await trade.due("MAILCHIMP") == [], "it was shown nothing"
    assert (await trade.state("MAILCHIMP"))["fields"] == []


async def test_objections_and_withdrawals_that_come_at_once_each_count_and_count_once(trade: Trade) -> None:
    for processor in PROCESSORS:
        await trade.rows(processor)
    await asyncio.gather(*(trade.act(OBJECT, processor) for processor in PROCESSORS * 3))
    assert sorted(await objections(trade.world)) == sorted((each, "settings", True) for each in PROCESSORS)
    for processor in PROCESSORS:
        assert (await trade.state(processor))["objectedAt"]
        assert [each["fields"] for each in await trade.due(processor)] == [list(COLUMNS[processor])]
        await trade.forget(processor)
    await asyncio.gather(*(trade.act(ALLOW, processor) for processor in PROCESSORS * 3))
    for processor in PROCESSORS:
        assert len(await trade.rows(processor)) == 1
    await asyncio.gather(*(trade.act(WITHDRAW) for _ in range(6)))
    for processor in PROCESSORS:
        assert len(await trade.due(processor)) == 1

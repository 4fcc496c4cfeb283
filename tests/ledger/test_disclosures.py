"""The ledger holds exactly what answers gave to staff and processors, and its subject sees it; nothing else leaves."""

import contextlib
import json
import random
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.commands.audit.verify_log import faults
from models import bulk_insert
from models.columns import Instant, new_id, sort_key
from models.database import Database
from models.logs import hash_chain
from models.logs.ledger import LEDGER, is_about
from models.tables import (
    ACCOUNTS,
    CHAIN_HEADS,
    CONSENT_RECORDS,
    DISCLOSURES,
    LEGAL_REQUESTS,
    PROCESSOR_VIEWS,
    READINGS,
    SUPPORT_CASES,
    WITHDRAWALS,
)
from models.vocabulary import Processor, Role
from resolvers.ledger import write_disclosures
from resolvers.ledger.pseudonyms import pseudonym
from resolvers.subjects import read_subjects
from tests.expectation import BITS, FIELDS, Circumstances, decision, possible_fields
from tests.statements import recorded_statements
from tests.world import GRAPHQL_NAMES, PROFILE, World, codes, line, world_of

PEOPLE = 14
STAFF_ASKS, PROCESSORS_ASK = 1200, 400
PERSONAL = {name: field for field, name in GRAPHQL_NAMES.items()}
BELOW = {
    "location": " { country city }",
    "publicPages": " { title url body }",
    "preRegistration": " { country jobRole organization }",
    "withheld": " { field reason purpose }",
}
LISTS = {
    "INTERCOM": ("IntercomView", "contacts", ("email", "firstName")),
    "MANDRILL": ("MandrillView", "recipients", ("email", "firstName", "lastName")),
    "MAILCHIMP": ("MailchimpView", "subscribers", ("email",)),
    "GOOGLE_ANALYTICS": ("GoogleAnalyticsView", "visitors", ("ipAddress",)),
}
Pairs = dict[str, frozenset[str]]


def bits(fields: Any) -> int:
    """A set of fields as it is stored."""
    return sum(BITS[name] for name in fields)


def names(mask: int) -> frozenset[str]:
    """A stored set of fields."""
    return frozenset(name for name in FIELDS if mask & BITS[name])


async def entries(world: World) -> list[Any]:
    """The whole ledger, in the order in which it was written."""
    async with world.services.database.reading() as connection:
        whole = select(LEDGER).order_by(LEDGER.c.ordinal, LEDGER.c.sequence)
        return list((await connection.execute(whole)).all())


async def execute(world: World, *statements: Any) -> None:
    """Changes the database behind the application's back."""
    async with world.services.database.writing() as connection:
        for statement in statements:
            await connection.execute(statement)


def case_row(world: World, subject: str | None, agent: str | None, extent: Any, **more: Any) -> dict[str, Any]:
    """A support case that is open, unless told otherwise."""
    now, id = world.services.now(), new_id()
    return {
        "id": id,
        "subject_id": subject,
        "reference": "T-17",
        "reason": "It will not print.",
        "extent": bits(extent),
        "opened_at": now,
        "expires_at": now + timedelta(days=7),
        "opened_by": "0" * 32,
        "opened_by_subject": False,
        "agent_id": agent,
        "closed_at": None,
        "ordinal": sort_key(now, id),
        **more,
    }


def request_row(world: World, subject: str, extent: Any, **more: Any) -> dict[str, Any]:
    """A legal request that is approved and open, unless told otherwise."""
    now, id = world.services.now(), new_id()
    return {
        "id": id,
        "subject_id": subject,
        "authority": "Court of Tartu",
        "reference": "2-26-1",
        "basis": "Section 215",
        "extent": bits(extent),
        "opened_at": now,
        "expires_at": now + timedelta(days=60),
        "notice_after": None,
        "opened_by": "0" * 32,
        "approved_by": "1" * 32,
        "approved_at": now,
        "closed_at": None,
        "ordinal": sort_key(now, id),
        **more,
    }


# ---------------------------------------------------------------- the ledger equals the response


@dataclass
class Person:
    """One subject, and what of them opens or closes doors."""

    id: str
    standing: frozenset[str]
    unverified: bool
    objected: str | None
    owes: str | None
    has: frozenset[str]


@dataclass
class Population:
    """People of every kind, two agents, a compliance person, every processor, and what stands between them."""

    world: World
    chance: random.Random
    people: list[Person] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    holders: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def settle(self) -> None:
        """Makes everybody and everything."""
        chance, world = self.chance, self.world
        for number in range(PEOPLE):
            await self._person(number)
        for name, role in (("agent", Role.SUPPORT), ("other", Role.SUPPORT), ("officer", Role.COMPLIANCE)):
            self.holders[name] = await world.person(f"{name}@example.org")
            self.tokens[name] = await world.token(role, self.holders[name])
        for processor in Processor:
            self.tokens[processor.value] = await world.token(Role.PROCESSOR, processor=processor)
        now = world.services.now()
        for person in self.people:
            for _ in range(chance.choice((0, 1, 1, 2))):
                agent = chance.choice(("agent", "agent", "other", None))
                extent = chance.sample(sorted(possible_fields("SUPPORT_CASE")), chance.randint(1, 9))
                over = {"expires_at": now - timedelta(seconds=1)} if chance.random() < 0.15 else {}
                closed = {"closed_at": now} if chance.random() < 0.15 else {}
                holder = self.holders[agent] if agent else None
                self.cases.append(case_row(world, person.id, holder, extent, **over, **closed))
            for _ in range(chance.choice((0, 1, 2))):
                extent = chance.sample(FIELDS, chance.randint(1, 16))
                pending = {"approved_at": None, "approved_by": None} if chance.random() < 0.2 else {}
                closed = {"closed_at": now} if chance.random() < 0.15 else {}
                sealed = {"notice_after": now + timedelta(days=chance.randint(1, 3))} if chance.random() < 0.4 else {}
                self.requests.append(request_row(world, person.id, extent, **pending, **closed, **sealed))
        await execute(world, insert(SUPPORT_CASES).values(self.cases), insert(LEGAL_REQUESTS).values(self.requests))

    async def _person(self, number: int) -> None:
        chance, world = self.chance, self.world
        standing = [purpose for purpose in ("SOCIAL", "EXPANSION") if chance.random() < 0.6]
        verified = chance.random() < 0.8
        has = {"IP_ADDRESS"} if chance.random() < 0.7 else set()
        profile = {key: value for key, value in PROFILE.items() if chance.random() < 0.7}
        id = await world.person(
            f"s{number}@example.org",
            standing,
            emailVerified=verified,
            hidden=chance.sample(FIELDS, chance.choice((0, 3))),
            ipAddress="90.190.1.7" if has else None,
            profile=profile,
        )
        objected = chance.choice([*LISTS, *(None,) * 4])
        owes = chance.choice([*LISTS, *(None,) * 4])
        stands = frozenset(standing) if verified else frozenset()
        self.people.append(Person(id, stands, not verified, objected, owes, frozenset({"EMAIL", *has})))
        if objected:
            mark = update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(objected=Processor(objected).bit)
            await execute(world, mark)
        if owes:
            now = world.services.now()
            due = {
                "withdrawn_at": now,
                "due_at": now,
                "fields": 1,
                "ordinal": sort_key(now, id),
                "acknowledged_at": None,
            }
            row = {"id": new_id(), "processor": owes, "subject_id": id, **due}
            await execute(world, insert(WITHDRAWALS).values(row))

    def readable(self, caller: str, person: Person) -> frozenset[str] | None:
        """What this caller may read of this person, by the policy as it is written out a second time."""
        audience = {"agent": "SUPPORT_CASE", "other": "SUPPORT_CASE", "officer": "LEGAL_REQUEST"}.get(caller, caller)
        circumstances = Circumstances(
            standing=person.standing,
            unverified=person.unverified,
            objected=person.objected == caller,
            extent=self.extent(caller, person),
        )
        if caller in LISTS and person.owes == caller:
            return None
        verdicts = decision(audience, circumstances)
        if verdicts is None:
            return None
        found = frozenset(name for name, verdict in verdicts.items() if verdict is None)
        key = PERSONAL[LISTS[caller][2][0]] if caller in LISTS else None
        return None if key and key not in found & person.has else found

    def extent(self, caller: str, person: Person, *, told: bool = False) -> frozenset[str]:
        """The fields that this caller's open cases or requests open; `told`: but for those under notice."""
        if caller == "officer":
            opens = [each for each in self.requests if each["approved_at"] and not (told and each["notice_after"])]
        else:
            now = self.world.services.now()
            mine = [each for each in self.cases if each["agent_id"] == self.holders.get(caller)]
            opens = [each for each in mine if each["expires_at"] > now]
        about = [each for each in opens if each["subject_id"] == person.id and not each["closed_at"]]
        return names(0).union(*(names(each["extent"]) for each in about))


@dataclass
class Writer:
    """Writes documents; a response's keys say which subject and field they stand for."""

    chance: random.Random
    count: int = 0
    fragments: list[str] = field(default_factory=list)

    def key(self, what: str) -> str:
        """A key of its own that ends with what it stands for."""
        self.count += 1
        return f"r{self.count}_{what}"

    def switched(self) -> str:
        """Nothing, or a directive that lets a field through or not."""
        sure = ("@skip(if: $no)", "@include(if: $yes)", "@skip(if: false)")
        never = ("@skip(if: $yes)", "@include(if: $no)", "@include(if: false)")
        draw = self.chance.random()
        return "" if draw < 0.7 else self.chance.choice(sure if draw < 0.85 else never)

    def user(self, *, named: bool = True) -> str:
        """A selection of a User, with aliases, directives and fragments."""
        chance, parts = self.chance, ["id"] if named else ["__typename"]
        for name in chance.sample(sorted([*PERSONAL, "withheld"]), chance.choice((0, 1, 3, 6))):
            alias = f"{self.key(name)}: " if chance.random() < 0.3 else ""
            parts.append(f"{alias}{name} {self.switched()}{BELOW.get(name, '')}")
        for wrap in ("... on User { %s }", "... @include(if: $yes) { %s }", "... @skip(if: $yes) { %s }"):
            some = " ".join(chance.sample(("email", "city", "id", "about", "firstName"), 2))
            parts += [wrap % some] if chance.random() < 0.2 else []
        if chance.random() < 0.3:
            fragment = self.key("fragment")
            some = " ".join(chance.sample([name for name in PERSONAL if name not in BELOW], 3))
            self.fragments.append(f"fragment {fragment} on User {{ {some} }}")
            parts.append(f"...{fragment} {self.switched()}")
        return " ".join(parts)

    def written(self, kind: str, roots: list[str]) -> str:
        """The whole document."""
        body = " ".join(["r0: __typename @include(if: $yes) @skip(if: $no)", *roots])
        spread = [each for each in self.fragments if f"...{each.split()[1]} " in body]
        return " ".join([f"{kind} ($yes: Boolean! = true, $no: Boolean! = false) {{ {body} }}", *spread])


def staff_document(population: Population, caller: str) -> str:
    """One to three readings of any kind by staff."""
    writer, chance = Writer(population.chance), population.chance
    listed, single = ("legalRequests", "LegalRequest") if caller == "officer" else ("supportCases", "SupportCase")
    grounds = population.requests if caller == "officer" else population.cases
    roots = []
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(("user", "user", "node", "ground", "list", "viewer", "foreign"))
        number, switch = chance.randrange(PEOPLE + 1), writer.switched()
        id = population.people[number].id if number < PEOPLE else "f" * 32
        if kind == "user":
            whole = writer.user(named=chance.random() < 0.5)
            roots.append(f'{writer.key(f"s{number}")}: user(id: "{id}") {switch} {{ {whole} }}')
        elif kind == "node":
            inner = chance.choice((f"... on User {{ {writer.user()} }}", f"... on {single} {{ reference }} __typename"))
            roots.append(f'{writer.key(f"s{number}")}: node(id: "{id}") {switch} {{ {inner} }}')
        elif kind == "ground":
            inner = f"... on {single} {{ id subject {switch} {{ {writer.user()} }} }}"
            roots.append(f'{writer.key("x")}: node(id: "{chance.choice(grounds)["id"]}") {{ {inner} }}')
        elif kind == "list":
            size = chance.choice(("first: 2", "last: 3", "first: 50"))
            subject = f"subject {{ {writer.user()} }}" if chance.random() < 0.8 else "extent"
            roots.append(f"{writer.key('x')}: {listed}({size}) {switch} {{ edges {{ node {{ id {subject} }} }} }}")
        elif kind == "viewer":
            roots.append(f"{writer.key('viewer')}: viewer {{ user {{ {writer.user()} }} }}")
        else:
            roots.append(f"{writer.key('x')}: {chance.choice(('users', 'me'))} {{ __typename }}")
    return writer.written("query", roots)


def view_document(population: Population, processor: str) -> str:
    """One or two openings of a processor's view, with some of its columns."""
    writer, chance = Writer(population.chance), population.chance
    view, rows, columns = LISTS[processor]
    roots = []
    for _ in range(chance.choice((1, 1, 2))):
        some = [each for each in columns if chance.random() < 0.6]
        wanted = [
            f"{f'{writer.key(each)}: ' if chance.random() < 0.3 else ''}{each} {writer.switched()}" for each in some
        ]
        ids = [person.id for person in population.people] + ["f" * 32, "nobody"]
        asked = json.dumps([chance.choice(ids) for _ in range(chance.randint(1, 12))])
        foreign = chance.choice([each for each in LISTS.values() if each[0] != view])
        inner = f"... on {view} {{ withheld {rows} {{ userId {' '.join(wanted)} }} }} ... on {foreign[0]} {{ id }}"
        given = f'input: {{userIds: {asked}, reason: "A letter."}}'
        roots.append(f"{writer.key('view')}: openProcessorView({given}) {{ {inner} }}")
    return writer.written("mutation", roots)


def given(population: Population, caller: str, data: dict[str, Any]) -> list[Pairs]:
    """What a response gave of whom, read from the response; each processor view by itself."""
    parts: list[Pairs] = []
    found: dict[str, set[str]] = defaultdict(set)
    for key, value in data.items():
        subject = re.fullmatch(r"r\d+_s(\d+)", key)
        if subject and value is not None:
            person = population.people[int(subject[1])]
            _take(population, caller, person, value, found[person.id])
        elif not key.endswith("_viewer"):
            _walk(population, caller, value, found)
        if key.endswith("_view") or key == list(data)[-1]:
            parts.append({id: frozenset(fields) for id, fields in found.items()})
            found = defaultdict(set)
    return parts


def _walk(population: Population, caller: str, value: Any, found: dict[str, set[str]]) -> None:
    """Whatever names a subject is a reading of them."""
    if isinstance(value, list):
        for each in value:
            _walk(population, caller, each, found)
    if not isinstance(value, dict):
        return
    named = (value.get("id"), value.get("userId"))
    person = next((person for person in population.people if person.id in named), None)
    if person is not None:
        _take(population, caller, person, value, found[person.id])
        return
    for each in value.values():
        _walk(population, caller, each, found)


def _take(population: Population, caller: str, person: Person, value: dict[str, Any], found: set[str]) -> None:
    readable = population.readable(caller, person)
    assert readable is not None, "an absent subject was given"
    for key, each in value.items():
        name = key.rsplit("_", 1)[-1]
        if name == "withheld":
            assert {verdict["field"] for verdict in each} == set(FIELDS) - readable
        elif name in PERSONAL:
            assert each is None or PERSONAL[name] in readable
            found |= {PERSONAL[name]} & readable


def written(rows: list[Any]) -> list[Pairs]:
    """What entries say that was given of whom, each processor view by itself."""
    answers: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for row in rows:
        answer = answers[row.ground if row.audience in LISTS else ""]
        if row.audience != "LEGAL_REQUEST":
            assert row.subject_id not in answer, "one entry a subject and answer"
        answer[row.subject_id] = answer.get(row.subject_id, frozenset()) | names(row.fields)
    return list(answers.values())


async def gained(world: World, before: dict[str, int]) -> list[Any]:
    """The entries since the last time, in the order of each chain."""
    rows = []
    async with world.services.database.reading() as connection:
        for log in ("disclosure", "sealed"):
            later = (LEDGER.c.chain == log) & (LEDGER.c.sequence > before.get(log, 0))
            found = (await connection.execute(select(LEDGER).where(later).order_by(LEDGER.c.sequence))).all()
            before[log] = found[-1].sequence if found else before.get(log, 0)
            rows += found
    return rows


async def test_what_answers_gave_and_what_the_ledger_holds_are_one_and_the_same(world: World) -> None:
    population = Population(world, random.Random("ledger 1"))
    await population.settle()
    before: dict[str, int] = {}
    seen_fields = 0
    for number in range(STAFF_ASKS + PROCESSORS_ASK):
        staff = number < STAFF_ASKS
        caller = population.chance.choice(("agent", "other", "officer") if staff else tuple(LISTS))
        document = (staff_document if staff else view_document)(population, caller)
        answer = await world.ask(document, population.tokens[caller])
        assert set(codes(answer)) <= {"FORBIDDEN"}, (document, answer)
        rows = await gained(world, before)
        gave = given(population, caller, answer["data"])
        assert alike(written(rows)) == alike(gave), document
        seen_fields += sum(len(fields) for part in gave for fields in part.values())
        _sealed_apart(population, rows)
    assert seen_fields > STAFF_ASKS, "the law is not empty"
    assert await faults(world.services) == []


def alike(parts: list[Pairs]) -> list[Any]:
    """Parts in a form in which equal ones are equal, whatever their order."""
    return sorted([sorted((id, sorted(fields)) for id, fields in part.items()) for part in parts if part])


def _sealed_apart(population: Population, rows: list[Any]) -> None:
    """An entry that its subject sees at once names no field that only a request under notice opens."""
    people = {person.id: person for person in population.people}
    for row in rows:
        if row.audience == "LEGAL_REQUEST" and row.visible_at is None:
            assert names(row.fields) <= population.extent("officer", people[row.subject_id], told=True)


@dataclass
class Desk:
    """A subject, an agent and a compliance person who may read them, and a processor."""

    world: World
    subject: str
    mine: str
    tokens: dict[str, str]
    holders: dict[str, str]

    async def view(self, reason: str = "A letter.", fields: str = "withheld recipients { userId email }") -> Any:
        """Mandrill opens its view of the subject."""
        document = VIEW % ("MandrillView", fields)
        return await self.world.ask(document, self.tokens["processor"], {"ids": [self.subject], "reason": reason})


VIEW = """mutation ($ids: [ID!]!, $reason: String!) { openProcessorView(input: {userIds: $ids, reason: $reason}) {
  __typename ... on %s { %s } } }"""
READ = "query ($id: ID!) { user(id: $id) { id email city mobilePhone withheld { field } } }"
DISCLOSED = "id at audience recipient fields reason receipt"
MINE = f"{{ me {{ disclosures(first: 100) {{ edges {{ cursor node {{ {DISCLOSED} }} }} }} }} }}"
PAGE = f"""query ($first: Int, $after: String, $last: Int, $before: String) {{ me {{ disclosures(first: $first,
  after: $after, last: $last, before: $before) {{ edges {{ cursor node {{ {DISCLOSED} }} }}
  pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"""
NODE = "query ($id: ID!) { node(id: $id) { __typename ... on Disclosure { id receipt } } }"


@pytest.fixture
async def desk(world: World) -> Desk:
    """Everyone whom a reading takes."""
    subject, mine = await world.member("subject@example.org", ("SOCIAL", "EXPANSION"))
    agent, officer = await world.person("agent@example.org"), await world.person("officer@example.org")
    tokens = {
        "support": await world.token(Role.SUPPORT, agent),
        "compliance": await world.token(Role.COMPLIANCE, officer),
        "processor": await world.token(Role.PROCESSOR, processor=Processor.MANDRILL),
    }
    case = case_row(world, subject, agent, {"EMAIL", "CITY"})
    await execute(world, insert(SUPPORT_CASES).values(case))
    await execute(world, insert(LEGAL_REQUESTS).values(request_row(world, subject, {"EMAIL", "MOBILE_PHONE"})))
    return Desk(world, subject, mine, tokens, {"agent": agent, "officer": officer})


async def test_seven_aliases_of_one_reading_are_one_entry(desk: Desk) -> None:
    aliases = " ".join(f'a{number}: user(id: "{desk.subject}") {{ id email }}' for number in range(6))
    last = f'a6: node(id: "{desk.subject}") {{ ... on User {{ city }} }}'
    await desk.world.data(f"{{ {aliases} {last} }}", desk.tokens["support"])
    (entry,) = await entries(desk.world)
    assert names(entry.fields) == {"EMAIL", "CITY"}


async def test_an_id_or_what_is_withheld_is_an_entry_without_fields(desk: Desk) -> None:
    world, view = desk.world, desk.view
    for asked in ("id", "withheld { field }", "__typename", "about"):
        await world.ask(f'{{ user(id: "{desk.subject}") {{ {asked} }} }}', desk.tokens["support"])
    for asked in ("withheld", "recipients { userId }", "id"):
        assert "errors" not in await view(fields=asked)
    assert [entry.fields for entry in await entries(world)] == [0] * 7


async def test_what_is_not_read_is_not_entered(desk: Desk) -> None:
    world, cases = desk.world, "supportCases { edges { node { id reference extent } } }"
    await world.data(f'{{ {cases} user(id: "{desk.subject}") @skip(if: true) {{ email }} }}', desk.tokens["support"])
    await world.data("{ legalRequests { edges { node { id basis } } } }", desk.tokens["compliance"])
    await world.data(READ, desk.tokens["support"], {"id": desk.holders["officer"]})
    refused = await desk.view(reason="x")
    assert refused["data"]["openProcessorView"] == {"__typename": "Refusal"}
    assert await entries(world) == []


async def test_members_and_visitors_leave_no_entry(desk: Desk) -> None:
    world = desk.world
    _, other = await world.member("other@example.org")
    everyone = "{ users { edges { node { id email city } } } userMap { count } }"
    for token, sees in ((None, None), (other, "Tallinn"), (desk.mine, "Tallinn")):
        assert (await world.ask(READ, token, {"id": desk.subject}))["data"]["user"]["city"] == sees
        await world.ask(everyone, token)
        await world.ask("{ me { user { email } } viewer { user { id } } }", token)
    assert await entries(world) == []


# ---------------------------------------------------------------- faults


async def _the_write_fails(_: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full of subject@example.org")

    monkeypatch.setattr(bulk_insert, "insert_rows", fails)


async def _the_head_is_gone(desk: Desk, _: pytest.MonkeyPatch) -> None:
    await execute(desk.world, delete(CHAIN_HEADS))


async def _the_database_goes_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the decision and the answer: for staff no transaction can begin, for a view the one that is open dies."""
    database, enter, through = (
        desk.world.services.database,
        write_disclosures.append_entries,
        read_subjects.read_with_grounds,
    )

    async def gone(*arguments: Any) -> Any:
        found = await through(*arguments)
        assert found
        monkeypatch.setattr(database, "_writer", Database("postgresql+asyncpg://nobody@127.0.0.1:1/none").engine)
        return found

    async def cut(connection: Any, *arguments: Any) -> None:
        await connection.invalidate()
        await enter(connection, *arguments)

    monkeypatch.setattr(read_subjects, "read_with_grounds", gone)
    monkeypatch.setattr(write_disclosures, "append_entries", cut)


FAULTS: tuple[Callable[[Desk, pytest.MonkeyPatch], Any], ...] = (
    _the_write_fails,
    _the_head_is_gone,
    _the_database_goes_away,
)
WAYS = {
    "user": ("support", READ),
    "case": ("support", "query ($id: ID!) { node(id: $id) { __typename } supportCases { edges { node { subject { id "
             "email } } } } }"),
    "request": ("compliance", "{ legalRequests { edges { node { subject { email mobilePhone } } } } }"),
    "existence": ("compliance", "query ($id: ID!) { user(id: $id) { id } }"),
}  # fmt: skip


def holds_nothing(body: str, desk: Desk) -> None:
    """Neither a value nor a name of the subject."""
    for value in ("subject@example.org", PROFILE["city"], PROFILE["mobilePhone"], desk.subject):
        assert str(value) not in body


@pytest.mark.parametrize("reading", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_reading_by_staff_that_cannot_be_recorded_is_not_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Desk, pytest.MonkeyPatch], Any], reading: str
) -> None:
    who, document = WAYS[reading]
    variables = {"id": desk.subject} if "$id" in document else {}
    assert desk.subject in (await desk.world.post(READ, desk.tokens[who], {"id": desk.subject})).text
    before = len(await entries(desk.world))
    with monkeypatch.context() as patch:
        await fault(desk, patch)
        response = await desk.world.post(document, desk.tokens[who], variables)
    holds_nothing(response.text, desk)
    assert response.json()["data"] is None
    assert codes(response.json()) == ["NOT_RECORDED"]
    assert len(await entries(desk.world)) == before


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_view_that_cannot_be_recorded_never_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Desk, pytest.MonkeyPatch], Any]
) -> None:
    with monkeypatch.context() as patch:
        await fault(desk, patch)
        answer = await desk.view()
    holds_nothing(json.dumps(answer), desk)
    assert answer["data"] == {"openProcessorView": None}
    assert len(answer["errors"]) == 1
    assert await entries(desk.world) == []
    async with desk.world.services.database.reading() as connection:
        assert (await connection.execute(select(PROCESSOR_VIEWS))).all() == []


@pytest.mark.parametrize("who", ["support", "processor"])
async def test_an_entry_has_committed_before_the_first_byte_leaves_and_stays_if_nobody_takes_it(
    desk: Desk, who: str
) -> None:
    view = VIEW % ("MandrillView", "recipients { email }")
    document, variables = {
        "support": (READ, {"id": desk.subject}),
        "processor": (view, {"ids": [desk.subject], "reason": "A letter."}),
    }[who]
    body = json.dumps({"query": document, "variables": variables}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    entered: list[int] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        second = Database(desk.world.services.database.url)
        async with second.reading() as connection:
            entered.append(len((await connection.execute(select(LEDGER))).all()))
        await second.close()
        raise OSError("the client is gone")

    headers = {
        "host": "consentql.test",
        "content-type": "application/json",
        "authorization": f"Bearer {desk.tokens[who]}",
    }
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/graphql",
        "raw_path": b"/graphql", "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 1), "server": None,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    transport: Any = desk.world.client._transport
    with contextlib.suppress(OSError):
        await transport.app(scope, receive, send)
    assert entered[0] == 1


# ---------------------------------------------------------------- what the subject sees


async def _read_by_all(desk: Desk) -> None:
    await desk.world.data(READ, desk.tokens["support"], {"id": desk.subject})
    await desk.world.data(READ, desk.tokens["compliance"], {"id": desk.subject})
    assert "errors" not in await desk.view()


async def test_the_subject_sees_who_read_what_when_and_why(desk: Desk) -> None:
    await _read_by_all(desk)
    world, keys = desk.world, desk.world.services.keys
    nodes = [edge["node"] for edge in (await world.data(MINE, desk.mine))["me"]["disclosures"]["edges"]]
    agent, officer = (pseudonym(keys, desk.holders[who]) for who in ("agent", "officer"))
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
        assert desk.holders[name] not in str(nodes)
        assert f"{name}@example.org" not in str(nodes)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_pages_of_entries_are_the_whole_list_in_both_directions(desk: Desk, size: int) -> None:
    for _ in range(7):
        await desk.world.data(READ, desk.tokens["support"], {"id": desk.subject})
    whole = (await desk.world.data(MINE, desk.mine))["me"]["disclosures"]["edges"]
    assert len(whole) == 7
    for many, beyond, more, end in (
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ):
        pages: list[Any] = []
        variables: dict[str, Any] = {many: size}
        while True:
            page = (await desk.world.data(PAGE, desk.mine, variables))["me"]["disclosures"]
            pages.append(page["edges"])
            if not page["pageInfo"][more]:
                break
            variables[beyond] = page["pageInfo"][end]
        found = [edge for each in (pages if many == "first" else pages[::-1]) for edge in each]
        assert found == whole
        assert len(pages) == -(-7 // size)


async def test_an_entry_is_its_subjects_alone(desk: Desk) -> None:
    await _read_by_all(desk)
    world = desk.world
    _, other = await world.member("other@example.org")
    assert (await world.data(MINE, other))["me"]["disclosures"]["edges"] == []
    for entry in await entries(world):
        mine = (await world.data(NODE, desk.mine, {"id": entry.name}))["node"]
        assert mine == {"__typename": "Disclosure", "id": entry.name, "receipt": f"{entry.sequence}:{entry.hash}"}
        for token in (None, other, *desk.tokens.values()):
            foreign = await world.post(NODE, token, {"id": entry.name})
            assert foreign.content == (await world.post(NODE, token, {"id": "f" * 32})).content


async def test_hashed_columns_hold_neither_values_nor_addresses_nor_free_text(desk: Desk) -> None:
    await _read_by_all(desk)
    free = ["example.org", "T-17", "It will not print", "Tartu", "2-26-1", "215", "A letter"]
    values = [str(value) for value in PROFILE.values() if isinstance(value, str) and value != "EE"]
    for entry in await entries(desk.world):
        hashed = json.dumps([str(entry._mapping[name]) for name in (*hash_chain.DISCLOSURE.hashed, "hash")])
        assert not [text for text in (*free[:-2], free[-1], *values, "90.190.1.7") if text in hashed]
        assert entry.commitment == write_disclosures.commitment(entry.salt, entry.reason)


async def test_what_a_sealed_request_alone_opens_waits_for_its_own_notice(desk: Desk) -> None:
    world, now = desk.world, desk.world.services.now()
    for days, extent in ((20, {"ABOUT", "CITY"}), (10, {"CITY", "EMAIL"}), (30, {"ABOUT", "EMAIL"})):
        row = request_row(world, desk.subject, extent, notice_after=now + timedelta(days=days))
        await execute(world, insert(LEGAL_REQUESTS).values(row))
    await world.ask(f'{{ user(id: "{desk.subject}") {{ email city about mobilePhone }} }}', desk.tokens["compliance"])
    found = {entry.visible_at: names(entry.fields) for entry in await entries(world)}
    assert found == {
        None: {"EMAIL", "MOBILE_PHONE"},
        now + timedelta(days=10): {"CITY"},
        now + timedelta(days=20): {"ABOUT"},
    }


# ---------------------------------------------------------------- twins with and without a request under notice

START = datetime(2026, 12, 1, tzinfo=UTC)
NOTICE = START + timedelta(days=10)
HISTORY = """{ me { id emailVerified restricted consents { purpose granted since } sessions { id lastUsedAt }
  processors { processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt }
  consentHistory { edges { cursor node { id recordedAt receipt } } pageInfo { hasNextPage endCursor } } }
  supportCases { edges { node { id status assignedTo } } } }"""
OFFICERS = (
    "query ($id: ID!) { user(id: $id) { id email city about mobilePhone withheld { field } } }",
    "{ legalRequests { edges { node { id subject { id about } } } } }",
    "query ($id: ID!) { a: user(id: $id) { id } b: node(id: $id) { ... on User { about email } } }",
)


@dataclass
class Twins:
    """Two platforms that differ in one request of which a law forbids notice; they meet the same events."""

    worlds: tuple[World, World]
    monkeypatch: pytest.MonkeyPatch
    people: dict[str, str] = field(default_factory=dict)
    tokens: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    instant: datetime = START
    events: int = 0

    def names_from(self, seed: str) -> None:
        """Whatever is drawn in one event is the same on either side."""
        chance = random.Random(seed)
        self.monkeypatch.setattr(secrets, "token_hex", lambda size: chance.randbytes(size).hex())

    async def both(self, act: Callable[[World, dict[str, str]], Any], later: timedelta = timedelta(minutes=1)) -> None:
        """One event on either side, at the same instant."""
        self.events, self.instant = self.events + 1, self.instant + later
        for world, tokens in zip(self.worlds, self.tokens, strict=True):
            self.names_from(f"event {self.events}")
            await act(world, tokens)

    async def settle(self, *, open_beside: bool) -> None:
        """The same people, tokens and case on either side; the request under notice on the first alone."""
        for world in self.worlds:
            world.services.now = lambda: self.instant

        async def everyone(world: World, tokens: dict[str, str]) -> None:
            roles = {"subject": Role.MEMBER, "agent": Role.SUPPORT, "officer": Role.COMPLIANCE}
            ids = await world.store_people(*(line(f"{name}@example.org") for name in roles))
            self.people = dict(zip(roles, ids, strict=True))
            for name, role in roles.items():
                tokens[name] = await world.token(role, self.people[name], expires_at=NOTICE + timedelta(days=1))
            tokens["processor"] = await world.token(Role.PROCESSOR, processor=Processor.MANDRILL)
            case = case_row(world, ids[0], ids[1], {"EMAIL", "CITY"})
            await execute(world, insert(SUPPORT_CASES).values(case))
            if open_beside:
                request = request_row(world, ids[0], {"EMAIL", "CITY"})
                await execute(world, insert(LEGAL_REQUESTS).values(request))

        await self.both(everyone)
        self.names_from("the request under notice")
        request = request_row(self.worlds[0], self.people["subject"], {"EMAIL", "ABOUT", "MOBILE_PHONE"})
        await execute(self.worlds[0], insert(LEGAL_REQUESTS).values({**request, "notice_after": NOTICE}))

    async def answers(self, document: str, variables: dict[str, Any] | None = None) -> list[Any]:
        """What the subject is told on either side, and by how many statements."""
        found = []
        for world, tokens in zip(self.worlds, self.tokens, strict=True):
            async with recorded_statements(world.services.database) as statements:
                response = await world.post(document, tokens["subject"], variables)
            found.append((response.status_code, response.content, len(statements)))
        return found

    async def alike(self) -> bool:
        """Whether no answer to the subject tells which side they are on."""
        stored = [entry for world in self.worlds for entry in await entries(world)]
        mine = [json.loads(content)["data"]["me"] for _, content, _ in await self.answers(MINE)]
        cursors = [None, *(edge["cursor"] for edge in mine[1]["disclosures"]["edges"])]
        asked = [(MINE, None), (HISTORY, None), *((NODE, {"id": entry.name}) for entry in stored)]
        asked += [(PAGE, {"first": 1, "after": cursor}) for cursor in cursors]
        asked += [(PAGE, {"last": 2, "before": cursor}) for cursor in cursors]
        alike = True
        for document, variables in asked:
            first, second = await self.answers(document, variables)
            alike = alike and first == second
        return alike


@pytest.fixture
async def twins(database: Database, second_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Twins]:
    """Two empty platforms under the same keys."""
    second = Database(second_url)
    yield Twins((world_of(database), world_of(second)), monkeypatch)
    await second.close()


@pytest.mark.parametrize("open_beside", [False, True])
async def test_a_request_under_notice_makes_no_difference_to_its_subject_until_then(
    twins: Twins, open_beside: bool
) -> None:
    await twins.settle(open_beside=open_beside)

    def officer(document: str) -> Callable[[World, dict[str, str]], Any]:
        variables = {"id": twins.people["subject"]} if "$id" in document else {}
        return lambda world, tokens: world.post(document, tokens["officer"], variables)

    async def agent(world: World, tokens: dict[str, str]) -> None:
        await world.data(READ, tokens["agent"], {"id": twins.people["subject"]})

    async def processor(world: World, tokens: dict[str, str]) -> None:
        variables = {"ids": [twins.people["subject"]], "reason": "A letter."}
        await world.data(VIEW % ("MandrillView", "recipients { email firstName }"), tokens["processor"], variables)

    async def subject(world: World, tokens: dict[str, str]) -> None:
        await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", tokens["subject"])

    async def nothing(world: World, tokens: dict[str, str]) -> None:
        pass

    officers = [officer(document) for document in OFFICERS]
    for event in (*officers, agent, processor, *officers, subject, *officers, agent):
        await twins.both(event)
        assert await twins.alike()
    assert len(await entries(twins.worlds[0])) > len(await entries(twins.worlds[1])), "the law is not empty"
    await twins.both(nothing, NOTICE - twins.instant - timedelta(microseconds=1))
    assert await twins.alike()
    await twins.both(nothing, timedelta(microseconds=1))
    assert not await twins.alike()
    shown = [json.loads(content)["data"]["me"]["disclosures"]["edges"] for _, content, _ in await twins.answers(MINE)]
    late = [edge["node"] for edge in shown[0] if edge not in shown[1]]
    assert [edge for edge in shown[0] if edge in shown[1]] == shown[1]
    assert len(late) == len(await entries(twins.worlds[0])) - len(await entries(twins.worlds[1]))
    assert {name for node in late for name in node["fields"]} >= {"ABOUT", "MOBILE_PHONE"}


# ---------------------------------------------------------------- append-only

KEPT = {table.name: table for table in (CONSENT_RECORDS, DISCLOSURES, READINGS)}


@pytest.mark.parametrize("log", KEPT)
async def test_the_database_itself_refuses_to_change_an_entry(desk: Desk, log: str) -> None:
    await _read_by_all(desk)
    table = KEPT[log]
    others: dict[Any, Any] = {int: 7, bool: False}
    for column in table.columns:
        if column.name in ("reason", "salt"):
            continue
        other = START if isinstance(column.type, Instant) else others.get(column.type.python_type, "x")
        for value in (other, column):
            with pytest.raises(DBAPIError, match="append-only"):
                await execute(desk.world, update(table).values({column.name: value}))


@pytest.mark.parametrize("table", KEPT)
async def test_the_database_itself_refuses_to_forget_an_entry(desk: Desk, backend: str, table: str) -> None:
    await _read_by_all(desk)
    statements = [f"DELETE FROM {table}", f"DELETE FROM {table} WHERE sequence = 1"]
    if backend == "postgresql":
        statements.append(f"TRUNCATE {table}")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"):
            await execute(desk.world, text(statement))
    assert len(await entries(desk.world)) == 3


@pytest.mark.parametrize("log", KEPT)
async def test_no_entry_is_put_in_anothers_place(desk: Desk, log: str) -> None:
    """Neither by its key nor, on SQLite, by the number that every row has besides."""
    await _read_by_all(desk)
    if not desk.world.services.database.is_sqlite:
        return
    columns = ", ".join(column.name for column in KEPT[log].columns)
    elsewhere = columns.replace("sequence", "sequence + 1000", 1)
    for added, values in (("", columns), ("rowid, ", f"rowid, {elsewhere}")):
        statement = f"INSERT OR REPLACE INTO {log} ({added}{columns}) SELECT {values} FROM {log}"
        with pytest.raises(DBAPIError, match="append-only"):
            await execute(desk.world, text(statement))


# ---------------------------------------------------------------- found by their subject


async def test_a_subjects_entries_are_found_by_index(desk: Desk) -> None:
    await _read_by_all(desk)
    database = desk.world.services.database
    asked = select(LEDGER).where(is_about(desk.subject)).compile(dialect=database.engine.dialect)
    explained = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    values = tuple(asked.params[name] for name in asked.positiontup or ())
    async with database.writing() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.exec_driver_sql(f"{explained} {asked}", values)).all())
    assert "ix_disclosures_subject" in plan, plan

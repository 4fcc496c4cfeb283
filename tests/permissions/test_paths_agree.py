"""One subject answers one caller alike on every path through the graph, and an absent one like an unknown id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update

from models.tables import ACCOUNTS
from models.vocabulary import STAFF, Processor, Role
from tests import expectation
from tests.expectation import EVERYTHING, FIELDS, NOTHING, Circumstances
from tests.statements import recorded_statements
from tests.world import FORM, GRAPHQL_NAMES, PASSWORD, PROFILE, USER, World, line

UNKNOWN = "0" * 32
WHOLE = f"fragment Whole on User {{ {USER} }}"
STANDINGS = tuple(frozenset(purposes) for purposes in ((), ("SOCIAL",), ("EXPANSION",), ("SOCIAL", "EXPANSION")))
MEMBERS_SEE = expectation.ever("MEMBERS")
HIDINGS = (NOTHING, MEMBERS_SEE, *(frozenset({field}) for field in FIELDS))
IN_ONE_DOCUMENT = 6
SUBSELECTIONS = {
    "LOCATION": "{ country city latitude longitude }",
    "PUBLIC_PAGES": "{ title url body }",
    "PRE_REGISTRATION": f"{{ {' '.join(FORM)} }}",
}


@dataclass(frozen=True)
class State:
    """One subject, as far as any answer about them depends on it; `place` makes them tell-tale."""

    place: int
    standing: frozenset[str]
    hidden: frozenset[str]
    verified: bool
    filled: bool
    leaving: bool = False

    @property
    def email(self) -> str:
        """An address of their own."""
        return f"s{self.place}@example.org"

    @property
    def last_name(self) -> str:
        """A name that nobody else has, to be found by."""
        return f"zq{self.place:04}x"

    @property
    def stands(self) -> bool:
        """Whether SOCIAL stands."""
        return self.verified and "SOCIAL" in self.standing

    def settled(self) -> dict[str, Any]:
        """This person as a line of an import."""
        if self.filled:
            filling = {"profile": {**PROFILE, "lastName": self.last_name}}
        else:
            filling = {"profile": {}, "preRegistration": {}, "ipAddress": None}
        hidden = [field for field in FIELDS if field in self.hidden]
        return line(self.email, sorted(self.standing), emailVerified=self.verified, hidden=hidden, **filling)

    def values(self) -> dict[str, Any]:
        """What is stored of each field, as GraphQL shows it."""
        held: dict[str, Any] = dict.fromkeys(FIELDS)
        if self.filled:
            named = {name: field for field, name in GRAPHQL_NAMES.items()}
            held |= {named[name]: value for name, value in PROFILE.items()}
            held |= {"IP_ADDRESS": "90.190.1.7", "LAST_NAME": self.last_name, "PRE_REGISTRATION": dict(FORM)}
            if self.stands:
                held["LOCATION"] = {"country": "EE", "city": None, "latitude": None, "longitude": None}
        return {**held, "EMAIL": self.email}

    def seen(self, audience: str | None) -> expectation.Seen | None:
        """The expected verdicts."""
        return expectation.seen(audience, Circumstances(self.standing, self.hidden, not self.verified, self.leaving))

    def shown(self, subject_id: str, audience: str | None, **moved: Any) -> dict[str, Any] | None:
        """The expected answer to the whole of User."""
        verdicts = self.seen(audience)
        if verdicts is None:
            return None
        values = {**self.values(), **moved}
        return {
            "id": subject_id,
            **{GRAPHQL_NAMES[field]: values[field] if verdicts[field] is None else None for field in FIELDS},
            "withheld": [
                {"field": field, "reason": refused.reason, "purpose": refused.purpose}
                for field, refused in verdicts.items()
                if refused is not None
            ],
        }


STAYING = [(*state, False) for state in product(STANDINGS, HIDINGS, (True, False), (True, False))]
LEAVING = [(*state, True) for state in product(STANDINGS, (NOTHING, MEMBERS_SEE), (True, False), (True,))]
STATES = tuple(State(place, *state) for place, state in enumerate([*STAYING, *LEAVING]))


@dataclass(frozen=True)
class Asker:
    """Somebody who asks about others: what their token says, and what they are to a subject who is not themself."""

    role: Role
    audience: str | None = None
    verified: bool = True

    @property
    def unreachable(self) -> frozenset[str]:
        """What their role can never read in the graph."""
        return EVERYTHING - expectation.ever(*expectation.MEETS_IN_THE_GRAPH[self.role])

    @property
    def asks_by_user(self) -> bool:
        """Whether the root field `user` is open to their role at all."""
        return self.role in (Role.ANONYMOUS, Role.MEMBER, Role.SUPPORT, Role.COMPLIANCE)

    async def token(self, world: World) -> str | None:
        """Their token; a staff role's holder is a person who stands consented to everything."""
        if self.role is Role.ANONYMOUS:
            return None
        if self.role is Role.PROCESSOR:
            return await world.token(self.role, processor=Processor.INTERCOM)
        purposes = () if self.role is Role.MEMBER else ("SOCIAL", "EXPANSION")
        email = f"{self.role.value}.{self.verified}@example.org"
        return await world.token(self.role, await world.person(email, purposes, emailVerified=self.verified))


VISITOR = Asker(Role.ANONYMOUS, "PUBLIC")
OTHER_MEMBER = Asker(Role.MEMBER, "MEMBERS")
ASKERS = (
    VISITOR,
    OTHER_MEMBER,
    Asker(Role.MEMBER, verified=False),
    Asker(Role.SUPPORT),
    Asker(Role.ANALYTICS),
    Asker(Role.COMPLIANCE),
    Asker(Role.OPERATIONS),
    Asker(Role.PROCESSOR),
)


@pytest.fixture
async def subjects(world: World) -> dict[str, State]:
    """Everybody by id."""
    return await settled(world, STATES)


async def settled(world: World, states: Sequence[State], **more: Any) -> dict[str, State]:
    """People in these states by id."""
    people = dict(
        zip(await world.store_people(*({**state.settled(), **more} for state in states)), states, strict=True)
    )
    leaving = ACCOUNTS.c.id.in_([key for key, state in people.items() if state.leaving])
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(leaving).values(leaving_since=world.services.now()))
    return people


def batches(subjects: dict[str, State]) -> Iterator[list[tuple[str, State]]]:
    """As many subjects at a time as one document may ask for by two paths."""
    people = list(subjects.items())
    for start in range(0, len(people), IN_ONE_DOCUMENT):
        yield people[start : start + IN_ONE_DOCUMENT]


def selected(field: str) -> str:
    """A field with what lies below it."""
    return f"{GRAPHQL_NAMES[field]} {SUBSELECTIONS.get(field, '')}"


def refusals(answer: dict[str, Any]) -> list[tuple[list[str], str | None]]:
    """Where an answer's errors are and which field they name; each is FORBIDDEN."""
    errors = answer.get("errors", [])
    assert all(error["extensions"]["code"] == "FORBIDDEN" for error in errors), errors
    return sorted((error["path"], error["extensions"].get("personalField")) for error in errors)


def refused(asker: Asker, root: str, aliased: str) -> list[tuple[list[str], str | None]]:
    """The refusals below one root field that asks for everything, and for one field a second time."""
    below = [([root, GRAPHQL_NAMES[field]], field) for field in asker.unreachable]
    return [*below, ([root, "again"], aliased)] if aliased in asker.unreachable else below


def with_alias(shown: dict[str, Any] | None, aliased: str) -> dict[str, Any] | None:
    """An expected answer that holds one field a second time."""
    return shown and {**shown, "again": shown[GRAPHQL_NAMES[aliased]]}


async def test_user_and_node_answer_as_expected(world: World, subjects: dict[str, State]) -> None:
    for asker in ASKERS:
        token = await asker.token(world)
        for batch in batches(subjects):
            await user_and_node_answer_as_expected(world, asker, token, batch)


async def user_and_node_answer_as_expected(
    world: World, asker: Asker, token: str | None, batch: list[tuple[str, State]]
) -> None:
    """Asks for these subjects by both paths at once, one field of each a second time."""
    aliased = [FIELDS[state.place % len(FIELDS)] for _, state in batch]
    again, them = [selected(field) for field in aliased], range(len(batch))
    document = f"""query ({" ".join(f"$i{p}: ID!" for p in them)}) {{
      {" ".join(f"u{p}: user(id: $i{p}) {{ ...Whole again: {again[p]} }}" for p in them)}
      {" ".join(f"n{p}: node(id: $i{p}) {{ ...Whole ... on User {{ again: {again[p]} }} }}" for p in them)}
    }} {WHOLE}"""
    answer = await world.ask(document, token, {f"i{place}": key for place, (key, _) in enumerate(batch)})
    errors: list[tuple[list[str], str | None]] = []
    for place, (key, state) in enumerate(batch):
        expected = with_alias(state.shown(key, asker.audience), aliased[place])
        assert answer["data"][f"n{place}"] == expected, (asker, state)
        assert answer["data"][f"u{place}"] == (expected if asker.asks_by_user else None), (asker, state)
        errors += refused(asker, f"n{place}", aliased[place])
        errors += refused(asker, f"u{place}", aliased[place]) if asker.asks_by_user else [([f"u{place}"], None)]
    assert refusals(answer) == sorted(errors), asker


async def listed(world: World, token: str) -> dict[str, Any]:
    """Everybody in the directory, read page by page; whom the caller does not meet leaves no gap in one."""
    found: dict[str, Any] = {}
    after = None
    document = f"""query ($after: String) {{ users(first: 20, after: $after) {{
      edges {{ node {{ ...Whole }} }} pageInfo {{ hasNextPage endCursor }} }} }} {WHOLE}"""
    while True:
        page = (await world.data(document, token, {"after": after}))["users"]
        people = [edge["node"] for edge in page["edges"]]
        assert not {person["id"] for person in people} & set(found)
        assert len(people) == 20 or not page["pageInfo"]["hasNextPage"]
        found |= {person["id"]: person for person in people}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def test_the_directory_answers_as_user_does(world: World, subjects: dict[str, State]) -> None:
    token = await OTHER_MEMBER.token(world)
    shown = {key: state.shown(key, "MEMBERS") for key, state in subjects.items()}
    assert await listed(world, token or "") == {key: person for key, person in shown.items() if person}


async def test_the_directory_holds_oneself_while_social_stands(world: World, subjects: dict[str, State]) -> None:
    chosen = {
        key: state
        for key, state in subjects.items()
        if state.verified and not state.filled and not state.leaving and state.hidden in (NOTHING, MEMBERS_SEE)
    }
    others = {key: state.shown(key, "MEMBERS") for key, state in subjects.items()}
    for key, state in chosen.items():
        own = {key: state.shown(key, "SELF") if state.stands else None}
        assert await listed(world, await world.token(holder=key)) == {
            key: person for key, person in {**others, **own}.items() if person
        }


MYSELF = f"""query ($id: ID!) {{
  user(id: $id) {{ ...Whole }} node(id: $id) {{ ... on User {{ ...Whole }} }}
  me {{ user {{ ...Whole }} }} viewer {{ user {{ ...Whole }} }}
  aliased: user(id: $id) {{ {" ".join(f"{field}: {selected(field)}" for field in FIELDS)} }}
}} {WHOLE}"""
SEARCHED = f"""query ($name: String!) {{ users(search: $name) {{ edges {{ node {{ ...Whole }} }} }} }} {WHOLE}"""
CHANGED = f"mutation {{ updateProfile(input: {{}}) {{ ... on ProfileUpdated {{ user {{ ...Whole }} }} }} }} {WHOLE}"


async def test_oneself_is_the_same_on_every_path(world: World, subjects: dict[str, State]) -> None:
    for key, state in subjects.items():
        mine = state.shown(key, "SELF")
        assert mine is not None
        assert mine["withheld"] == []
        token = await world.token(holder=key)
        answer = await world.data(MYSELF, token, {"id": key})
        assert answer["user"] == answer["node"] == answer["me"]["user"] == answer["viewer"]["user"] == mine, state
        assert answer["aliased"] == {field: mine[GRAPHQL_NAMES[field]] for field in FIELDS}, state
        assert (await world.data(CHANGED, token))["updateProfile"] == {"user": mine}, state


async def test_oneself_is_found_under_a_hidden_name_too(world: World, subjects: dict[str, State]) -> None:
    filled = {key: state for key, state in subjects.items() if state.filled}
    for key, state in filled.items():
        answer = await world.ask(SEARCHED, await world.token(holder=key), {"name": state.last_name})
        if state.verified and not state.leaving:
            found = [edge["node"] for edge in answer["data"]["users"]["edges"]]
            assert found == ([state.shown(key, "SELF")] if state.stands else []), state
            assert "errors" not in answer
        else:
            assert (answer["data"], refusals(answer)) == ({"users": None}, [(["users"], None)])


SIGNING_IN = f"""mutation ($email: String!) {{ login(input: {{ email: $email, password: "{PASSWORD}" }}) {{
  ... on SignedIn {{ viewer {{ user {{ ...Whole }} }} }} }} }} {WHOLE}"""


async def test_signing_in_shows_oneself_as_every_other_path(world: World) -> None:
    hashed = PasswordHasher(1, 8, 1).hash(PASSWORD)
    for key, state in (await settled(world, STATES, passwordHash=hashed)).items():
        answer = await world.data(SIGNING_IN, None, {"email": state.email})
        # signing in keeps the address that it came from, which is on no map
        expected = state.shown(key, "SELF", IP_ADDRESS="127.0.0.1", LOCATION=None)
        assert answer["login"]["viewer"]["user"] == expected, state


async def test_a_token_that_is_no_session_reads_not_even_its_holder(world: World) -> None:
    everything = f"{{ viewer {{ role user {{ ...Whole named: email }} }} }} {WHOLE}"
    below = [(["viewer", "user", GRAPHQL_NAMES[field]], field) for field in FIELDS]
    nulls = dict.fromkeys([*GRAPHQL_NAMES.values(), "named"])
    withheld = [{"field": field, "reason": "ROLE", "purpose": None} for field in FIELDS]
    for asker in (asker for asker in ASKERS if asker.role is not Role.MEMBER):
        token = await asker.token(world)
        answer = await world.ask(everything, token)
        viewer = answer["data"]["viewer"]
        assert viewer["role"] == asker.role
        assert refusals(answer) == sorted([*below, (["viewer", "user", "named"], "EMAIL")])
        if asker.role in STAFF:
            holder = viewer["user"]["id"]
            assert viewer["user"] == {"id": holder, **nulls, "withheld": withheld}
            assert (await world.ask(BY_NODE, token, {"id": holder}))["data"] == {"node": None}
        else:
            assert viewer["user"] is None


async def test_a_field_asked_for_alone_answers_as_among_all(world: World, subjects: dict[str, State]) -> None:
    for asker in (VISITOR, OTHER_MEMBER):
        token = await asker.token(world)
        for field, name in GRAPHQL_NAMES.items():
            chosen = [
                (key, state.shown(key, asker.audience))
                for key, state in subjects.items()
                if state.verified and state.filled and not state.leaving and state.hidden in (NOTHING, {field})
            ]
            them = range(len(chosen))
            document = f"""query ({" ".join(f"$i{p}: ID!" for p in them)}) {{
              {" ".join(f"u{p}: user(id: $i{p}) {{ {selected(field)} }}" for p in them)}
              {" ".join(f"n{p}: node(id: $i{p}) {{ ... on User {{ {selected(field)} }} }}" for p in them)} }}"""
            answer = (await world.ask(document, token, {f"i{p}": chosen[p][0] for p in them}))["data"]
            expected = [shown and {name: shown[name]} for _, shown in chosen]
            assert len(expected) == 8
            assert [answer[f"u{p}"] for p in them] == [answer[f"n{p}"] for p in them] == expected, (asker, field)


async def test_the_directory_of_one_field_answers_as_among_all(world: World, subjects: dict[str, State]) -> None:
    token = await OTHER_MEMBER.token(world)
    met = {key: shown for key, state in sorted(subjects.items()) if (shown := state.shown(key, "MEMBERS"))}
    for field, name in GRAPHQL_NAMES.items():
        document = f"{{ users(first: 100) {{ edges {{ node {{ id {selected(field)} }} }} }} }}"
        found = [edge["node"] for edge in (await world.data(document, token))["users"]["edges"]]
        assert found == [{"id": key, name: shown[name]} for key, shown in met.items()], field


async def test_asking_for_no_field_meets_the_same_people(world: World, subjects: dict[str, State]) -> None:
    document = """query ($id: ID!) { user(id: $id) { __typename } node(id: $id) { id }
      withheld: user(id: $id) { withheld { field reason purpose } } }"""
    chosen = [each for each in subjects.items() if each[1].filled and each[1].hidden in (NOTHING, MEMBERS_SEE)]
    for asker in (asker for asker in ASKERS if asker.asks_by_user):
        token = await asker.token(world)
        for key, state in chosen:
            answer = await world.data(document, token, {"id": key})
            if shown := state.shown(key, asker.audience):
                named = {"withheld": shown["withheld"]}
                assert answer == {"user": {"__typename": "User"}, "node": {"id": key}, "withheld": named}, state
            else:
                assert answer == {"user": None, "node": None, "withheld": None}, state


# ---------------------------------------------------------------- absent


async def answered(world: World, document: str, token: str | None, subject_id: str) -> tuple[int, bytes, list[str]]:
    """Status, body and the statements sent for it; root fields are read side by side, so in no certain order."""
    async with recorded_statements(world.services.database) as sent:
        response = await world.post(document, token, {"id": subject_id})
    return response.status_code, response.content, sorted(sent)


ABSENCES = (
    State(0, NOTHING, NOTHING, verified=True, filled=True),
    State(1, frozenset({"EXPANSION"}), NOTHING, verified=True, filled=True),
    State(2, frozenset({"SOCIAL", "EXPANSION"}), NOTHING, verified=False, filled=True),
    State(3, frozenset({"SOCIAL", "EXPANSION"}), MEMBERS_SEE, verified=True, filled=True),
    State(4, frozenset({"SOCIAL"}), EVERYTHING, verified=True, filled=False),
    State(5, frozenset({"SOCIAL"}), NOTHING, verified=True, filled=True),
    State(6, frozenset({"SOCIAL"}), expectation.ever("PUBLIC"), verified=True, filled=True),
    State(7, frozenset({"SOCIAL", "EXPANSION"}), NOTHING, verified=True, filled=True, leaving=True),
)
BY_USER = f"query ($id: ID!) {{ user(id: $id) {{ ...Whole }} }} {WHOLE}"
BY_NODE = f"query ($id: ID!) {{ node(id: $id) {{ id __typename ... on User {{ ...Whole }} }} }} {WHOLE}"
BY_ID = "query ($id: ID!) { user(id: $id) { id } node(id: $id) { id } }"


async def test_an_absent_subject_is_an_unknown_id_to_the_byte(world: World) -> None:
    people = await settled(world, ABSENCES)
    for asker in ASKERS:
        token = await asker.token(world)
        await world.ask("{ viewer { role } }", token)  # the first use of a token is noted, which is a write
        absent = [key for key, state in people.items() if state.shown(key, asker.audience) is None]
        assert len(absent) >= 6
        for document in (BY_USER, BY_NODE, BY_ID):
            unknown = await answered(world, document, token, UNKNOWN)
            for key in absent:
                assert await answered(world, document, token, key) == unknown, (asker, people[key])

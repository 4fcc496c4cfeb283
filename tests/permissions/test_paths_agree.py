"""Every path to a subject gives a caller the same answer, and an absent subject answers like an unknown id."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from argon2 import PasswordHasher
from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import update

from models.tables import ACCOUNTS
from models.vocabulary import STAFF, Processor, Role
from schema.build import build
from tests import expectation
from tests.expectation import ALL_FIELDS, FIELDS, NO_FIELDS, Circumstances
from tests.statements import recorded_statements
from tests.world import FORM, GRAPHQL_NAMES, PASSWORD, PROFILE, USER, World, line

UNKNOWN = "0" * 32
WHOLE = f"fragment Whole on User {{ {USER} }}"
STANDINGS = tuple(frozenset(purposes) for purposes in ((), ("SOCIAL",), ("EXPANSION",), ("SOCIAL", "EXPANSION")))
MEMBERS_SEE = expectation.possible_fields("MEMBERS")
HIDINGS = (NO_FIELDS, MEMBERS_SEE, *(frozenset({field}) for field in FIELDS))
IN_ONE_DOCUMENT = 6
SUBSELECTIONS = {
    "LOCATION": "{ country city latitude longitude }",
    "PUBLIC_PAGES": "{ title url body }",
    "PRE_REGISTRATION": f"{{ {' '.join(FORM)} }}",
}


@dataclass(frozen=True)
class State:
    """The state of one subject that answers depend on. `place` makes their values unique."""

    place: int
    standing: frozenset[str]
    hidden: frozenset[str]
    verified: bool
    filled: bool
    leaving: bool = False

    @property
    def email(self) -> str:
        """A unique e-mail address."""
        return f"s{self.place}@example.org"

    @property
    def last_name(self) -> str:
        """A unique last name to search for."""
        return f"zq{self.place:04}x"

    @property
    def stands(self) -> bool:
        """Whether SOCIAL stands."""
        return self.verified and "SOCIAL" in self.standing

    def as_line(self) -> dict[str, Any]:
        """Returns this person as a line of an import."""
        if self.filled:
            filling = {"profile": {**PROFILE, "lastName": self.last_name}}
        else:
            filling = {"profile": {}, "preRegistration": {}, "ipAddress": None}
        hidden = [field for field in FIELDS if field in self.hidden]
        return line(self.email, sorted(self.standing), emailVerified=self.verified, hidden=hidden, **filling)

    def values(self) -> dict[str, Any]:
        """Returns the stored value of each field, as GraphQL returns it."""
        held: dict[str, Any] = dict.fromkeys(FIELDS)
        if self.filled:
            named = {name: field for field, name in GRAPHQL_NAMES.items()}
            held |= {named[name]: value for name, value in PROFILE.items()}
            held |= {"IP_ADDRESS": "90.190.1.7", "LAST_NAME": self.last_name, "PRE_REGISTRATION": dict(FORM)}
            if self.stands:
                held["LOCATION"] = {"country": "EE", "city": None, "latitude": None, "longitude": None}
        return {**held, "EMAIL": self.email}

    def expected_decision(self, audience: str | None) -> expectation.ExpectedDecision | None:
        """Returns the expected decision."""
        return expectation.decision(
            audience, Circumstances(self.standing, self.hidden, not self.verified, self.leaving)
        )

    def expected_user(self, subject_id: str, audience: str | None, **moved: Any) -> dict[str, Any] | None:
        """Returns the expected answer with every field of User."""
        verdicts = self.expected_decision(audience)
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
LEAVING = [(*state, True) for state in product(STANDINGS, (NO_FIELDS, MEMBERS_SEE), (True, False), (True,))]
STATES = tuple(State(place, *state) for place, state in enumerate([*STAYING, *LEAVING]))


@dataclass(frozen=True)
class QueryCaller:
    """A caller: the role of their token, and their audience to other subjects."""

    role: Role
    audience: str | None = None
    verified: bool = True

    @property
    def unreachable(self) -> frozenset[str]:
        """The fields that the role can never read."""
        return ALL_FIELDS - expectation.possible_fields(*expectation.AUDIENCES_OF_ROLE[self.role])

    @property
    def may_use_user(self) -> bool:
        """Whether the role may use the root field `user`."""
        return self.role in (Role.ANONYMOUS, Role.MEMBER, Role.SUPPORT, Role.COMPLIANCE)

    async def token(self, world: World) -> str | None:
        """Returns their token. Holders of staff roles consent to every purpose."""
        if self.role is Role.ANONYMOUS:
            return None
        if self.role is Role.PROCESSOR:
            return await world.token(self.role, processor=Processor.INTERCOM)
        purposes = () if self.role is Role.MEMBER else ("SOCIAL", "EXPANSION")
        email = f"{self.role.value}.{self.verified}@example.org"
        return await world.token(self.role, await world.person(email, purposes, emailVerified=self.verified))


VISITOR = QueryCaller(Role.ANONYMOUS, "PUBLIC")
OTHER_MEMBER = QueryCaller(Role.MEMBER, "MEMBERS")
CALLERS = (
    VISITOR,
    OTHER_MEMBER,
    QueryCaller(Role.MEMBER, verified=False),
    QueryCaller(Role.SUPPORT),
    QueryCaller(Role.ANALYTICS),
    QueryCaller(Role.COMPLIANCE),
    QueryCaller(Role.OPERATIONS),
    QueryCaller(Role.PROCESSOR),
)


PATHS_TO_USERS = {
    *("Query.user", "Query.node", "Query.nodes", "UserEdge.node", "Account.user", "Viewer.user", "ProfileUpdated.user"),
    *("SupportCase.subject", "LegalRequest.subject"),
}
"""Every field that can answer a User: compared here, or in the tests of cases and requests."""


def test_every_path_to_a_subject_is_compared() -> None:
    kinds = [kind for kind in build().graphql.type_map.values() if isinstance(kind, GraphQLObjectType)]
    found = {
        f"{kind.name}.{name}"
        for kind in kinds
        for name, field in kind.fields.items()
        if get_named_type(field.type).name in ("User", "Node")
    }
    assert found == PATHS_TO_USERS


@pytest.fixture
async def subjects(world: World) -> dict[str, State]:
    """Every subject by id."""
    return await store_people(world, STATES)


async def store_people(world: World, states: Sequence[State], **more: Any) -> dict[str, State]:
    """Stores people in these states and returns places by id."""
    people = dict(
        zip(await world.store_people(*({**state.as_line(), **more} for state in states)), states, strict=True)
    )
    leaving = ACCOUNTS.c.id.in_([key for key, state in people.items() if state.leaving])
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(leaving).values(leaving_since=world.services.now()))
    return people


def batches(subjects: dict[str, State]) -> Iterator[list[tuple[str, State]]]:
    """Yields as many subjects as one document may select by two paths."""
    people = list(subjects.items())
    for start in range(0, len(people), IN_ONE_DOCUMENT):
        yield people[start : start + IN_ONE_DOCUMENT]


def selected(field: str) -> str:
    """Returns a field with its subselection."""
    return f"{GRAPHQL_NAMES[field]} {SUBSELECTIONS.get(field, '')}"


def refusals(answer: dict[str, Any]) -> tuple[list[str], dict[str, set[str]]]:
    """Returns the refused root fields, each with a FORBIDDEN error, and the refused fields below the others."""
    errors = answer.get("errors", [])
    assert all(error["extensions"]["code"] == "FORBIDDEN" for error in errors), errors
    assert all(error["extensions"]["reason"] and error["locations"] and len(error["path"]) == 1 for error in errors)
    listed = answer.get("extensions", {}).get("refusedFields", [])
    assert all(len(each["fields"]) == len(set(each["fields"])) for each in listed)
    below = {each["path"][0]: set(each["fields"]) for each in listed}
    assert len(below) == len(listed)
    return sorted(error["path"][0] for error in errors), below


def refused_coordinates(fields: Iterable[str]) -> set[str]:
    """Returns these fields as `refusedFields` names them."""
    return {f"User.{GRAPHQL_NAMES[field]}" for field in fields}


def with_alias(user: dict[str, Any] | None, aliased: str) -> dict[str, Any] | None:
    """Returns an expected answer that contains one field twice."""
    return user and {**user, "again": user[GRAPHQL_NAMES[aliased]]}


async def test_user_and_node_answer_as_expected(world: World, subjects: dict[str, State]) -> None:
    for caller in CALLERS:
        token = await caller.token(world)
        for batch in batches(subjects):
            await user_and_node_answer_as_expected(world, caller, token, batch)
        await nodes_answers_as_expected(world, caller, token, subjects)


async def user_and_node_answer_as_expected(
    world: World, caller: QueryCaller, token: str | None, batch: list[tuple[str, State]]
) -> None:
    """Queries these subjects by both paths at once, one field of each twice."""
    aliased = [FIELDS[state.place % len(FIELDS)] for _, state in batch]
    again, places = [selected(field) for field in aliased], range(len(batch))
    document = f"""query ({" ".join(f"$i{p}: ID!" for p in places)}) {{
      {" ".join(f"u{p}: user(id: $i{p}) {{ ...Whole again: {again[p]} }}" for p in places)}
      {" ".join(f"n{p}: node(id: $i{p}) {{ ...Whole ... on User {{ again: {again[p]} }} }}" for p in places)}
    }} {WHOLE}"""
    answer = await world.ask(document, token, {f"i{place}": key for place, (key, _) in enumerate(batch)})
    unreachable = refused_coordinates(caller.unreachable)
    roots = [f"{letter}{p}" for letter in ("nu" if caller.may_use_user else "n") for p in places]
    for place, (key, state) in enumerate(batch):
        expected = with_alias(state.expected_user(key, caller.audience), aliased[place])
        assert answer["data"][f"n{place}"] == expected, (caller, state)
        assert answer["data"][f"u{place}"] == (expected if caller.may_use_user else None), (caller, state)
    refused_roots = [] if caller.may_use_user else [f"u{place}" for place in places]
    assert refusals(answer) == (refused_roots, dict.fromkeys(roots, unreachable) if unreachable else {}), caller


async def nodes_answers_as_expected(
    world: World, caller: QueryCaller, token: str | None, subjects: dict[str, State]
) -> None:
    """Queries all subjects by `nodes`, the first of each batch again at its end, with an unknown id between them."""
    keys = list(subjects)
    for start in range(0, len(keys), 98):
        ids = [*keys[start : start + 98], UNKNOWN, keys[start]]
        answer = await world.ask(BY_NODES, token, {"ids": ids})
        expected = {key: subjects[key].expected_user(key, caller.audience) for key in ids if key != UNKNOWN}
        assert answer["data"]["nodes"] == [expected.get(key) for key in ids], caller
        unreachable = refused_coordinates(caller.unreachable)
        assert refusals(answer) == ([], {"nodes": unreachable} if unreachable else {}), caller


async def directory(world: World, token: str) -> dict[str, Any]:
    """Reads the directory page by page. Absent subjects leave no gap in a page."""
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
    users = {key: state.expected_user(key, "MEMBERS") for key, state in subjects.items()}
    assert await directory(world, token or "") == {key: user for key, user in users.items() if user}


async def test_the_directory_contains_the_caller_if_social_stands(world: World, subjects: dict[str, State]) -> None:
    chosen = {
        key: state
        for key, state in subjects.items()
        if state.verified and not state.filled and not state.leaving and state.hidden in (NO_FIELDS, MEMBERS_SEE)
    }
    others = {key: state.expected_user(key, "MEMBERS") for key, state in subjects.items()}
    for key, state in chosen.items():
        own = {key: state.expected_user(key, "SELF") if state.stands else None}
        assert await directory(world, await world.token(holder=key)) == {
            key: person for key, person in {**others, **own}.items() if person
        }


OWN_PATHS = f"""query ($id: ID!) {{
  user(id: $id) {{ ...Whole }} node(id: $id) {{ ... on User {{ ...Whole }} }} nodes(ids: [$id]) {{ ...Whole }}
  me {{ user {{ ...Whole }} }} viewer {{ user {{ ...Whole }} }}
  aliased: user(id: $id) {{ {" ".join(f"{field}: {selected(field)}" for field in FIELDS)} }}
}} {WHOLE}"""
SEARCH = f"""query ($name: String!) {{ users(search: $name) {{ edges {{ node {{ ...Whole }} }} }} }} {WHOLE}"""
UPDATE = f"""mutation {{ updateProfile(input: {{}}) {{ ... on ProfileUpdated {{
  user {{ ...Whole }} account {{ user {{ ...Whole }} }} }} }} }} {WHOLE}"""


async def test_the_caller_reads_the_same_own_record_on_every_path(world: World, subjects: dict[str, State]) -> None:
    for key, state in subjects.items():
        mine = state.expected_user(key, "SELF")
        assert mine is not None
        assert mine["withheld"] == []
        token = await world.token(holder=key)
        answer = await world.data(OWN_PATHS, token, {"id": key})
        assert [answer["user"]] == answer["nodes"]
        assert answer["user"] == answer["node"] == answer["me"]["user"] == answer["viewer"]["user"] == mine, state
        assert answer["aliased"] == {field: mine[GRAPHQL_NAMES[field]] for field in FIELDS}, state
        assert (await world.data(UPDATE, token))["updateProfile"] == {"user": mine, "account": {"user": mine}}, state


async def test_a_search_finds_the_callers_own_hidden_name(world: World, subjects: dict[str, State]) -> None:
    filled = {key: state for key, state in subjects.items() if state.filled}
    for key, state in filled.items():
        answer = await world.ask(SEARCH, await world.token(holder=key), {"name": state.last_name})
        if state.verified and not state.leaving:
            found = [edge["node"] for edge in answer["data"]["users"]["edges"]]
            assert found == ([state.expected_user(key, "SELF")] if state.stands else []), state
            assert "errors" not in answer
        else:
            assert (answer["data"], refusals(answer)) == ({"users": None}, (["users"], {}))


LOGIN = f"""mutation ($email: String!) {{ login(input: {{ email: $email, password: "{PASSWORD}" }}) {{
  ... on SignedIn {{ viewer {{ user {{ ...Whole }} }} }} }} }} {WHOLE}"""


async def test_login_returns_the_same_record_as_other_paths(world: World) -> None:
    hashed = PasswordHasher(1, 8, 1).hash(PASSWORD)
    for key, state in (await store_people(world, STATES, passwordHash=hashed)).items():
        answer = await world.data(LOGIN, None, {"email": state.email})
        # login stores the caller's IP address, which has no location
        expected = state.expected_user(key, "SELF", IP_ADDRESS="127.0.0.1", LOCATION=None)
        assert answer["login"]["viewer"]["user"] == expected, state


async def test_a_staff_token_does_not_read_its_holder(world: World) -> None:
    everything = f"{{ viewer {{ role user {{ ...Whole named: email }} }} }} {WHOLE}"
    nulls = dict.fromkeys([*GRAPHQL_NAMES.values(), "named"])
    withheld = [{"field": field, "reason": "ROLE", "purpose": None} for field in FIELDS]
    for caller in (caller for caller in CALLERS if caller.role is not Role.MEMBER):
        token = await caller.token(world)
        answer = await world.ask(everything, token)
        viewer = answer["data"]["viewer"]
        assert viewer["role"] == caller.role
        assert refusals(answer) == ([], {"viewer": refused_coordinates(FIELDS)})
        if caller.role in STAFF:
            holder = viewer["user"]["id"]
            assert viewer["user"] == {"id": holder, **nulls, "withheld": withheld}
            assert (await world.ask(BY_NODE, token, {"id": holder}))["data"] == {"node": None}
        else:
            assert viewer["user"] is None


async def test_a_single_field_has_the_same_value_as_among_all(world: World, subjects: dict[str, State]) -> None:
    for caller in (VISITOR, OTHER_MEMBER):
        token = await caller.token(world)
        for field, name in GRAPHQL_NAMES.items():
            chosen = [
                (key, state.expected_user(key, caller.audience))
                for key, state in subjects.items()
                if state.verified and state.filled and not state.leaving and state.hidden in (NO_FIELDS, {field})
            ]
            places = range(len(chosen))
            document = f"""query ({" ".join(f"$i{p}: ID!" for p in places)}) {{
              {" ".join(f"u{p}: user(id: $i{p}) {{ {selected(field)} }}" for p in places)}
              {" ".join(f"n{p}: node(id: $i{p}) {{ ... on User {{ {selected(field)} }} }}" for p in places)} }}"""
            answer = (await world.ask(document, token, {f"i{p}": chosen[p][0] for p in places}))["data"]
            expected = [user and {name: user[name]} for _, user in chosen]
            assert len(expected) == 8
            assert [answer[f"u{p}"] for p in places] == [answer[f"n{p}"] for p in places] == expected, (caller, field)


async def test_the_directory_of_one_field_agrees_with_the_full_one(world: World, subjects: dict[str, State]) -> None:
    token = await OTHER_MEMBER.token(world)
    users = ((key, state.expected_user(key, "MEMBERS")) for key, state in sorted(subjects.items()))
    readable = {key: user for key, user in users if user}
    for field, name in GRAPHQL_NAMES.items():
        document = f"{{ users(first: 100) {{ edges {{ node {{ id {selected(field)} }} }} }} }}"
        found = [edge["node"] for edge in (await world.data(document, token))["users"]["edges"]]
        assert found == [{"id": key, name: user[name]} for key, user in readable.items()], field


async def test_a_query_without_fields_finds_the_same_subjects(world: World, subjects: dict[str, State]) -> None:
    document = """query ($id: ID!) { user(id: $id) { __typename } node(id: $id) { id }
      withheld: user(id: $id) { withheld { field reason purpose } } }"""
    chosen = [each for each in subjects.items() if each[1].filled and each[1].hidden in (NO_FIELDS, MEMBERS_SEE)]
    for caller in (caller for caller in CALLERS if caller.may_use_user):
        token = await caller.token(world)
        for key, state in chosen:
            answer = await world.data(document, token, {"id": key})
            if user := state.expected_user(key, caller.audience):
                named = {"withheld": user["withheld"]}
                assert answer == {"user": {"__typename": "User"}, "node": {"id": key}, "withheld": named}, state
            else:
                assert answer == {"user": None, "node": None, "withheld": None}, state


# ---------------------------------------------------------------- absent


async def response_of(world: World, document: str, token: str | None, subject_id: str) -> tuple[int, bytes, list[str]]:
    """Returns status, body and the sorted statements, since root fields run concurrently."""
    async with recorded_statements(world.services.database) as sent:
        response = await world.post(document, token, {"id": subject_id})
    return response.status_code, response.content, sorted(sent)


ABSENCES = (
    State(0, NO_FIELDS, NO_FIELDS, verified=True, filled=True),
    State(1, frozenset({"EXPANSION"}), NO_FIELDS, verified=True, filled=True),
    State(2, frozenset({"SOCIAL", "EXPANSION"}), NO_FIELDS, verified=False, filled=True),
    State(3, frozenset({"SOCIAL", "EXPANSION"}), MEMBERS_SEE, verified=True, filled=True),
    State(4, frozenset({"SOCIAL"}), ALL_FIELDS, verified=True, filled=False),
    State(5, frozenset({"SOCIAL"}), NO_FIELDS, verified=True, filled=True),
    State(6, frozenset({"SOCIAL"}), expectation.possible_fields("PUBLIC"), verified=True, filled=True),
    State(7, frozenset({"SOCIAL", "EXPANSION"}), NO_FIELDS, verified=True, filled=True, leaving=True),
)
BY_USER = f"query ($id: ID!) {{ user(id: $id) {{ ...Whole }} }} {WHOLE}"
BY_NODE = f"query ($id: ID!) {{ node(id: $id) {{ id __typename ... on User {{ ...Whole }} }} }} {WHOLE}"
BY_NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ...Whole }} }} {WHOLE}"
BETWEEN = f'query ($id: ID!) {{ nodes(ids: [$id, "nobody", $id]) {{ id __typename ...Whole }} }} {WHOLE}'
BY_ID = "query ($id: ID!) { user(id: $id) { id } node(id: $id) { id } }"


async def test_an_absent_subject_answers_byte_for_byte_like_an_unknown_id(world: World) -> None:
    people = await store_people(world, ABSENCES)
    for caller in CALLERS:
        token = await caller.token(world)
        await world.ask("{ viewer { role } }", token)  # the first use of a token is recorded by a write
        absent = [key for key, state in people.items() if state.expected_user(key, caller.audience) is None]
        assert len(absent) >= 6
        for document in (BY_USER, BY_NODE, BETWEEN, BY_ID):
            unknown = await response_of(world, document, token, UNKNOWN)
            for key in absent:
                assert await response_of(world, document, token, key) == unknown, (caller, people[key])

"""What nobody classified does not start, what is guarded stays shut, and refusals follow from document and role."""

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values
from sqlalchemy import Column, Integer, MetaData, String, Table, select, update

from models.columns import HOLDS, IMPERSONAL, unclassified_columns
from models.tables import ACCOUNTS, METADATA
from models.vocabulary import EVERY_FIELD, Audience, Lock, PersonalField, Processor, Role
from permissions.caller import Caller
from permissions.graphql import classified_schema
from permissions.graphql.classified_schema import ClassifiedSchema, UnclassifiedField, impersonal, open_field
from permissions.graphql.document_selection import SelectionWalk
from permissions.graphql.field_permission import GUARD, CanRead, GuardedField, personal_field
from permissions.graphql.root_field_access import RootFieldAccess
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES, RootFieldRule
from permissions.masked_columns import is_unlocked, lock_bits
from permissions.subject import Subject
from resolvers.context import Context
from schema.build import build
from schema.node import Node
from schema.user import User
from tests import expectation
from tests.expectation import EVERYTHING, FIELDS
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, World, line

UNKNOWN = "0" * 32
SUBSELECTIONS = {
    "location": "{ country }",
    "publicPages": "{ title }",
    "preRegistration": "{ country organization }",
}
EVERY_SELECTION = " ".join(f"{name} {SUBSELECTIONS.get(name, '')}" for name in GRAPHQL_NAMES.values())


def answering(value: Any = None, coordinate: str = "Query.user") -> Any:
    """A resolver's field below the root, admitted by this row."""

    async def resolve() -> Any:
        return value

    return {"resolver": resolve, "extensions": [RootFieldAccess(coordinate)]}


def schema_showing(kind: Any, *more: Any, **root: Any) -> ClassifiedSchema:
    """A schema whose only root field `user` answers this type."""
    admitted = root or answering()

    @strawberry.type
    class Query:
        user = strawberry.field(graphql_type=kind | None, **admitted)

    return ClassifiedSchema(query=Query, types=more)


def bare(*schema: Any, **root: Any) -> list[str]:
    """What keeps a schema from being built."""
    with pytest.raises(UnclassifiedField) as refused:
        schema_showing(*schema, **root)
    return str(refused.value).removeprefix("No rule says who may read these: ").split(", ")


# ---------------------------------------------------------------- what does not build


def test_a_field_that_nobody_classified_does_not_build() -> None:
    @strawberry.type
    class Leak:
        id: strawberry.ID = open_field("an opaque random name")
        email: str | None = personal_field(PersonalField.EMAIL)
        secret_note: str | None
        computed: str = strawberry.field(resolver=lambda: "")

    assert bare(Leak) == ["Leak.computed", "Leak.secretNote"]


def test_a_type_that_is_not_on_the_way_from_the_root_counts_too() -> None:
    @strawberry.type
    class Aside:
        secret: str

    assert bare(User, Aside) == ["Aside.secret"]


def test_a_mark_on_a_type_is_not_inherited() -> None:
    @impersonal("about nobody")
    @strawberry.type
    class Plain:
        title: str

    @strawberry.type
    class Grown(Plain):
        secret: str

    assert bare(Grown) == ["Grown.secret", "Grown.title"]


def test_a_redeclared_field_is_bare_an_inherited_one_guarded() -> None:
    @strawberry.interface
    class Reached:
        email: str | None = personal_field(PersonalField.EMAIL)

    @strawberry.type
    class Keeps(Reached):
        about: str | None = personal_field(PersonalField.ABOUT)

    @strawberry.type
    class Redeclares(Reached):
        email: str | None

    @strawberry.type
    class Resolves(Reached):
        @strawberry.field
        def email(self) -> str | None:
            return "somebody@example.org"

    assert bare(Keeps, Redeclares, Resolves) == ["Redeclares.email", "Resolves.email"]
    guards = schema_showing(Keeps).guards
    assert {name: guard.field for name, guard in guards.items()} == {
        "Keeps.about": PersonalField.ABOUT,
        "Keeps.email": PersonalField.EMAIL,
    }


def test_a_redeclared_id_is_bare() -> None:
    @strawberry.type
    class Thing(Node):
        id: strawberry.ID

    assert bare(Thing) == ["Thing.id"]


async def nobody() -> None:
    """A resolver that reads nothing."""


@pytest.mark.parametrize("extensions", [[], [RootFieldAccess("Query.node")], [RootFieldAccess("Mutation.login")]])
def test_a_root_field_without_its_own_row_does_not_build(extensions: list[Any]) -> None:
    assert bare(User, resolver=nobody, extensions=extensions) == ["Query.user"]


def test_a_mutation_without_its_own_row_does_not_build() -> None:
    @strawberry.type
    class Query:
        user = strawberry.field(graphql_type=User | None, **answering())

    @strawberry.type
    class Mutation:
        user = strawberry.field(graphql_type=User | None, **answering())

    with pytest.raises(UnclassifiedField, match=r"Mutation\.user$"):
        ClassifiedSchema(query=Query, mutation=Mutation)


def test_a_row_that_nobody_wrote_cannot_be_named() -> None:
    with pytest.raises(KeyError):
        RootFieldAccess("Query.everything")


def test_a_field_outside_the_policy_cannot_be_guarded() -> None:
    with pytest.raises(KeyError):
        personal_field("SHOE_SIZE")  # type: ignore[arg-type]  # the point of the test


def test_a_column_that_nobody_classified_does_not_build(monkeypatch: pytest.MonkeyPatch) -> None:
    aside = MetaData()
    Table(
        "notes",
        aside,
        Column("id", Integer, primary_key=True, info={IMPERSONAL: "a number"}),
        Column("about", String, info={HOLDS: PersonalField.ABOUT}),
        Column("shoe_size", Integer),
    )
    assert unclassified_columns(aside.tables.values()) == ["notes.shoe_size"]
    monkeypatch.setattr(classified_schema, "METADATA", aside)
    with pytest.raises(UnclassifiedField, match=r"notes\.shoe_size$"):
        build()


def test_everything_bare_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    aside = MetaData()
    Table("notes", aside, Column("shoe_size", Integer, primary_key=True))
    monkeypatch.setattr(classified_schema, "METADATA", aside)

    @strawberry.type
    class Leak:
        secret: str

    assert bare(Leak, resolver=nobody) == ["Leak.secret", "Query.user", "notes.shoe_size"]


def test_every_stored_column_is_classified_once() -> None:
    assert unclassified_columns(METADATA.tables.values()) == []
    for table in METADATA.tables.values():
        for column in table.columns:
            assert (HOLDS in column.info) != (IMPERSONAL in column.info), f"{table.name}.{column.name}"
            assert column.info.get(HOLDS) or column.info[IMPERSONAL].strip()


def test_root_fields_and_their_rows_are_the_same_set() -> None:
    kinds = (build().graphql.query_type, build().graphql.mutation_type)
    assert {f"{kind.name}.{name}" for kind in kinds for name in kind.fields} == set(ROOT_FIELD_RULES)
    assert build().graphql.subscription_type is None


# ---------------------------------------------------------------- what a guard answers

STORED = {
    "email": "subject@example.org",
    "first_name": "Amara",
    "public_pages": [SimpleNamespace(title="Bowls", url="https://pages.example.org/bowls", body=None)],
}
PAGES_AND_NAME = "{ user { firstName publicPages { title } } }"


def subject(mask: int, values: dict[str, Any] | None = None) -> Subject:
    """Somebody of whom these bits may be read."""
    return Subject("a" * 32, Audience.MEMBERS, mask, (), STORED if values is None else values)


async def shown(mask: int, values: dict[str, Any] | None = None) -> Any:
    """What a schema shows of a subject with these bits."""
    schema = schema_showing(User, **answering(subject(mask, values)))
    result = await schema.execute(PAGES_AND_NAME, context_value=Context(Caller(), services=None))
    assert result.errors is None
    return result.data["user"]


async def test_a_withheld_list_is_null_and_never_empty() -> None:
    assert await shown(0) == {"firstName": None, "publicPages": None}
    assert await shown(EVERY_FIELD & ~PersonalField.PUBLIC_PAGES.bit) == {"firstName": "Amara", "publicPages": None}
    assert await shown(EVERY_FIELD, {**STORED, "public_pages": []}) == {"firstName": "Amara", "publicPages": []}
    assert await shown(0, {**STORED, "public_pages": []}) == {"firstName": None, "publicPages": None}
    assert await shown(EVERY_FIELD) == {"firstName": "Amara", "publicPages": [{"title": "Bowls"}]}


def guarded_fields() -> dict[str, GuardedField]:
    """Strawberry's own definition of each guarded field of User."""
    definition = User.__strawberry_definition__  # type: ignore[attr-defined]  # Strawberry adds it
    return {field.python_name: field for field in definition.fields if isinstance(field, GuardedField)}


@pytest.mark.parametrize("field", PersonalField)
def test_a_guard_opens_by_its_own_bit_alone(field: PersonalField) -> None:
    name = field.value.lower()
    declared = guarded_fields()[name]
    guard = declared.metadata[GUARD]
    assert (guard.field, guard.bit) == (field, expectation.BITS[field])
    held = {name: ["kept"]}
    for mask, answer in ((field.bit, ["kept"]), (EVERY_FIELD, ["kept"]), (EVERY_FIELD & ~field.bit, None), (0, None)):
        assert declared.get_result(subject(mask, held), None, [], {}) == answer
        assert (
            build().graphql.type_map["User"].fields[GRAPHQL_NAMES[field]].resolve(subject(mask, held), None) == answer
        )
        assert guard.has_permission(subject(mask), None) is (answer is not None)


@pytest.mark.parametrize(
    "source",
    [None, {"mask": EVERY_FIELD}, SimpleNamespace(mask=EVERY_FIELD, values=STORED), EVERY_FIELD, "a" * 32],
    ids=lambda source: type(source).__name__,
)
def test_a_guard_refuses_what_is_no_subject(source: Any) -> None:
    assert not any(CanRead(field).has_permission(source, None) for field in PersonalField)


# ---------------------------------------------------------------- what a lock keeps in the database


async def test_a_lock_keeps_in_the_database_what_the_reading_says(world: World) -> None:
    """Each lock in every combination with the others."""
    now = world.services.now()
    states = list(product((False, True), repeat=4))
    ids = await world.store_people(
        *(line(f"s{place}@example.org", emailVerified=not state[0]) for place, state in enumerate(states))
    )
    async with world.services.database.writing() as connection:
        for id, (_, leaving, objected, restricted) in zip(ids, states, strict=True):
            values = {
                "leaving_since": now if leaving else None,
                "objected": 15 * objected,
                "restricted_at": now if restricted else None,
            }
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(**values))
    for audience in Audience:
        read = select(ACCOUNTS.c.id, is_unlocked(audience).label("unlocked"), lock_bits(audience))
        async with world.services.database.reading() as connection:
            found = {row.id: row for row in (await connection.execute(read)).all()}
        for id, (unverified, leaving, objected, restricted) in zip(ids, states, strict=True):
            # which cases a restriction spares is decided after the database, with the extent
            state = expectation.Circumstances(
                unverified=unverified, leaving=leaving, objected=objected, restricted=restricted, own_cases=EVERYTHING
            )
            assert bool(found[id].unlocked) is not expectation.kept_away(audience.value, state), (audience, state)
            here = objected and audience.value in expectation.PROCESSORS
            on = Lock.UNVERIFIED * unverified + Lock.LEAVING * leaving + Lock.OBJECTED * here
            assert found[id].locks == on + Lock.RESTRICTED * restricted, (audience, state)


# ---------------------------------------------------------------- what a role can never read


def never(fields: Sequence[str] | frozenset[str], *root: str) -> list[dict[str, Any]]:
    """The errors for these fields below a root field."""
    return [refused_at([*root, GRAPHQL_NAMES[field]], field) for field in FIELDS if field in fields]


def refused_at(path: list[str], field: str) -> dict[str, Any]:
    """The one error for a field at this place."""
    named = {"code": "FORBIDDEN", "field": GRAPHQL_NAMES[field], "personalField": field}
    return {"message": "Your role may not read or do this.", "path": path, "extensions": named}


def sorted_errors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """An answer's errors without the places in the text, in the order of their paths."""
    errors = [{name: part for name, part in error.items() if name != "locations"} for error in answer.get("errors", [])]
    return sorted(errors, key=lambda error: error["path"])


def in_order(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Expected errors in the same order."""
    return sorted(errors, key=lambda error: error["path"])


async def token_of(world: World, role: Role) -> str | None:
    """A token of this role, held by a person who stands consented to everything."""
    if role is Role.ANONYMOUS:
        return None
    if role is Role.PROCESSOR:
        return await world.token(role, processor=Processor.INTERCOM)
    return await world.token(role, await world.person(f"{role.value}@example.org", ("SOCIAL", "EXPANSION")))


def unreachable(role: Role) -> frozenset[str]:
    """What no audience of this role ever reads."""
    return EVERYTHING - expectation.ever(*expectation.MEETS_IN_THE_GRAPH[role])


@pytest.mark.parametrize("role", Role)
async def test_one_error_for_each_field_that_the_role_can_never_read(world: World, role: Role) -> None:
    token = await token_of(world, role)
    known = await world.person("subject@example.org")
    refused_root = role in (Role.ANALYTICS, Role.OPERATIONS, Role.PROCESSOR)
    for named in (known, UNKNOWN):
        document = f'{{ user(id: "{named}") {{ id withheld {{ field }} {EVERY_SELECTION} }} }}'
        alone = {"message": "Your role may not read or do this.", "path": ["user"], "extensions": {"code": "FORBIDDEN"}}
        expected = [alone] if refused_root else never(unreachable(role), "user")
        assert sorted_errors(await world.ask(document, token)) == in_order(expected)
        document = f'{{ node(id: "{named}") {{ id ... on User {{ {EVERY_SELECTION} }} }} }}'
        assert sorted_errors(await world.ask(document, token)) == in_order(never(unreachable(role), "node"))


@pytest.mark.parametrize("role", Role)
async def test_below_viewer_all_but_a_member_read_no_field(world: World, role: Role) -> None:
    answer = await world.ask(f"{{ viewer {{ role user {{ id {EVERY_SELECTION} }} }} }}", await token_of(world, role))
    expected = [] if role is Role.MEMBER else never(EVERYTHING, "viewer", "user")
    assert sorted_errors(answer) == in_order(expected)
    assert answer["data"]["viewer"]["role"] == role


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MEMBER])
async def test_a_refused_root_hides_the_refusals_below_it(world: World, role: Role) -> None:
    document = """{ me { user { email } } users { edges { node { email preRegistration { country } } } }
      userMap { count } }"""
    answer = await world.ask(document, await token_of(world, role))
    assert answer["data"] == {"me": None, "users": None, "userMap": None}
    assert [(error["path"], error["extensions"]) for error in sorted_errors(answer)] == [
        ([root], {"code": "FORBIDDEN"}) for root in ("me", "userMap", "users")
    ]


async def test_a_refusal_as_data_has_no_errors_below_it(world: World) -> None:
    document = """mutation { updateProfile(input: {}) { ...Result } setHiddenFromMembers(fields: []) { ...Result } }
      fragment Result on UpdateProfileResult { ... on ProfileUpdated { user { email } } ... on Refusal { code } }"""
    refusal = {"code": "NOT_PERMITTED"}
    answer = await world.ask(document)
    assert answer == {"data": {"updateProfile": refusal, "setHiddenFromMembers": refusal}}


SKIPPING = """query ($id: ID!, $yes: Boolean!, $no: Boolean = false) {
  user(id: $id) {
    a: email @skip(if: true) b: email @skip(if: false) c: email @include(if: true) d: email @include(if: false)
    e: email @skip(if: $yes) f: email @skip(if: $no) g: email @include(if: $yes) h: email @include(if: $no)
    i: email @skip(if: $no) @include(if: $yes) j: email @skip(if: $yes) @include(if: $yes)
    k: email @skip(if: $no) @include(if: $no)
    ... @skip(if: $yes) { l: email } ... @include(if: $yes) { m: email }
    ... on User @include(if: $no) { n: email } ... on User @skip(if: $no) { o: email }
    ...Skipped @skip(if: $yes) ...Included @include(if: $yes)
  }
  gone: user(id: $id) @skip(if: $yes) { email }
  ... @include(if: $no) { gone: user(id: $id) { email } }
}
fragment Skipped on User { p: email }
fragment Included on User { q: email r: email @skip(if: $yes) }"""


async def test_what_is_skipped_or_not_included_is_not_refused(world: World) -> None:
    known = await world.person("subject@example.org")
    answer = await world.ask(SKIPPING, None, {"id": known, "yes": True})
    asked = ["b", "c", "f", "g", "i", "m", "o", "q"]
    assert answer["data"]["user"] == dict.fromkeys(asked)
    assert sorted_errors(answer) == [refused_at(["user", key], "EMAIL") for key in asked]
    answer = await world.ask(SKIPPING, None, {"id": known, "yes": False, "no": True})
    asked = ["b", "c", "e", "h", "l", "n", "p"]
    assert answer["data"]["user"] == dict.fromkeys(asked)
    expected = [*(refused_at(["user", key], "EMAIL") for key in asked), refused_at(["gone", "email"], "EMAIL")]
    assert sorted_errors(answer) == in_order(expected)


async def test_a_field_selected_twice_under_one_key_is_refused_once(world: World) -> None:
    document = """query ($id: ID!) { user(id: $id) { email ...Again ... on User { email } email also: email } }
      fragment Again on User { email preRegistration { country } preRegistration { company } }"""
    answer = await world.ask(document, None, {"id": UNKNOWN})
    assert sorted_errors(answer) == [
        refused_at(["user", "also"], "EMAIL"),
        refused_at(["user", "email"], "EMAIL"),
        refused_at(["user", "preRegistration"], "PRE_REGISTRATION"),
    ]


FRAGMENTS = """query ($id: ID!) { ...Roots third: node(id: $id) { ...Thing ... on Node { ... on User { about } } } }
fragment Roots on Query { first: user(id: $id) { ...Person } ... { second: node(id: $id) { ...Alone } } }
fragment Alone on Node { ... on User { ...Person } }
fragment Thing on Node { id ... on User { ...Person } ... on Session { client } }
fragment Person on User { id reached: mobilePhone avatarUrl ...Deeper }
fragment Deeper on User { ... on User { here: location { country } } ... on Node { id } }"""


async def test_fragments_refuse_under_the_keys_of_the_answer(world: World) -> None:
    known = await world.person("subject@example.org")
    answer = await world.ask(FRAGMENTS, None, {"id": known})
    person = {"id": known, "reached": None, "avatarUrl": PROFILE["avatarUrl"], "here": None}
    assert answer["data"] == {"first": person, "second": person, "third": {**person, "about": None}}
    expected = [
        refused_at([root, key], field)
        for root in ("first", "second", "third")
        for key, field in (("here", "LOCATION"), ("reached", "MOBILE_PHONE"))
    ]
    assert sorted_errors(answer) == in_order([*expected, refused_at(["third", "about"], "ABOUT")])


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.SUPPORT])
async def test_refusals_do_not_depend_on_who_is_stored(world: World, role: Role) -> None:
    token = await token_of(world, role)
    ids = await world.store_people(*(person(place) for place in range(4)))
    document = (
        f"query ($id: ID!) {{ user(id: $id) {{ id {EVERY_SELECTION} }} node(id: $id) {{ ... on User {{ about }} }} }}"
    )
    answers = [await world.ask(document, token, {"id": named}) for named in (*ids, UNKNOWN, "", "somebody")]
    assert all(answer["errors"] == answers[0]["errors"] for answer in answers)
    assert len(answers[0]["errors"]) == len(unreachable(role)) + 1
    assert [answer["data"]["user"] is None for answer in answers[:2]] == [role is Role.SUPPORT, True]


def person(place: int) -> dict[str, Any]:
    """Shown, without consent, unverified, and without any value."""
    purposes = ("SOCIAL", "EXPANSION") if place != 1 else ()
    empty = {"profile": {}, "preRegistration": {}, "ipAddress": None} if place == 3 else {}
    return line(f"s{place}@example.org", purposes, emailVerified=place != 2, **empty)


async def test_a_refused_list_says_nothing_of_its_length(world: World) -> None:
    _, unverified = await world.member("reader@example.org", emailVerified=False)
    document = f"{{ users {{ edges {{ node {{ {EVERY_SELECTION} }} }} }} userMap {{ count }} }}"
    before = (await world.post(document, unverified)).content
    await world.store_people(*(person(place) for place in range(4)))
    assert (await world.post(document, unverified)).content == before


def test_paths_have_no_place_in_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROOT_FIELD_RULES, "Query.users", RootFieldRule(frozenset({Role.SUPPORT})))
    schema = build()
    tree = parse("""query ($yes: Boolean = true) { all: users(first: 2) { edges { cursor node { ...Person } }
      rows: edges { one: node { email about @include(if: $yes) } } } }
      fragment Person on User { pages: publicPages { title } preRegistration { country } streetAddress }""")
    operation = next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    variables = get_variable_values(schema.graphql, operation.variable_definitions, {})
    found = SelectionWalk(schema, tree, variables, Caller(Role.SUPPORT)).operation(operation)
    assert [(error.path, error.extensions["personalField"]) for error in found.refusals] == [
        (["all", "edges", "node", "pages"], "PUBLIC_PAGES"),
        (["all", "edges", "node", "preRegistration"], "PRE_REGISTRATION"),
        (["all", "edges", "node", "streetAddress"], "STREET_ADDRESS"),
        (["all", "rows", "one", "about"], "ABOUT"),
    ]


async def test_values_below_a_refused_field_stay_unread(world: World) -> None:
    known = await world.person("subject@example.org", ("SOCIAL", "EXPANSION"))
    answer = await world.post(f'{{ user(id: "{known}") {{ id {EVERY_SELECTION} }} }}')
    kept = {"avatarUrl", "wallpaperUrl", "publicPages"}
    for name, value in {**PROFILE, **FORM}.items():
        if name not in kept and len(value) > 2:
            assert value not in answer.text, name

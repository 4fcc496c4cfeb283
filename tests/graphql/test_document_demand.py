"""What a document asks for is summed before anything is read. A document that asks for too much reads nothing."""

import asyncio
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values
from sqlalchemy import event

from app.graphql.endpoint import MOST_ANSWER_BYTES
from app.graphql.execution import ServedSchema
from app.main import make_schema
from models.connections.connection_limit import REQUEST_CONNECTIONS
from models.vocabulary import PersonalField, Processor, Purpose, Role
from permissions.caller import Caller
from permissions.errors import ApiError
from permissions.graphql.document_demand import MOST_SUBJECTS, UNPAGED_LENGTH, DocumentDemand
from permissions.graphql.document_selection import SelectionWalk
from resolvers.sessions.begin_session import MAX_SESSIONS
from resolvers.validation.profile_values import MOST_PAGES
from tests.http.requests import ONE_DATABASE
from tests.statements import recorded_statements
from tests.world import World, codes

MEMBER = Caller(Role.MEMBER, "a", "b", "c", verified=True)
SUPPORT = Caller(Role.SUPPORT, "a", token_id="c")
PROCESSOR = Caller(Role.PROCESSOR, processor=Processor.MAILCHIMP, token_id="c")
IDS = [f"{number:032x}" for number in range(1100)]


@pytest.fixture(scope="module")
def schema() -> ServedSchema:
    return make_schema(introspection=False)


def refused_argument(schema: ServedSchema, caller: Caller, document: str, **variables: Any) -> str | None:
    """The argument that asks for too much, or None if the document may be executed."""
    tree = parse(document)
    operation = next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    values = get_variable_values(schema.graphql, operation.variable_definitions or (), variables)
    assert isinstance(values, VariableValues)
    try:
        SelectionWalk(schema, tree, values, caller).operation(operation)
    except ApiError as refused:
        return str((refused.extensions or {})["argument"])
    return None


def aliased(many: int, field: str, name: str = "a") -> str:
    return " ".join(f"{name}{number}: {field}" for number in range(many))


PAGE = "users(first: 100) { edges { node { id } } }"
SMALL_PAGES = aliased(10, "users { edges { cursor } }")
NODES = "nodes(ids: $ids) { id }"
OWN_NODES = "nodes(ids: $ids) { ... on Account { disclosures(first: 10) { edges { cursor } } } }"
VIEW = 'openProcessorView(input: {userIds: $ids, reason: "why"}) { __typename }'
PARTS = """totpEnabled roles consents { id } hiddenFromMembers processors { id } sessions { id }
  disclosures(first: 1) { edges { cursor } } consentHistory(first: 1) { edges { cursor } }"""
"""Eight parts of an account. Each is read separately."""
CHANGE = f"liftRestriction {{ ... on RestrictionChanged {{ account {{ {PARTS} }} }} }}"
PAGES = "nodes(ids: $ids) { ... on User { publicPages { title url body } } }"
STATES = "nodes(ids: $ids) { ... on Account { consents { id purpose status } sessions { id } processors { id } } }"
SEARCHED = '"plate works"'
SEARCH = f"users(first: 1, search: {SEARCHED}) {{ edges {{ cursor }} }}"

ALLOWED: list[tuple[Caller, str, dict[str, Any]]] = [
    (MEMBER, f"{{ {aliased(10, PAGE)} }}", {}),
    (MEMBER, f"{{ {aliased(9, PAGE)} b: users(last: 99) {{ edges {{ cursor }} }} user(id: 1) {{ id }} }}", {}),
    (MEMBER, f"{{ {aliased(10, PAGE)} viewer {{ user {{ id }} }} userMap {{ count }} }}", {}),
    (MEMBER, f"{{ {aliased(30, 'users { edges { cursor } }')} }}", {}),
    (MEMBER, f"{{ {aliased(9, PAGE)} {PAGE} ...A }} fragment A on Query {{ {PAGE} }}", {}),
    (MEMBER, f"query ($no: Boolean!) {{ {aliased(20, PAGE.replace('{', '@include(if: $no) {', 1))} }}", {"no": False}),
    (MEMBER, f"{{ {aliased(2, SEARCH)} b: userMap {{ count }} c: userMap {{ count }} }}", {}),
    (MEMBER, "query ($s: String) { " + aliased(5, "users(first: 1, search: $s) { edges { cursor } }") + " }", {}),
    (MEMBER, "query ($s: String) { " + aliased(5, "users(search: $s) { edges { cursor } }") + " }", {"s": "  "}),
    (PROCESSOR, f"mutation ($ids: [ID!]!) {{ {VIEW} }}", {"ids": IDS[:1000] * 2}),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(10, NODES)} }}", {"ids": IDS[:100]}),
    (MEMBER, f"{{ {aliased(8, f'me {{ {PARTS} }}')} }}", {}),
    (MEMBER, f"mutation {{ {aliased(8, CHANGE)} }}", {}),
    (MEMBER, f"mutation {{ {aliased(30, 'liftRestriction { ... on RestrictionChanged { account { id } } }')} }}", {}),
    (MEMBER, "{ users(first: 100) { edges { node { publicPages { title url body } withheld { field } } } } }", {}),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(3, PAGES)} }}", {"ids": IDS[:1] * 100}),
    (MEMBER, f"query ($ids: [ID!]!) {{ {STATES} }}", {"ids": IDS[:1] * 100}),
    (SUPPORT, f"{{ {aliased(11, PAGE)} }}", {}),
]
"""The last one is refused for the role of its caller."""

TOO_MUCH: list[tuple[Caller, str, dict[str, Any], str]] = [
    (MEMBER, f"{{ {aliased(11, PAGE)} }}", {}, "first"),
    (MEMBER, f"{{ {aliased(10, PAGE)} user(id: 1) {{ id }} }}", {}, "id"),
    (MEMBER, f"{{ {aliased(10, PAGE)} b: users {{ edges {{ cursor }} }} }}", {}, "first"),
    (MEMBER, f"{{ {aliased(11, PAGE.replace('first', 'last'))} }}", {}, "last"),
    (MEMBER, f"query ($n: Int) {{ {aliased(11, PAGE.replace('100', '$n'))} }}", {"n": 100}, "first"),
    (MEMBER, f"query ($n: Int = 100) {{ {aliased(11, PAGE.replace('100', '$n'))} }}", {}, "first"),
    (MEMBER, f"{{ ... {{ {aliased(6, PAGE)} }} ...A }} fragment A on Query {{ {aliased(6, PAGE, 'b')} }}", {}, "first"),
    (MEMBER, f"{{ me {{ {aliased(11, 'disclosures(first: 100) { edges { cursor } }')} }} }}", {}, "first"),
    (MEMBER, f"{{ {aliased(11, 'users(first: 5000) { edges { cursor } }')} }}", {}, "first"),
    (SUPPORT, f"{{ {aliased(11, 'supportCases(first: 100) { edges { cursor } }')} }}", {}, "first"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(11, NODES)} }}", {"ids": IDS[:100]}, "ids"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(11, NODES)} }}", {"ids": IDS[:1] * 100}, "ids"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {OWN_NODES} }}", {"ids": IDS[:1] * 91}, "first"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(4, PAGES)} }}", {"ids": IDS[:100]}, "url"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(4, PAGES)} }}", {"ids": IDS[:1] * 100}, "url"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {aliased(3, STATES)} }}", {"ids": IDS[:1] * 100}, "id"),
    (MEMBER, f"{{ {aliased(9, f'me {{ {PARTS} }}')} }}", {}, "consentHistory"),
    (MEMBER, f"mutation {{ {aliased(9, CHANGE)} }}", {}, "liftRestriction"),
    (MEMBER, f"query ($ids: [ID!]!) {{ {OWN_NODES.replace('10', '1')} }}", {"ids": IDS[:1] * 81}, "disclosures"),
    (MEMBER, f"{{ {aliased(3, SEARCH)} }}", {}, "search"),
    (MEMBER, f"query ($s: String) {{ {aliased(3, SEARCH.replace(SEARCHED, '$s'))} }}", {"s": "plate"}, "search"),
    (MEMBER, f"{{ {aliased(3, 'userMap { count }')} }}", {}, "userMap"),
    (PROCESSOR, f"mutation ($ids: [ID!]!) {{ a: {VIEW} b: {VIEW} }}", {"ids": IDS[:1]}, "openProcessorView"),
    (
        PROCESSOR,
        f"mutation ($ids: [ID!]!) {{ {VIEW} acknowledgeWithdrawals(ids: $ids) }}",
        {"ids": IDS[:501]},
        "ids",
    ),
]


@pytest.mark.parametrize(("caller", "document", "variables"), ALLOWED)
def test_a_document_may_ask_for_1000_subjects(
    schema: ServedSchema, caller: Caller, document: str, variables: dict[str, Any]
) -> None:
    assert refused_argument(schema, caller, document, **variables) is None


@pytest.mark.parametrize(("caller", "document", "variables", "argument"), TOO_MUCH)
def test_a_document_that_asks_for_more_is_refused_by_the_argument(
    schema: ServedSchema, caller: Caller, document: str, variables: dict[str, Any], argument: str
) -> None:
    assert refused_argument(schema, caller, document, **variables) == argument


def test_a_page_in_a_page_counts_once_for_each_item(schema: ServedSchema) -> None:
    demand, page = DocumentDemand({}), schema.graphql.query_type.fields["users"]
    node = parse("{ users(first: 20) { id } }").definitions[0].selection_set.selections[0]
    demand.add(("users",), "Query.users", node, page)
    demand.add(("users", "edges", "node", "cases"), "User.cases", node, page)
    assert demand.subjects == 20 + 20 * 20
    demand.add(("users", "edges", "node", "others"), "User.others", node, page)
    with pytest.raises(ApiError):
        demand.add(("users", "edges", "node", "more"), "User.more", node, page)


async def test_a_document_that_asks_for_too_much_reads_nothing(world: World) -> None:
    _, token = await world.member("p@example.org")
    await world.data("{ viewer { role } }", token)
    async with recorded_statements(world.services.database) as statements:
        await world.data("{ viewer { role } }", token)
        usual = list(statements)
        statements.clear()
        response = await world.post(f"{{ me {{ id }} {aliased(11, PAGE)} }}", token)
    assert (response.status_code, codes(response.json())) == (400, ["BAD_USER_INPUT"])
    assert response.json()["errors"][0]["extensions"]["argument"] == "first"
    assert f"{MOST_SUBJECTS:,}" in response.json()["errors"][0]["message"]
    assert len(statements) <= len(usual), "only the token is looked up"


def test_every_root_field_and_every_part_that_is_read_on_its_own_counts(schema: ServedSchema) -> None:
    """A page in a list is read for each item. A part of an account is read once."""
    tree = parse(
        f"{{ me {{ id user {{ id email publicPages {{ title }} }} {PARTS} }} viewer {{ role }} policy {{ version }} }}"
    )
    walk = SelectionWalk(schema, tree, VariableValues({}, {}), MEMBER)
    walk.operation(next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode)))
    assert walk._demand.reads == 3 + 9


def test_a_list_without_pages_is_no_longer_than_it_counts_as() -> None:
    longest = (MOST_PAGES, MAX_SESSIONS, len(Purpose), len(Processor), len(PersonalField))
    assert max(longest) <= UNPAGED_LENGTH


@ONE_DATABASE
async def test_an_answer_has_at_most_10_megabytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"title": "t" * 200, "url": f"https://x.example.org/{'p' * 1900}", "body": "b" * 4000}
    id = await world.person("p@example.org", profile={"publicPages": [page] * 20})
    document = f"query ($ids: [ID!]!) {{ {PAGES} }}"
    assert len((await world.post(document, None, {"ids": [id] * 50})).content) < MOST_ANSWER_BYTES
    response = await world.post(document, None, {"ids": [id] * 100})
    assert (response.status_code, codes(response.json())) == (400, ["BAD_USER_INPUT"])
    assert "data" not in response.json()


@ONE_DATABASE
async def test_a_search_may_have_six_words(world: World) -> None:
    _, token = await world.member("p@example.org")
    document = "query ($s: String) { users(search: $s) { edges { cursor } } }"
    assert await world.data(document, token, {"s": "plate works a b c d"}) == {"users": {"edges": []}}
    answer = await world.ask(document, token, {"s": "plate works a b c d e"})
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": "search"}


@ONE_DATABASE
async def test_searches_and_the_map_have_60_uses_a_minute(limited_world: World) -> None:
    _, token = await limited_world.member("p@example.org")
    for field in (SEARCH, "userMap { count }"):
        answers = [await limited_world.ask(f"{{ {aliased(2, field)} }}", token) for _ in range(31)]
        assert [codes(answer) for answer in answers] == [[]] * 30 + [["RATE_LIMITED"] * 2], field
    pages = await limited_world.ask(f"{{ {SMALL_PAGES} }}", token)
    assert codes(pages) == [], "pages without a search are not counted"


READABLE_BY_NO_VISITOR = ("email", "firstName", "city", "about", "location { country }", "preRegistration { country }")


async def test_fields_that_a_role_can_never_read_choose_no_statement(world: World) -> None:
    """Aliases of one field share a statement too, so a document of a visitor prepares one statement."""
    id = await world.person("p@example.org")
    documents = [
        "{" + aliased(8, f'user(id: "{id}") {{ id %s }}').replace("%s", f"{name} avatarUrl") + "}"
        for name in READABLE_BY_NO_VISITOR
    ]
    documents.append("{" + " ".join(f'a{n}: user(id: "{id}") {{ id {f} }}' for n, f in enumerate(PUBLIC)) + "}")
    seen = []
    for document in documents:
        async with recorded_statements(world.services.database) as statements:
            await world.ask(document)
        seen.append({statement for statement in statements if "avatar_url" in statement})
    assert all(len(each) == 1 for each in seen)
    assert len(set.union(*seen[:-1])) == 1


PUBLIC = ("avatarUrl", "wallpaperUrl", "publicPages { title }")


async def test_a_request_holds_two_connections_however_many_fields_it_has(world: World) -> None:
    id, token = await world.member("p@example.org")
    held: list[int] = [0]
    pool = world.services.database.engine.sync_engine.pool
    event.listen(pool, "checkout", lambda *_: held.append(held[-1] + 1))
    event.listen(pool, "checkin", lambda *_: held.append(held[-1] - 1))
    lists = aliased(9, "disclosures { edges { cursor } }")
    await world.data(f"{{ me {{ {lists} }} {aliased(10, f'user(id: {chr(34)}{id}{chr(34)}) {{ email }}')} }}", token)
    assert len(held) > 20
    assert (max(held), held[-1]) == (REQUEST_CONNECTIONS, 0)


async def test_two_requests_do_not_share_their_connections(world: World) -> None:
    """Each request has its own two, and a request that was cancelled leaves none behind."""
    _, token = await world.member("p@example.org")
    document = f"{{ me {{ {aliased(9, 'disclosures { edges { cursor } }')} }} }}"
    for _ in range(2):
        answers = await asyncio.gather(*(world.ask(document, token) for _ in range(5)))
        assert [codes(answer) for answer in answers] == [[]] * 5

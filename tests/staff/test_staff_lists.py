"""The lists of staff and of tokens show who is authorized, by pseudonym and without secrets."""

import json
from datetime import timedelta

from graphql import GraphQLObjectType
from sqlalchemy import select, update

from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, ROLE_GRANTS
from models.tokens.token_format import digest_of
from models.vocabulary import Processor, Role
from resolvers.ledger.pseudonyms import pseudonym
from schema.build import build
from tests.staff.staff_requests import STAFF_PAGE, TOKENS_PAGE, listed, opened_case
from tests.statements import recorded_statements
from tests.world import World, codes, line


async def test_the_staff_list_shows_current_roles_ordered_by_id_to_both_roles_that_may_read_it(world: World) -> None:
    people = await world.store_people(*(line(f"s{number}@example.org") for number in range(7)))
    operations = await world.token(Role.OPERATIONS, people[0])
    compliance = await world.token(Role.COMPLIANCE, people[1])
    for role in (Role.SUPPORT, Role.ANALYTICS):
        await world.token(role, people[2])
    await world.token(Role.MEMBER, people[3])
    for person in people[4:6]:
        await world.token(Role.SUPPORT, person)
    revoke = "mutation ($id: ID!) { revokeRole(userId: $id, role: SUPPORT) }"
    assert (await world.data(revoke, operations, {"id": people[4]})) == {"revokeRole": True}
    over = update(ROLE_GRANTS).where(ROLE_GRANTS.c.subject_id == people[5]).values(expires_at=world.services.now())
    async with world.services.database.writing() as connection:
        await connection.execute(over)
    seen = await listed(world, operations)
    assert await listed(world, compliance) == seen
    held = {people[0]: ["OPERATIONS"], people[1]: ["COMPLIANCE"], people[2]: ["SUPPORT", "ANALYTICS"]}
    assert [each["id"] for each in seen] == sorted(held)
    assert {each["id"]: [grant["role"] for grant in each["roles"]] for each in seen} == held
    assert all(grant["grantedAt"] < grant["expiresAt"] for each in seen for grant in each["roles"])


async def test_a_granted_role_shows_when_it_begins_and_ends(world: World) -> None:
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    id = await world.person("p@example.org")
    moment = world.services.now()
    world.services.now = lambda: moment
    until = (moment + timedelta(days=5)).isoformat()
    grant = "mutation ($id: ID!, $until: DateTime!) { grantRole(userId: $id, role: ANALYTICS, expiresAt: $until) }"
    assert await world.data(grant, operations, {"id": id, "until": until}) == {"grantRole": True}
    (seen,) = (each for each in await listed(world, operations) if each["id"] == id)
    since, until = (text.replace("+00:00", "Z") for text in (moment.isoformat(timespec="microseconds"), until))
    assert seen["roles"] == [{"role": "ANALYTICS", "grantedAt": since, "expiresAt": until}]
    later = (moment + timedelta(days=9)).isoformat()
    assert await world.data(grant, operations, {"id": id, "until": later}) == {"grantRole": True}
    (seen,) = (each for each in await listed(world, operations) if each["id"] == id)
    assert [each["expiresAt"] for each in seen["roles"]] == [later.replace("+00:00", "Z")], (
        "a new grant replaces the earlier one"
    )


async def test_a_pseudonym_is_stable_and_does_not_reveal_the_person(world: World) -> None:
    people = await world.store_people(*(line(f"s{number}@example.org") for number in range(20)))
    operations = await world.token(Role.OPERATIONS, people[0])
    for person in people[1:]:
        await world.token(Role.SUPPORT, person)
    first, again = await listed(world, operations), await listed(world, operations)
    assert first == again
    names = {each["id"]: each["pseudonym"] for each in first}
    assert len(set(names.values())) == len(people)
    assert all(len(name) == 8 and name.isalnum() and name.lower() not in id for id, name in names.items())
    other_keys = KeyRing(("another key that is long enough to be accepted",))
    assert all(pseudonym(other_keys, id) != name for id, name in names.items()), "it cannot be computed without the key"


async def test_subjects_and_colleagues_see_the_same_pseudonym_of_an_agent(world: World) -> None:
    subject, mine = await world.member("subject@example.org")
    agent = await world.person("agent@example.org")
    support = await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    await opened_case(world, subject, agent, mine, operations)
    await world.data("query ($id: ID!) { user(id: $id) { email } }", support, {"id": subject})
    name = next(each["pseudonym"] for each in await listed(world, operations) if each["id"] == agent)
    told = "{ me { disclosures { edges { node { recipient } } } } supportCases { edges { node { assignedTo } } } }"
    seen = await world.post(told, mine)
    data = seen.json()["data"]
    assert data["me"]["disclosures"]["edges"] == [{"node": {"recipient": f"support agent {name}"}}]
    assert data["supportCases"]["edges"] == [{"node": {"assignedTo": name}}]
    assert agent not in seen.text


async def test_the_token_list_shows_live_tokens_ordered_by_id_without_secrets(world: World) -> None:
    person = await world.person("p@example.org")
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    now = world.services.now()
    until = (now + timedelta(days=1)).isoformat()
    issue = """mutation ($until: DateTime!) { issueProcessorToken(processor: MANDRILL, expiresAt: $until) {
      ... on RoleToken { id token } } }"""
    waiting = (await world.data(issue, operations, {"until": until}))["issueProcessorToken"]
    session = await world.token(Role.MEMBER, person)
    alive = {
        await world.token(Role.SUPPORT, person): ("SUPPORT", None),
        await world.token(Role.PROCESSOR, processor=Processor.INTERCOM): ("PROCESSOR", "INTERCOM"),
        operations: ("OPERATIONS", None),
        waiting["token"]: ("PROCESSOR", "MANDRILL"),
    }
    revoked = await world.token(Role.SUPPORT, person)
    over = await world.token(Role.PROCESSOR, processor=Processor.INTERCOM, expires_at=now)
    known = select(ACCESS_TOKENS.c.digest, ACCESS_TOKENS.c.id)
    async with world.services.database.reading() as connection:
        ids = {row.digest: row.id for row in await connection.execute(known)}
    end = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
    assert await world.data(end, operations, {"id": ids[digest_of(revoked)]}) == {"revokeRoleToken": True}
    await world.record_uses()
    seen = await listed(world, operations, TOKENS_PAGE)
    expected = {ids[digest_of(token)]: kind for token, kind in alive.items()}
    assert [each["id"] for each in seen] == sorted(expected)
    assert {each["id"]: (each["role"], each["processor"]) for each in seen} == expected
    used = {each["id"] for each in seen if each["lastUsedAt"]}
    assert used == {ids[digest_of(operations)]}
    text = json.dumps(seen)
    for secret in (*alive, revoked, over, session):
        assert secret not in text
        assert digest_of(secret) not in text
    node = "query ($id: ID!) { node(id: $id) { id } }"
    for each in seen:
        assert (await world.data(node, operations, {"id": each["id"]}))["node"] is None


def test_no_field_of_either_list_is_secret_or_personal() -> None:
    types = build().graphql.type_map
    shown = {
        "StaffMember": {"id", "pseudonym", "roles"},
        "GrantedRole": {"role", "grantedAt", "expiresAt"},
        "LiveToken": {"id", "name", "role", "processor", "createdAt", "expiresAt", "lastUsedAt"},
    }
    for name, fields in shown.items():
        kind = types[name]
        assert isinstance(kind, GraphQLObjectType)
        assert set(kind.fields) == fields


async def test_pages_of_both_lists_are_exact_and_cursors_belong_to_the_caller(world: World) -> None:
    people = sorted(await world.store_people(*(line(f"s{number}@example.org") for number in range(5))))
    tokens = [await world.token(Role.OPERATIONS, person) for person in people]
    page = (await world.data(STAFF_PAGE, tokens[0], {"first": 2}))["staff"]
    assert [edge["node"]["id"] for edge in page["edges"]] == people[:2]
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
    cursor = page["edges"][1]["cursor"]
    rest = (await world.data(STAFF_PAGE, tokens[0], {"first": 3, "after": cursor}))["staff"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == people[2:]
    assert rest["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True}
    before = {"last": 1, "before": cursor}
    assert [edge["node"]["id"] for edge in (await world.data(STAFF_PAGE, tokens[0], before))["staff"]["edges"]] == [
        people[0]
    ]
    assert codes(await world.ask(STAFF_PAGE, tokens[1], {"after": cursor})) == ["INVALID_CURSOR"]
    assert codes(await world.ask(TOKENS_PAGE, tokens[0], {"after": cursor})) == ["INVALID_CURSOR"]


async def test_the_number_of_statements_does_not_depend_on_the_length_of_either_list(world: World) -> None:
    people = await world.store_people(*(line(f"s{number}@example.org") for number in range(60)))
    operations = await world.token(Role.OPERATIONS, people[0])
    numbers = []
    for upto in (1, 60):
        for person in people[len(numbers) : upto]:
            await world.token(Role.SUPPORT, person)
        for document in (STAFF_PAGE, TOKENS_PAGE):
            await world.data(document, operations, {"first": 100})
            async with recorded_statements(world.services.database) as sent:
                await world.data(document, operations, {"first": 100})
            numbers.append(len(sent))
    assert numbers[:2] == numbers[2:]

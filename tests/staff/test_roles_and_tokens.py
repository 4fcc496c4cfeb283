"""Staff have one power a role and nothing besides, are listed by pseudonym, and lose it with the next read."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from sqlalchemy import select, update

from models.database import Database
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, ROLE_GRANTS
from models.tokens.token_format import digest_of
from models.vocabulary import STAFF, Processor, Role
from permissions.version_numbers import current_version
from resolvers.ledger.pseudonyms import pseudonym
from schema.build import build
from tests.serving import serving
from tests.statements import recorded_statements
from tests.world import World, codes, line

UNKNOWN = "0" * 32
UNTIL = "2999-01-01T00:00:00Z"

# ---------------------------------------------------------------- who may ask what

ROLES = ("ANONYMOUS", "MEMBER", "SUPPORT", "ANALYTICS", "COMPLIANCE", "OPERATIONS", "PROCESSOR")
WRITTEN = """
viewer                  | yes | yes | yes | yes | yes | yes | yes
policy                  | yes | yes | yes | yes | yes | yes | yes
node                    | yes | yes | yes | yes | yes | yes | yes
user                    | yes | yes | yes | -   | yes | -   | -
me                      | -   | yes | -   | -   | -   | -   | -
users                   | -   | yes | -   | -   | -   | -   | -
userMap                 | -   | yes | -   | -   | -   | -   | -
supportCases            | -   | yes | yes | -   | -   | -   | -
caseQueue               | -   | -   | -   | -   | -   | yes | -
roleTokens              | -   | -   | -   | -   | -   | yes | -
staff                   | -   | -   | -   | -   | yes | yes | -
legalRequests           | -   | -   | -   | -   | yes | -   | -
statistics              | -   | -   | -   | yes | -   | -   | -
processorWithdrawals    | -   | -   | -   | -   | -   | -   | yes
register                | yes | yes | -   | -   | -   | -   | -
verifyEmail             | yes | yes | -   | -   | -   | -   | -
login                   | yes | yes | -   | -   | -   | -   | -
completeLogin           | yes | yes | -   | -   | -   | -   | -
refreshSession          | yes | yes | -   | -   | -   | -   | -
requestPasswordReset    | yes | yes | -   | -   | -   | -   | -
resetPassword           | yes | yes | -   | -   | -   | -   | -
logout                  | -   | yes | yes | yes | yes | yes | yes
revokeSession           | -   | yes | -   | -   | -   | -   | -
changePassword          | -   | yes | -   | -   | -   | -   | -
beginTotpEnrolment      | -   | yes | -   | -   | -   | -   | -
confirmTotpEnrolment    | -   | yes | -   | -   | -   | -   | -
disableTotp             | -   | yes | -   | -   | -   | -   | -
regenerateRecoveryCodes | -   | yes | -   | -   | -   | -   | -
updateProfile           | -   | yes | -   | -   | -   | -   | -
updatePreRegistration   | -   | yes | -   | -   | -   | -   | -
grantConsent            | -   | yes | -   | -   | -   | -   | -
withdrawConsent         | -   | yes | -   | -   | -   | -   | -
objectToProcessor       | -   | yes | -   | -   | -   | -   | -
withdrawObjection       | -   | yes | -   | -   | -   | -   | -
setHiddenFromMembers    | -   | yes | -   | -   | -   | -   | -
restrictProcessing      | -   | yes | -   | -   | -   | -   | -
liftRestriction         | -   | yes | -   | -   | -   | -   | -
changeEmail             | -   | yes | -   | -   | -   | -   | -
exportMyData            | -   | yes | -   | -   | -   | -   | -
requestErasure          | -   | yes | -   | -   | -   | -   | -
cancelErasure           | -   | yes | -   | -   | -   | -   | -
issueRoleToken          | -   | yes | -   | -   | -   | -   | -
revokeRoleToken         | -   | yes | -   | -   | -   | yes | -
grantRole               | -   | -   | -   | -   | -   | yes | -
revokeRole              | -   | -   | -   | -   | -   | yes | -
issueProcessorToken     | -   | -   | -   | -   | -   | yes | -
approveProcessorToken   | -   | -   | -   | -   | yes | -   | -
openSupportCase         | -   | yes | yes | -   | -   | -   | -
assignSupportCase       | -   | -   | -   | -   | -   | yes | -
narrowSupportCase       | -   | yes | -   | -   | -   | -   | -
closeSupportCase        | -   | yes | yes | -   | -   | yes | -
openLegalRequest        | -   | -   | -   | -   | yes | -   | -
approveLegalRequest     | -   | -   | -   | -   | yes | -   | -
closeLegalRequest       | -   | -   | -   | -   | yes | -   | -
openProcessorView       | -   | -   | -   | -   | -   | -   | yes
acknowledgeWithdrawals  | -   | -   | -   | -   | -   | -   | yes
"""
MAY = {
    name.strip(): dict(zip(ROLES, (cell.strip() == "yes" for cell in cells), strict=True))
    for name, *cells in (row.split("|") for row in WRITTEN.strip().splitlines())
}
REFUSABLE = "{ __typename ... on Refusal { code message } }"
PAGE = "{ pageInfo { hasNextPage } }"
CASE = f'reference: "T", reason: "r", extent: [EMAIL], subjectId: "{UNKNOWN}"'
REQUEST = f'{CASE.replace("reason", "basis")}, authority: "a", expiresAt: "{UNTIL}"'
ASKED = {
    "viewer": "{ role }",
    "policy": "{ version }",
    "node": f'(id: "{UNKNOWN}") {{ id }}',
    "user": f'(id: "{UNKNOWN}") {{ id }}',
    "me": "{ id }",
    "users": PAGE,
    "userMap": "{ count }",
    "statistics": "(groupBy: [COUNTRY]) { margin }",
    "supportCases": PAGE,
    "caseQueue": PAGE,
    "roleTokens": PAGE,
    "staff": PAGE,
    "legalRequests": PAGE,
    "processorWithdrawals": PAGE,
    "login": f'(input: {{email: "nobody@example.org", password: "no"}}) {REFUSABLE}',
    "register": f'(input: {{email: "no address", password: "no", consents: [], policyVersion: ""}}) {REFUSABLE}',
    "verifyEmail": f'(token: "") {REFUSABLE}',
    "completeLogin": f'(input: {{challenge: "", code: ""}}) {REFUSABLE}',
    "refreshSession": f'(refreshToken: "") {REFUSABLE}',
    "requestPasswordReset": '(email: "nobody@example.org")',
    "resetPassword": f'(token: "", newPassword: "no") {REFUSABLE}',
    "changePassword": f'(input: {{currentPassword: "no", newPassword: "no"}}) {REFUSABLE}',
    "beginTotpEnrolment": f'(password: "no") {REFUSABLE}',
    "confirmTotpEnrolment": f'(code: "no") {REFUSABLE}',
    "disableTotp": f'(password: "no", code: "no") {REFUSABLE}',
    "regenerateRecoveryCodes": f'(password: "no", code: "no") {REFUSABLE}',
    "changeEmail": f'(newEmail: "no address", password: "no") {REFUSABLE}',
    "issueRoleToken": f'(input: {{role: SUPPORT, name: "desk", expiresAt: "2020-01-01T00:00:00Z"}}) {REFUSABLE}',
    "exportMyData": "",
    "requestErasure": f'(password: "no") {REFUSABLE}',
    "cancelErasure": REFUSABLE,
    "restrictProcessing": REFUSABLE,
    "liftRestriction": REFUSABLE,
    "logout": "",
    "revokeSession": f'(id: "{UNKNOWN}")',
    "updateProfile": f"(input: {{}}) {REFUSABLE}",
    "updatePreRegistration": f"(input: {{}}) {REFUSABLE}",
    "grantConsent": f'(purpose: EXPANSION, policyVersion: "{current_version().name}") {REFUSABLE}',
    "withdrawConsent": f"(purpose: EXPANSION) {REFUSABLE}",
    "objectToProcessor": f"(processor: MAILCHIMP) {REFUSABLE}",
    "withdrawObjection": f"(processor: MAILCHIMP) {REFUSABLE}",
    "setHiddenFromMembers": f"(fields: []) {REFUSABLE}",
    "revokeRoleToken": f'(id: "{UNKNOWN}")',
    "grantRole": f'(userId: "{UNKNOWN}", role: SUPPORT, expiresAt: "%s")',
    "revokeRole": f'(userId: "{UNKNOWN}", role: SUPPORT)',
    "issueProcessorToken": f'(processor: MAILCHIMP, expiresAt: "{UNTIL}") {REFUSABLE}',
    "approveProcessorToken": f'(id: "{UNKNOWN}")',
    "openSupportCase": f"(input: {{{CASE}}}) {REFUSABLE}",
    "assignSupportCase": f'(id: "{UNKNOWN}", agentId: "{UNKNOWN}") {REFUSABLE}',
    "narrowSupportCase": f'(id: "{UNKNOWN}", extent: []) {REFUSABLE}',
    "closeSupportCase": f'(id: "{UNKNOWN}") {REFUSABLE}',
    "openLegalRequest": f"(input: {{{REQUEST}}}) {REFUSABLE}",
    "approveLegalRequest": f'(id: "{UNKNOWN}") {REFUSABLE}',
    "closeLegalRequest": f'(id: "{UNKNOWN}") {REFUSABLE}',
    "openProcessorView": f'(input: {{userIds: ["{UNKNOWN}"], reason: "a reason"}}) {REFUSABLE}',
    "acknowledgeWithdrawals": "(ids: [])",
}
"""One question of each root field that is there, of nobody and of nothing."""

MISSING = ("Your role may not do this.", "Your role may not read or do this.")


@cache
def roots() -> dict[str, tuple[str, bool]]:
    """Every root field of the schema as it is built: its operation, and whether its answer can be a refusal."""
    types = build().graphql.type_map
    found = {}
    for operation in ("Query", "Mutation"):
        kind = types[operation]
        assert isinstance(kind, GraphQLObjectType)
        for name, root in kind.fields.items():
            shown = get_named_type(root.type)
            refusable = isinstance(shown, GraphQLUnionType) and "Refusal" in {each.name for each in shown.types}
            found[name] = (operation.lower(), refusable)
    return found


async def token_of(world: World, role: str, **more: Any) -> str | None:
    """A token of this role."""
    if role == "ANONYMOUS":
        return None
    if role == "PROCESSOR":
        return await world.token(Role.PROCESSOR, processor=Processor.MAILCHIMP)
    return await world.token(Role(role), await world.person(f"{role}@example.org", **more))


def asking(name: str, world: World) -> str:
    """The document of one question."""
    selection = ASKED[name]
    if name == "grantRole":
        selection %= (world.services.now() + timedelta(days=1)).isoformat()
    return f"{roots()[name][0]} {{ {name} {selection} }}"


def test_every_root_field_has_a_row_in_the_table_and_a_question_here() -> None:
    assert set(roots()) <= set(MAY)
    assert set(roots()) == set(ASKED)


async def asked(world: World, role: str, token: str | None, name: str) -> bool:
    """Whether this role is let in; one that is not is told so in the field's own way, before anything is read."""
    async with recorded_statements(world.services.database) as sent:
        answer = await world.ask(asking(name, world), token)
    value = answer["data"][name]
    if name == "openSupportCase" and role == "MEMBER":
        assert value["code"] == "NOT_PERMITTED", "a member opens cases about themself alone"
        return value["message"] not in MISSING
    if codes(answer) != ["FORBIDDEN"] and not (isinstance(value, dict) and value.get("code") == "NOT_PERMITTED"):
        assert "errors" not in answer or codes(answer) == ["BAD_USER_INPUT"], answer
        return True
    if roots()[name][1]:
        assert "errors" not in answer
        assert value == {"__typename": "Refusal", "code": "NOT_PERMITTED", "message": MISSING[0]}
    else:
        (error,) = answer["errors"]
        assert (value, error["path"], error["extensions"]) == (None, [name], {"code": "FORBIDDEN"})
    async with recorded_statements(world.services.database) as unread:
        await world.ask("{ viewer { role } }", token)
    assert sent == unread, "the token was looked up, and nothing else"
    return False


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_let_in_where_the_table_says_and_nowhere_else(world: World, role: str) -> None:
    token = await token_of(world, role)
    await world.ask("{ viewer { role } }", token)  # the first use of a token is noted, which is a write
    for name in sorted(roots(), key=lambda name: name == "logout"):
        assert await asked(world, role, token, name) is MAY[name][role], name


async def test_a_member_whose_address_is_not_verified_is_themself_alone(world: World) -> None:
    token = await token_of(world, "MEMBER", emailVerified=False)
    await world.ask("{ viewer { role } }", token)
    for name in sorted(roots(), key=lambda name: name == "logout"):
        let_in = MAY[name]["MEMBER"] and name not in ("users", "userMap")
        assert await asked(world, "MEMBER", token, name) is let_in, name


@pytest.mark.parametrize("role", ROLES)
async def test_a_refused_question_leaves_those_beside_it_alone(world: World, role: str) -> None:
    token = await token_of(world, role)
    names = [name for name, (operation, _) in roots().items() if operation == "query"]
    document = " ".join(f"a{place}: {name} {ASKED[name]}" for place, name in enumerate(names))
    answer = await world.ask(f"{{ {document} }}", token)
    refused = [f"a{place}" for place, name in enumerate(names) if not MAY[name][role]]
    assert [error["path"] for error in answer.get("errors", [])] == [[key] for key in refused]
    assert codes(answer) == ["FORBIDDEN"] * len(refused)
    assert answer["data"]["a" + str(names.index("viewer"))] == {"role": role}


# ---------------------------------------------------------------- who is authorized

STAFF_PAGE = """query ($first: Int, $after: String, $last: Int, $before: String) {
  staff(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id pseudonym roles { role grantedAt expiresAt } } }
    pageInfo { hasNextPage hasPreviousPage } } }"""
TOKENS_PAGE = """query ($first: Int, $after: String) { roleTokens(first: $first, after: $after) {
  edges { cursor node { id name role processor createdAt expiresAt lastUsedAt } } pageInfo { hasNextPage } } }"""


async def listed(world: World, token: str, document: str = STAFF_PAGE) -> list[Any]:
    """Everyone or everything of one list, read in pages of two."""
    found: list[Any] = []
    after = None
    while True:
        (page,) = (await world.data(document, token, {"first": 2, "after": after})).values()
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["edges"][-1]["cursor"]


async def test_staff_are_those_who_hold_a_role_now_by_id_and_whoever_may_sees_the_same(world: World) -> None:
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


async def test_a_role_that_is_granted_shows_from_when_until_when(world: World) -> None:
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
    assert [each["expiresAt"] for each in seen["roles"]] == [later.replace("+00:00", "Z")], "an earlier one gives way"


async def test_a_pseudonym_is_the_same_each_time_and_says_not_who_it_is(world: World) -> None:
    people = await world.store_people(*(line(f"s{number}@example.org") for number in range(20)))
    operations = await world.token(Role.OPERATIONS, people[0])
    for person in people[1:]:
        await world.token(Role.SUPPORT, person)
    first, again = await listed(world, operations), await listed(world, operations)
    assert first == again
    names = {each["id"]: each["pseudonym"] for each in first}
    assert len(set(names.values())) == len(people)
    assert all(len(name) == 8 and name.isalnum() and name.lower() not in id for id, name in names.items())
    other_keys = KeyRing(("another key that is long enough to be taken for one",))
    assert all(pseudonym(other_keys, id) != name for id, name in names.items()), "nobody works it out without the key"


async def test_subject_and_colleagues_are_told_of_an_agent_by_the_same_pseudonym(world: World) -> None:
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


async def test_role_tokens_are_those_that_are_alive_by_id_and_without_their_secrets(world: World) -> None:
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


def test_neither_list_has_a_field_for_a_secret_or_for_anything_personal() -> None:
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


async def test_pages_of_both_lists_are_exact_and_their_cursors_ones_own(world: World) -> None:
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


async def test_both_lists_run_a_number_of_statements_that_does_not_depend_on_them(world: World) -> None:
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


async def test_nobody_grants_a_role_to_themself_whatever_token_they_hold(world: World) -> None:
    both = await world.person("both@example.org")
    first, second = await world.token(Role.OPERATIONS, both), await world.token(Role.OPERATIONS, both)
    until = (world.services.now() + timedelta(days=1)).isoformat()
    for token, role in itertools.product((first, second), STAFF):
        answer = await world.ask(GRANT_ROLE, token, {"id": both, "role": role, "until": until})
        assert (answer["data"], codes(answer)) == ({"grantRole": None}, ["BAD_USER_INPUT"])
    (me,) = await listed(world, first)
    assert [each["role"] for each in me["roles"]] == ["OPERATIONS"]
    nobody = await world.data(GRANT_ROLE, first, {"id": UNKNOWN, "role": "SUPPORT", "until": until})
    assert nobody == {"grantRole": False}


async def test_a_role_that_is_lost_takes_its_tokens_with_it_for_good(world: World) -> None:
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    person = await world.person("p@example.org")
    support, analytics = await world.token(Role.SUPPORT, person), await world.token(Role.ANALYTICS, person)
    session = await world.token(Role.MEMBER, person)
    for again in (False, True):
        if again:
            await world.token(Role.SUPPORT, person)
        else:
            assert await world.data(REVOKE, operations, {"id": person, "role": "SUPPORT"}) == {"revokeRole": True}
        statuses = [
            (await world.post("{ viewer { role } }", each)).status_code for each in (support, analytics, session)
        ]
        assert statuses == [401, 200, 200]
        listed_ones = {each["role"] for each in await listed(world, operations, TOKENS_PAGE)}
        assert listed_ones == {"OPERATIONS", "ANALYTICS"} | ({"SUPPORT"} if again else set())


async def test_a_role_that_has_lapsed_leaves_no_token_alive_and_a_new_grant_revives_none(world: World) -> None:
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    person, other = [await world.person(f"{name}@example.org") for name in ("p", "q")]
    support, analytics = await world.token(Role.SUPPORT, person), await world.token(Role.ANALYTICS, person)
    colleague = await world.token(Role.SUPPORT, other)
    alive = [operations, analytics, colleague]

    async def works(*tokens: str) -> list[bool]:
        return [(await world.post("{ viewer { role } }", each)).status_code == 200 for each in tokens]

    async def roles() -> list[str]:
        return sorted(each["role"] for each in await listed(world, operations, TOKENS_PAGE))

    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT", "SUPPORT"]
    theirs = (ROLE_GRANTS.c.subject_id == person) & (ROLE_GRANTS.c.role == "SUPPORT")
    async with world.services.database.writing() as connection:
        await connection.execute(update(ROLE_GRANTS).where(theirs).values(expires_at=world.services.now()))
    assert await works(support, *alive) == [False, True, True, True]
    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT"]
    until = (world.services.now() + timedelta(days=1)).isoformat()
    for _ in range(2):
        again = {"id": person, "role": "SUPPORT", "until": until}
        assert await world.data(GRANT_ROLE, operations, again) == {"grantRole": True}
        assert await works(support, *alive) == [False, True, True, True]
        assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT"]
    renewed = await world.token(Role.SUPPORT, person)
    assert await world.data(GRANT_ROLE, operations, again) == {"grantRole": True}
    assert await works(renewed, *alive) == [True] * 4, "a grant that follows a live one ends nothing"
    assert await roles() == ["ANALYTICS", "OPERATIONS", "SUPPORT", "SUPPORT"]


# ---------------------------------------------------------------- at full speed

ROUNDS = 10
OPEN_CASE = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) {
  ... on SupportCase { id } } }"""
ASSIGN = """mutation ($id: ID!, $agent: ID!) { assignSupportCase(id: $id, agentId: $agent) {
  ... on SupportCase { assignedTo } } }"""
OPEN_REQUEST = """mutation ($input: OpenLegalRequestInput!) { openLegalRequest(input: $input) {
  ... on LegalRequest { id } } }"""
APPROVE = "mutation ($id: ID!) { approveLegalRequest(id: $id) { ... on LegalRequest { status } } }"
END_CASE = "mutation ($id: ID!) { closeSupportCase(id: $id) { ... on SupportCase { status } } }"
END_REQUEST = "mutation ($id: ID!) { closeLegalRequest(id: $id) { ... on LegalRequest { status } } }"
NARROW = "mutation ($id: ID!) { narrowSupportCase(id: $id, extent: [EMAIL]) { ... on SupportCase { extent } } }"
GRANT_ROLE = """mutation ($id: ID!, $role: Role!, $until: DateTime!) {
  grantRole(userId: $id, role: $role, expiresAt: $until) }"""
REVOKE = "mutation ($id: ID!, $role: Role!) { revokeRole(userId: $id, role: $role) }"
BY_USER = "query ($id: ID!) { user(id: $id) { email firstName } }"
BY_NODE = "query ($id: ID!) { node(id: $id) { ... on User { email firstName } } }"
BY_CASES = "{ supportCases(first: 100) { edges { node { subject { firstName } } } } }"
BY_REQUESTS = "{ legalRequests(first: 100) { edges { node { subject { firstName } } } } }"


async def opened_case(world: World, subject: str, agent: str, mine: str, operations: str) -> str:
    """A case that its subject opened and that is assigned to this agent."""
    input = {"subjectId": subject, "reference": "T", "reason": "r", "extent": ["EMAIL", "FIRST_NAME"]}
    id = str((await world.data(OPEN_CASE, mine, {"input": input}))["openSupportCase"]["id"])
    assert (await world.data(ASSIGN, operations, {"id": id, "agent": agent}))["assignSupportCase"]["assignedTo"]
    return id


async def opened_request(world: World, subject: str, first: str, second: str) -> str:
    """A request that is approved."""
    until = (world.services.now() + timedelta(hours=1)).isoformat()
    input = {"subjectId": subject, "authority": "a", "reference": "r", "basis": "b", "expiresAt": until}
    asked = {"input": {**input, "extent": ["EMAIL", "FIRST_NAME"]}}
    id = str((await world.data(OPEN_REQUEST, first, asked))["openLegalRequest"]["id"])
    assert (await world.data(APPROVE, second, {"id": id}))["approveLegalRequest"]["status"] == "OPEN"
    return id


@dataclass
class Reading:
    """One reader's reads one after another: when each began and ended, and whether it showed the field."""

    document: str
    token: str = ""
    reads: list[tuple[float, float, bool]] = field(default_factory=list)

    async def go_on(self, url: str, subject: str, done: asyncio.Event) -> None:
        """Reads until it is done, now and then over a new connection, so that another worker may take it."""
        body = {"query": self.document, "variables": {"id": subject} if "$id" in self.document else None}
        while not done.is_set():
            async with httpx.AsyncClient(timeout=30) as client:
                for _ in range(5):
                    headers, began = {"Authorization": f"Bearer {self.token}"}, time.monotonic()
                    response = await client.post(f"{url}/graphql", json=body, headers=headers)
                    assert response.status_code in (200, 401), response.text
                    assert response.status_code == 401 or "errors" not in response.json(), response.text
                    self.reads.append((began, time.monotonic(), "Amara" in response.text))

    def showed(self, since: float, until: float) -> bool:
        """Whether a read that lies within these instants showed it."""
        return any(shown and since <= began and ended <= until for began, ended, shown in self.reads)


async def all_go_on(readings: list[Reading], tasks: list[asyncio.Task[None]]) -> None:
    """Waits until each has finished two more reads, so that none is left which began before."""
    enough = [len(reading.reads) + 2 for reading in readings]
    while any(len(reading.reads) < many for reading, many in zip(readings, enough, strict=True)):
        assert not any(task.done() for task in tasks), "nobody stops reading"
        await asyncio.sleep(0.005)


async def renewed(world: World, role: Role, person: str, readings: list[Reading]) -> None:
    """The readers have a token that works: one that ended with its role has ended for good."""
    token = await world.token(role, person)
    for reading in readings:
        reading.token = token


async def race(
    url: str,
    subject: str,
    readings: list[Reading],
    begin: Callable[[], Awaitable[str]],
    ends: list[Callable[[str], Awaitable[Any]]],
) -> None:
    """Again and again something opens the subject to the readers, and ends in one way after another."""
    tasks: list[asyncio.Task[None]] = []
    done = asyncio.Event()
    try:
        for end in itertools.islice(itertools.cycle(ends), ROUNDS):
            opened = time.monotonic()
            id = await begin()
            tasks = tasks or [asyncio.create_task(reading.go_on(url, subject, done)) for reading in readings]
            await all_go_on(readings, tasks)
            assert all(reading.showed(opened, time.monotonic()) for reading in readings), "while it is open it is read"
            await end(id)
            since = time.monotonic()
            await all_go_on(readings, tasks)
            assert not any(reading.showed(since, time.monotonic()) for reading in readings), "nothing after the commit"
    finally:
        done.set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_no_read_that_begins_after_a_case_or_its_agents_role_has_ended_shows_the_field(
    database: Database, world: World, tmp_path: Path
) -> None:
    subject, mine = await world.member("subject@example.org")
    agent = await world.person("agent@example.org")
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    readings = [Reading(document) for document in (BY_USER, BY_NODE, BY_CASES)]

    async def begin() -> str:
        await renewed(world, Role.SUPPORT, agent, readings)
        return await opened_case(world, subject, agent, mine, operations)

    async def lost(_: str) -> None:
        assert await world.data(REVOKE, operations, {"id": agent, "role": "SUPPORT"}) == {"revokeRole": True}

    async def narrowed(id: str) -> None:
        assert (await world.data(NARROW, mine, {"id": id}))["narrowSupportCase"] == {"extent": ["EMAIL"]}

    def closed(token: str) -> Callable[[str], Awaitable[Any]]:
        async def close(id: str) -> None:
            assert (await world.data(END_CASE, token, {"id": id}))["closeSupportCase"] == {"status": "CLOSED"}

        return close

    async def closed_by_the_agent(id: str) -> None:
        await closed(readings[0].token)(id)

    ends = [closed(mine), lost, closed_by_the_agent, narrowed, closed(operations)]
    with serving(database.url, tmp_path, "--workers", "2") as server:
        await race(server.url, subject, readings, begin, ends)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_no_read_that_begins_after_a_request_or_its_readers_role_has_ended_shows_the_field(
    database: Database, world: World, tmp_path: Path
) -> None:
    subject = await world.person("subject@example.org")
    reader = await world.person("reader@example.org")
    first, second = [
        await world.token(Role.COMPLIANCE, await world.person(f"{name}@example.org")) for name in ("first", "second")
    ]
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    opened: list[str] = []
    readings = [Reading(document) for document in (BY_USER, BY_NODE, BY_REQUESTS)]

    async def begin() -> str:
        await renewed(world, Role.COMPLIANCE, reader, readings)
        for id in opened:
            await world.data(END_REQUEST, first, {"id": id})
        opened[:] = [await opened_request(world, subject, first, second)]
        return opened[0]

    async def lost(_: str) -> None:
        assert await world.data(REVOKE, operations, {"id": reader, "role": "COMPLIANCE"}) == {"revokeRole": True}

    async def closed(id: str) -> None:
        assert (await world.data(END_REQUEST, second, {"id": id}))["closeLegalRequest"] == {"status": "CLOSED"}

    with serving(database.url, tmp_path, "--workers", "2") as server:
        await race(server.url, subject, readings, begin, [closed, lost])

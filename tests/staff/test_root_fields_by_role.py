"""Each root field accepts exactly the roles of the table in the policy."""

from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from sqlalchemy import update

from models.tables import ACCOUNTS
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from schema.build import build
from tests.staff.staff_requests import UNKNOWN
from tests.statements import recorded_statements
from tests.world import World, codes

UNTIL = "2999-01-01T00:00:00Z"
FOR_ACTIVE_MEMBERS = ("users", "userMap")


ROLES = ("ANONYMOUS", "MEMBER", "SUPPORT", "ANALYTICS", "COMPLIANCE", "OPERATIONS", "PROCESSOR")


WRITTEN = """
viewer                  | yes | yes | yes | yes | yes | yes | yes
policy                  | yes | yes | yes | yes | yes | yes | yes
node                    | yes | yes | yes | yes | yes | yes | yes
nodes                   | yes | yes | yes | yes | yes | yes | yes
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


DOCUMENTS = {
    "viewer": "{ role }",
    "policy": "{ version }",
    "node": f'(id: "{UNKNOWN}") {{ id }}',
    "nodes": f'(ids: ["{UNKNOWN}"]) {{ id }}',
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
"""A document for each root field, with ids and addresses that do not exist."""


ROLE_REFUSALS = ("Your role may not do this.", "Your role may not read or do this.")


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


def document_of(name: str, world: World) -> str:
    """The document for one root field."""
    selection = DOCUMENTS[name]
    if name == "grantRole":
        selection %= (world.services.now() + timedelta(days=1)).isoformat()
    return f"{roots()[name][0]} {{ {name} {selection} }}"


def test_every_root_field_has_a_table_row_and_a_document() -> None:
    assert set(roots()) <= set(MAY)
    assert set(roots()) == set(DOCUMENTS)


async def is_allowed(world: World, role: str, token: str | None, name: str, reason: str = "ROLE") -> bool:
    """Whether the role may use the field. Checks that a refusal has the right form and reads nothing."""
    async with recorded_statements(world.services.database) as sent:
        answer = await world.ask(document_of(name, world), token)
    value = answer["data"][name]
    if name == "openSupportCase" and role == "MEMBER":
        assert value["code"] == "NOT_PERMITTED", "a member can open a case only about themselves"
        return value["message"] not in ROLE_REFUSALS
    if codes(answer) != ["FORBIDDEN"] and not (isinstance(value, dict) and value.get("code") == "NOT_PERMITTED"):
        assert "errors" not in answer or codes(answer) == ["BAD_USER_INPUT"], answer
        return True
    if roots()[name][1]:
        assert "errors" not in answer
        assert value == {"__typename": "Refusal", "code": "NOT_PERMITTED", "message": ROLE_REFUSALS[0]}
    else:
        (error,) = answer["errors"]
        assert (value, error["path"], error["extensions"]) == (None, [name], {"code": "FORBIDDEN", "reason": reason})
    async with recorded_statements(world.services.database) as unread:
        await world.ask("{ viewer { role } }", token)
    assert sent == unread, "only the token was looked up"
    return False


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_use_exactly_the_root_fields_of_the_table(world: World, role: str) -> None:
    token = await token_of(world, role)
    await world.ask("{ viewer { role } }", token)  # the first use of a token is recorded with a write
    for name in sorted(roots(), key=lambda name: name == "logout"):
        assert await is_allowed(world, role, token, name) is MAY[name][role], name


async def test_a_member_with_an_unverified_address_cannot_list_members(world: World) -> None:
    token = await token_of(world, "MEMBER", emailVerified=False)
    await world.ask("{ viewer { role } }", token)
    for name in sorted(roots(), key=lambda name: name == "logout"):
        unverified = name in FOR_ACTIVE_MEMBERS
        reason = "EMAIL_NOT_VERIFIED" if unverified else "ROLE"
        assert await is_allowed(world, "MEMBER", token, name, reason) is (MAY[name]["MEMBER"] and not unverified), name


@pytest.mark.parametrize(("verified", "restricted", "leaving"), [*product((True, False), repeat=3)])
async def test_a_member_is_told_the_first_reason_that_keeps_them_out(
    world: World, verified: bool, restricted: bool, leaving: bool
) -> None:
    me, token = await world.member("p@example.org", emailVerified=verified)
    now = world.services.now()
    state = {"restricted_at": now if restricted else None, "leaving_since": now if leaving else None}
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == me).values(state))
    applying = {"EMAIL_NOT_VERIFIED": not verified, "RESTRICTED": restricted, "LEAVING": leaving}
    expected = next((reason for reason, applies in applying.items() if applies), None)
    answer = await world.ask(f"{{ {' '.join(f'{name} {DOCUMENTS[name]}' for name in FOR_ACTIVE_MEMBERS)} }}", token)
    told = {error["path"][0]: error["extensions"].get("reason") for error in answer.get("errors", [])}
    assert told == ({} if expected is None else dict.fromkeys(FOR_ACTIVE_MEMBERS, expected))
    assert all(error["locations"] for error in answer.get("errors", []))


@pytest.mark.parametrize("role", ROLES)
async def test_a_refused_root_field_does_not_affect_the_others(world: World, role: str) -> None:
    token = await token_of(world, role)
    names = [name for name, (operation, _) in roots().items() if operation == "query"]
    document = " ".join(f"a{place}: {name} {DOCUMENTS[name]}" for place, name in enumerate(names))
    answer = await world.ask(f"{{ {document} }}", token)
    refused = [f"a{place}" for place, name in enumerate(names) if not MAY[name][role]]
    assert [error["path"] for error in answer.get("errors", [])] == [[key] for key in refused]
    assert codes(answer) == ["FORBIDDEN"] * len(refused)
    assert answer["data"]["a" + str(names.index("viewer"))] == {"role": role}

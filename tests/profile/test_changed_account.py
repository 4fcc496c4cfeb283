"""A mutation that changes the account of the caller answers with it, so that caches of clients show the new state."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, GraphQLUnionType, get_named_type

from models.letters import LinkUse
from models.vocabulary import Role
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from permissions.version_numbers import current_version
from resolvers.account import own_account
from schema.build import build
from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE_EMAIL,
    OTHER,
    STRONG,
    AuthenticatorApp,
    Clock,
    enrol_authenticator,
    mailed_tokens,
    sign_in,
)
from tests.world import USER, World, codes

ACCOUNT: Final = f"""id emailVerified totpEnabled roles restricted erasureScheduledFor hiddenFromMembers
  consents {{ id purpose granted status withdrawable policyVersion since erasesAt waitsFor }}
  processors {{ id processor fields objectedAt lastDisclosedAt erasureAskedAt erasureAcknowledgedAt }}
  consentHistory(first: 50) {{ edges {{ node {{ id receipt }} }} }} disclosures {{ edges {{ node {{ id }} }} }}
  user {{ {USER} }}"""
ME: Final = f"{{ me {{ {ACCOUNT} }} }}"
OPEN_CASE: Final = """mutation ($id: ID!) { openSupportCase(input: { subjectId: $id, reference: "R", reason: "why",
  extent: [EMAIL, CITY] }) { ... on SupportCase { id } } }"""


class Owner:
    """A member with a password whose account is changed. `arguments` are those of the mutation."""

    def __init__(self, world: World, id: str, token: str) -> None:
        self.world = world
        self.id = id
        self.token = token
        self.clock = Clock(world)

    async def data(self, document: str, **variables: Any) -> Any:
        """Returns the data of a document that the owner sends."""
        return await self.world.data(document, self.token, variables)

    async def with_app(self) -> AuthenticatorApp:
        """Turns two-factor sign-in on and waits for the next code."""
        app, _ = await enrol_authenticator(self.world, self.token)
        self.clock.forward(minutes=1)
        return app

    async def case(self) -> str:
        """Opens a support case."""
        return str((await self.data(OPEN_CASE, id=self.id))["openSupportCase"]["id"])


async def with_code(owner: Owner) -> str:
    app = await owner.with_app()
    return f'(password: "{STRONG}", code: "{app.code()}")'


async def new_code(owner: Owner) -> str:
    secret = (await owner.data(BEGIN, p=STRONG))["beginTotpEnrolment"]["secret"]
    return f'(code: "{AuthenticatorApp(owner.world, secret).code()}")'


async def change_link(owner: Owner) -> str:
    await owner.data(CHANGE_EMAIL, e="next@example.org", p=STRONG)
    return f'(token: "{(await mailed_tokens(owner.world, LinkUse.CHANGE))[0]}")'


async def reset_link(owner: Owner) -> str:
    await owner.world.data(ASK_RESET, None, {"e": "p@example.org"})
    return f'(token: "{(await mailed_tokens(owner.world, LinkUse.RESET))[0]}", newPassword: "{OTHER}")'


async def after_objection(owner: Owner) -> str:
    await owner.data("mutation { objectToProcessor(processor: MAILCHIMP) { __typename } }")
    return "(processor: MAILCHIMP)"


async def after_restriction(owner: Owner) -> str:
    await owner.data("mutation { restrictProcessing { __typename } }")
    return ""


async def while_leaving(owner: Owner) -> str:
    await owner.data("mutation ($p: String!) { requestErasure(password: $p) { __typename } }", p=STRONG)
    owner.token = await owner.world.token(holder=owner.id)
    return ""


async def role_token(owner: Owner) -> str:
    await owner.world.token(Role.SUPPORT, owner.id)
    await owner.with_app()
    until = (owner.clock.at + timedelta(hours=1)).isoformat()
    return f'(input: {{ role: SUPPORT, name: "desk", expiresAt: "{until}" }})'


async def session_to_end(owner: Owner) -> str:
    other = await owner.world.token(holder=owner.id)
    id = (await owner.world.data("{ viewer { session { id } } }", other))["viewer"]["session"]["id"]
    return f'(id: "{id}")'


async def case_to_change(owner: Owner) -> str:
    return f'(id: "{await owner.case()}", extent: [CITY])'


async def case_to_close(owner: Owner) -> str:
    return f'(id: "{await owner.case()}")'


def always(arguments: str) -> Callable[[Owner], Awaitable[str]]:
    """Returns the preparation of a mutation that needs none."""

    async def prepare(owner: Owner) -> str:
        return arguments.replace("OWNER", owner.id)

    return prepare


NAMED: Final = f'policyVersion: "{current_version().name}"'
CHANGES: Final[dict[str, Callable[[Owner], Awaitable[str]]]] = {
    "register": always(f'(input: {{ email: "new@example.org", password: "{OTHER}", consents: [], {NAMED} }})'),
    "verifyEmail": change_link,
    "requestPasswordReset": always('(email: "p@example.org")'),
    "resetPassword": reset_link,
    "changePassword": always(f'(input: {{ currentPassword: "{STRONG}", newPassword: "{OTHER}" }})'),
    "changeEmail": always(f'(newEmail: "next@example.org", password: "{STRONG}")'),
    "beginTotpEnrolment": always(f'(password: "{STRONG}")'),
    "confirmTotpEnrolment": new_code,
    "disableTotp": with_code,
    "regenerateRecoveryCodes": with_code,
    "requestErasure": always(f'(password: "{STRONG}")'),
    "cancelErasure": while_leaving,
    "issueRoleToken": role_token,
    "logout": always(""),
    "revokeSession": session_to_end,
    "updateProfile": always('(input: { city: "Pau", firstName: null })'),
    "updatePreRegistration": always("(input: { company: null })"),
    "setHiddenFromMembers": always("(fields: [CITY, ABOUT])"),
    "grantConsent": always(f"(purpose: EXPANSION, {NAMED})"),
    "withdrawConsent": always("(purpose: SOCIAL)"),
    "objectToProcessor": always("(processor: MAILCHIMP)"),
    "withdrawObjection": after_objection,
    "restrictProcessing": always(""),
    "liftRestriction": after_restriction,
    "exportMyData": always(""),
    "revokeRoleToken": always('(id: "unknown")'),
    "openSupportCase": always(
        '(input: { subjectId: "OWNER", reference: "R", reason: "why", extent: [EMAIL] })',
    ),
    "closeSupportCase": case_to_close,
    "narrowSupportCase": case_to_change,
}
"""Every mutation that a member may call, except those whose answer is that of the person who signs in."""


def results_of(name: str) -> list[GraphQLObjectType]:
    """Returns the types that a mutation answers with, except refusals."""
    mutation: Any = build().graphql.type_map["Mutation"]
    kind = get_named_type(mutation.fields[name].type)
    kinds = kind.types if isinstance(kind, GraphQLUnionType) else [kind]
    return [each for each in kinds if isinstance(each, GraphQLObjectType) and each.name != "Refusal"]


def mutations() -> dict[str, frozenset[Role]]:
    """Returns every mutation with the roles that may call it."""
    split = ((coordinate.split("."), rule) for coordinate, rule in ROOT_FIELD_RULES.items())
    return {name: rule.roles for (root, name), rule in split if root == "Mutation"}


def test_every_mutation_of_members_is_tried() -> None:
    sign_in_fields = {name for name in mutations() if any("viewer" in kind.fields for kind in results_of(name))}
    assert {name for name, roles in mutations().items() if Role.MEMBER in roles} - sign_in_fields == CHANGES.keys()


def test_each_result_that_members_alone_get_has_the_account() -> None:
    callers: dict[str, set[Role]] = {}
    kinds = {kind.name: kind for name in mutations() for kind in results_of(name)}
    for name, roles in mutations().items():
        for kind in results_of(name):
            callers.setdefault(kind.name, set()).update(roles)
    for name, kind in kinds.items():
        is_node = "Node" in [interface.name for interface in kind.interfaces]
        if callers[name] == {Role.MEMBER} and not is_node:
            assert "account" in kind.fields, name
        if "account" in kind.fields:
            found = kind.fields["account"].type
            assert not isinstance(found, GraphQLNonNull)
            assert get_named_type(found).name == "Account"


async def new_owner(world: World) -> Owner:
    """Stores a member and signs them in."""
    id = await world.person("p@example.org", password=STRONG)
    return Owner(world, id, (await sign_in(world, "p@example.org"))["accessToken"])


@pytest.mark.parametrize("name", CHANGES)
async def test_a_mutation_that_changes_the_account_answers_with_it(world: World, name: str) -> None:
    owner = await new_owner(world)
    arguments = await CHANGES[name](owner)
    before = (await owner.data(ME))["me"]
    kinds = results_of(name)
    parts = "".join(f"... on {kind.name} {{ account {{ {ACCOUNT} }} }}" for kind in kinds if "account" in kind.fields)
    selection = f"{{ __typename ... on Refusal {{ code message }} {parts} }}" if kinds else ""
    answer = (await owner.data(f"mutation {{ {name}{arguments} {selection} }}"))[name]
    after = (await world.data(ME, await world.token(holder=owner.id)))["me"]
    if kinds:
        assert answer["__typename"] != "Refusal", answer
    assert (answer["account"] if parts else before) == after


async def test_the_account_may_fail_alone_and_does_not_hide_the_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await new_owner(world)

    async def fail(*_: Any) -> Any:
        raise RuntimeError("the database is away")

    document = """mutation { withdrawConsent(purpose: SOCIAL) { ... on ConsentChanged {
      record { granted } consents { purpose status } account { id consents { status } } } } }"""
    with monkeypatch.context() as patch:
        patch.setattr(own_account, "consent_states", fail)
        answer = await world.ask(document, owner.token)
    changed = answer["data"]["withdrawConsent"]
    assert (changed["record"], changed["account"]) == ({"granted": False}, None)
    assert changed["consents"][1] == {"purpose": "SOCIAL", "status": "WITHDRAWN"}
    assert codes(answer) == ["INTERNAL"]
    assert answer["errors"][0]["path"] == ["withdrawConsent", "account", "consents"]


async def test_a_visitor_has_no_account(world: World) -> None:
    owner = await new_owner(world)
    arguments = await reset_link(owner)
    reset = f"mutation {{ resetPassword{arguments} {{ ... on PasswordChanged {{ account {{ id }} }} }} }}"
    assert await world.data(reset) == {"resetPassword": {"account": None}}

"""Acts of people and operators, each with the kinds of events that it produces."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.commands.access.disable import disable_account, enable_account
from app.commands.access.unlock import unlock_account
from app.commands.server.rotate_keys import rotate
from app.operations.process_events import process_events
from models.letters import LinkUse
from models.vocabulary import Role
from permissions.events.kinds import EventKind
from permissions.rate_limits import RateLimiter
from tests import identity
from tests.identity import OTHER, STRONG, complete_login, enrol_authenticator, new_challenge, new_member, sign_in
from tests.retention import RetentionHarness
from tests.staff import compliance_office, staff_requests, support_desk
from tests.staff.compliance_office import office_of
from tests.staff.support_desk import SupportDesk
from tests.world import World

EMAIL = "canary.person@canary.example"
SESSION = EventKind.SESSION_ENDED
FACTOR = EventKind.SECOND_FACTOR_CHANGED
ERASE = "mutation ($p: String!) { requestErasure(password: $p) { __typename } }"


async def signs_in(world: World, _folder: Path) -> None:
    await new_member(world, EMAIL)


async def fails_to_sign_in(world: World, _folder: Path) -> None:
    await sign_in(world, EMAIL, "canary of a wrong password")


async def is_locked_out(world: World, _folder: Path) -> None:
    world.services.limits = RateLimiter(enabled=True)
    for _ in range(11):
        await sign_in(world, EMAIL, "canary of a wrong password")


async def signs_out(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    assert (await world.data("mutation { logout }", token))["logout"]


async def ends_a_session(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    session = (await world.data(identity.VIEWER, token))["viewer"]["session"]["id"]
    assert (await world.data("mutation ($id: ID!) { revokeSession(id: $id) }", token, {"id": session}))["revokeSession"]


async def replays_a_refresh_token(world: World, _folder: Path) -> None:
    clock = identity.Clock(world)
    _, session = await identity.new_session(world, EMAIL)
    await identity.refresh_session(world, session["refreshToken"])
    clock.forward(minutes=1)
    assert (await identity.refresh_session(world, session["refreshToken"]))["__typename"] == "Refusal"


async def changes_the_password(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    await sign_in(world, EMAIL)
    for current in ("canary of a wrong password", STRONG):
        await world.data(identity.CHANGE, token, {"input": {"currentPassword": current, "newPassword": OTHER}})


async def resets_the_password(world: World, _folder: Path) -> None:
    await new_member(world, EMAIL)
    await world.data(identity.ASK_RESET, None, {"e": EMAIL})
    (link,) = await identity.mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await identity.reset_password(world, link)


async def changes_the_address(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    changed = {"e": "canary.new@canary.example", "p": STRONG, "c": None}
    await world.data(identity.CHANGE_EMAIL, token, changed)
    (link,) = await identity.mailed_tokens(world, LinkUse.CHANGE)
    assert "email" in await identity.verify_email(world, link, token)


async def enters_codes(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    app, codes = await enrol_authenticator(world, token)
    challenge = await new_challenge(world, EMAIL)
    for code in ("canary", app.code(-1), "CANARY-CANARY-CANARY-CANARY"):
        assert "code" in await complete_login(world, challenge, code)
    assert "accessToken" in await complete_login(world, challenge, codes[0])
    challenge = await new_challenge(world, EMAIL)
    assert "code" in await complete_login(world, challenge, codes[0])


async def enters_too_many_codes(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    await enrol_authenticator(world, token)
    challenge = await new_challenge(world, EMAIL)
    world.services.limits = RateLimiter(enabled=True)
    for _ in range(6):
        await complete_login(world, challenge, "canary")


async def changes_the_second_factor(world: World, _folder: Path) -> None:
    clock = identity.Clock(world)
    _, token = await new_member(world, EMAIL)
    app, _ = await enrol_authenticator(world, token)
    for document in (identity.REGENERATE, identity.DISABLE):
        clock.forward(minutes=2)
        (answer,) = (await world.data(document, token, {"p": STRONG, "c": app.code()})).values()
        assert "code" not in answer


async def operator_acts_on_an_account(world: World, _folder: Path) -> None:
    await new_member(world, EMAIL)
    for act in (disable_account, enable_account, unlock_account):
        await act(world.services, EMAIL)


async def grants_and_ends_roles(world: World, _folder: Path) -> None:
    own = await world.person("canary.boss@canary.example")
    boss = await world.token(Role.OPERATIONS, own)
    until = (world.services.now() + timedelta(days=1)).isoformat()
    person = await world.person(EMAIL)
    for id in (person, own, "canary of an id"):
        await world.ask(staff_requests.GRANT_ROLE, boss, {"id": id, "role": "SUPPORT", "until": until})
    assert (await world.data(staff_requests.REVOKE, boss, {"id": person, "role": "SUPPORT"}))["revokeRole"]


async def asks_for_the_field_of_another_role(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    await world.ask("{ a: staff { pageInfo { hasNextPage } } b: staff { pageInfo { hasNextPage } } }", token)


async def handles_tokens(world: World, _folder: Path) -> None:
    boss = await world.token(Role.OPERATIONS, await world.person("canary.boss@canary.example"))
    officer = await world.token(Role.COMPLIANCE, await world.person("canary.officer@canary.example"))
    until = (world.services.now() + timedelta(days=1)).isoformat()
    issue = """mutation ($u: DateTime!) { issueProcessorToken(processor: MANDRILL, expiresAt: $u) {
      ... on RoleToken { id } } }"""
    id = (await world.data(issue, boss, {"u": until}))["issueProcessorToken"]["id"]
    for mutation, token in (("approveProcessorToken", officer), ("revokeRoleToken", boss)):
        assert (await world.data(f"mutation ($id: ID!) {{ {mutation}(id: $id) }}", token, {"id": id}))[mutation]


async def issues_a_role_token(world: World, _folder: Path) -> None:
    id, token = await new_member(world, EMAIL)
    await enrol_authenticator(world, token)
    await world.token(Role.SUPPORT, id)
    soon = (world.services.now() + timedelta(hours=1)).isoformat()
    for role, code in (("SUPPORT", None), ("COMPLIANCE", "NOT_PERMITTED")):
        input = {"role": role, "name": "canary of a name", "expiresAt": soon}
        answer = (await world.data(identity.ROLE_TOKEN, token, {"input": input}))["issueRoleToken"]
        assert answer.get("code") == code


async def handles_a_case(world: World, _folder: Path) -> None:
    subject, mine = await world.member(EMAIL)
    agent = await world.person("canary.agent@canary.example")
    boss = await world.token(Role.OPERATIONS, await world.person("canary.boss@canary.example"))
    desk = SupportDesk(world, subject, mine, agent, await world.token(Role.SUPPORT, agent), boss)
    id = await desk.assigned(reference="canary of a ticket", reason="canary of a reason")
    await world.data(support_desk.NARROW, mine, {"id": id, "extent": []})
    await world.data(support_desk.CLOSE, mine, {"id": id})


async def handles_a_legal_request(world: World, _folder: Path) -> None:
    office = await office_of(world)
    texts = {"authority": "canary of a court", "reference": "canary of a number", "basis": "canary of a law"}
    id = (await office.opened(**texts))["id"]
    for token in (office.first, office.second):
        await world.data(compliance_office.APPROVE, token, {"id": id})
    await office.close(id)


async def exports_the_own_data(world: World, _folder: Path) -> None:
    _, token = await new_member(world, EMAIL)
    assert (await world.data("mutation { exportMyData }", token))["exportMyData"]


async def requests_and_cancels_erasure(world: World, _folder: Path) -> None:
    id, token = await new_member(world, EMAIL)
    await world.token(Role.SUPPORT, id)
    await world.data(ERASE, token, {"p": STRONG})
    token = (await sign_in(world, EMAIL))["accessToken"]
    await world.data("mutation { cancelErasure { __typename } }", token)


async def is_erased(world: World, folder: Path) -> None:
    harness = RetentionHarness(world, folder)
    await harness.request_erasure(await world.person(EMAIL))
    harness.clock.forward(days=31)
    await harness.run()


async def rotates_the_keys(world: World, _folder: Path) -> None:
    await rotate(world.services)


async def loses_and_finds_the_shared_counters(_world: World, _folder: Path) -> None:
    limits: Any = RateLimiter("redis://127.0.0.1:1/0")
    await limits.count_attempt("5/minute", "canary of a key")
    limits._shared, limits._shared_retry_at = limits._local, 0
    await limits.count_attempt("5/minute", "canary of a key")


async def starts_and_stops(world: World, _folder: Path) -> None:
    async with process_events(world.services.database):
        pass


@dataclass(frozen=True)
class Scenario:
    """An act, the kinds of events that it produces, and the mutations that succeed in it with one."""

    act: Callable[[World, Path], Awaitable[None]]
    kinds: tuple[EventKind, ...]
    mutations: tuple[str, ...] = ()


SCENARIOS = (
    Scenario(signs_in, (EventKind.SIGN_IN_SUCCEEDED,), ("login",)),
    Scenario(fails_to_sign_in, (EventKind.SIGN_IN_FAILED,)),
    Scenario(is_locked_out, (EventKind.SIGN_IN_FAILED, EventKind.SIGN_IN_LOCKED)),
    Scenario(signs_out, (SESSION,), ("logout",)),
    Scenario(ends_a_session, (SESSION,), ("revokeSession",)),
    Scenario(replays_a_refresh_token, (SESSION,)),
    Scenario(
        changes_the_password,
        (EventKind.PASSWORD_NOT_CONFIRMED, EventKind.PASSWORD_CHANGED, SESSION),
        ("changePassword",),
    ),
    Scenario(resets_the_password, (EventKind.PASSWORD_CHANGED, SESSION), ("resetPassword",)),
    Scenario(changes_the_address, (EventKind.EMAIL_CHANGED,), ("verifyEmail",)),
    Scenario(
        enters_codes,
        (
            EventKind.SECOND_FACTOR_ASKED,
            EventKind.SECOND_FACTOR_WRONG,
            EventKind.SECOND_FACTOR_REUSED,
            EventKind.SIGN_IN_SUCCEEDED,
            FACTOR,
        ),
        ("completeLogin",),
    ),
    Scenario(enters_too_many_codes, (EventKind.SECOND_FACTOR_LOCKED,)),
    Scenario(
        changes_the_second_factor,
        (FACTOR,),
        ("confirmTotpEnrolment", "regenerateRecoveryCodes", "disableTotp"),
    ),
    Scenario(
        operator_acts_on_an_account,
        (EventKind.ACCOUNT_DISABLED, SESSION, EventKind.ACCOUNT_ENABLED, EventKind.SIGN_IN_UNLOCKED),
    ),
    Scenario(
        grants_and_ends_roles,
        (EventKind.ROLE_GRANTED, EventKind.ROLE_REFUSED, EventKind.ROLE_REVOKED),
        ("grantRole", "revokeRole"),
    ),
    Scenario(asks_for_the_field_of_another_role, (EventKind.FIELD_REFUSED,)),
    Scenario(
        handles_tokens,
        (EventKind.TOKEN_ISSUED, EventKind.TOKEN_APPROVED, EventKind.TOKEN_REVOKED),
        ("issueProcessorToken", "approveProcessorToken", "revokeRoleToken"),
    ),
    Scenario(issues_a_role_token, (EventKind.TOKEN_ISSUED, EventKind.ROLE_REFUSED), ("issueRoleToken",)),
    Scenario(
        handles_a_case,
        (EventKind.CASE_OPENED, EventKind.CASE_ASSIGNED, EventKind.CASE_NARROWED, EventKind.CASE_CLOSED),
        ("openSupportCase", "assignSupportCase", "narrowSupportCase", "closeSupportCase"),
    ),
    Scenario(
        handles_a_legal_request,
        (
            EventKind.LEGAL_REQUEST_OPENED,
            EventKind.APPROVAL_REFUSED,
            EventKind.LEGAL_REQUEST_APPROVED,
            EventKind.LEGAL_REQUEST_CLOSED,
        ),
        ("openLegalRequest", "approveLegalRequest", "closeLegalRequest"),
    ),
    Scenario(exports_the_own_data, (EventKind.DATA_EXPORTED,), ("exportMyData",)),
    Scenario(
        requests_and_cancels_erasure,
        (EventKind.ERASURE_REQUESTED, EventKind.ROLE_REVOKED, SESSION, EventKind.ERASURE_CANCELLED),
        ("requestErasure", "cancelErasure"),
    ),
    Scenario(is_erased, (EventKind.DATA_ERASED,)),
    Scenario(rotates_the_keys, (EventKind.KEYS_ROTATED,)),
    Scenario(loses_and_finds_the_shared_counters, (EventKind.LIMITS_LOCAL, EventKind.LIMITS_SHARED)),
    Scenario(starts_and_stops, (EventKind.SERVICE_STARTED, EventKind.SERVICE_STOPPED)),
)

WITHOUT_EVENT = {
    "register": "Its answer and its work are the same for a taken address.",
    "requestPasswordReset": "Its answer and its work are the same without an account.",
    "refreshSession": "The session goes on.",
    "beginTotpEnrolment": "Nothing counts before the enrollment is confirmed.",
    "changeEmail": "Nothing counts before the link is used.",
    "updateProfile": "The subject changes their own record.",
    "updatePreRegistration": "The subject changes their own record.",
    "setHiddenFromMembers": "The subject changes their own record.",
    "grantConsent": "The consent history records it.",
    "withdrawConsent": "The consent history records it.",
    "objectToProcessor": "The table of objections records it.",
    "withdrawObjection": "The table of objections records it.",
    "restrictProcessing": "The table of restrictions records it.",
    "liftRestriction": "The table of restrictions records it.",
    "openProcessorView": "The ledger records it.",
    "acknowledgeWithdrawals": "The table of withdrawals records it.",
}

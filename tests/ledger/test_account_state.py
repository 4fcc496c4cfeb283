"""What an account says follows from its records, and `verify-log` and `oversight` name each account that differs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from app.commands.audit import account_state
from app.commands.audit.account_state import Difference, comparisons, differences
from app.commands.audit.verify_log import faults
from app.commands.server.rotate_keys import rotate
from models.key_ring import KeyRing
from models.letters import LinkUse
from models.tables import ACCESS_TOKENS, ACCOUNTS, CONSENT_RECORDS, OBJECTIONS, RESTRICTIONS, ROLE_GRANTS
from models.tokens import token_rows
from models.vocabulary import STAFF, Processor, Purpose, Role
from permissions.version_numbers import current_version
from tests.identity import ASK_RESET, STRONG, Clock, mailed_tokens, register, reset_password, sign_in, verify_email
from tests.serving import consentql
from tests.world import World

WITHDRAWABLE = [purpose for purpose in Purpose if purpose is not Purpose.SERVICE]
GRANT = "mutation ($p: Purpose!, $v: String!) { grantConsent(purpose: $p, policyVersion: $v) { __typename } }"
WITHDRAW = "mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }"
OBJECT = "mutation ($p: Processor!) { objectToProcessor(processor: $p) { __typename } }"
END_OBJECTION = "mutation ($p: Processor!) { withdrawObjection(processor: $p) { __typename } }"
RESTRICT = "mutation { restrictProcessing { __typename } }"
LIFT = "mutation { liftRestriction { __typename } }"

Change = tuple[str, str, Table, Any, dict[str, Any]]
"""A state, the id of the account that it belongs to, the table and the rows to change, and their new values."""


async def _grant_role(world: World, id: str, role: Role) -> None:
    now = world.services.now()
    async with world.services.database.writing() as connection:
        expires = now + timedelta(days=30)
        await token_rows.grant_role(
            connection, world.services.keys, token_rows.NewGrant(id, role, now=now, expires_at=expires)
        )


async def _differing(world: World) -> list[Difference]:
    services = world.services
    found = await differences(services.database, services.keys, services.now())
    assert found.more == 0
    return found.named


async def _people(world: World) -> tuple[str, str, dict[Role, str]]:
    """Someone who granted every purpose, someone who withdrew everything, and a holder of each role."""
    clock = Clock(world)
    open_id = await world.person("open@example.org", WITHDRAWABLE)
    closed_id, token = await world.member("closed@example.org", WITHDRAWABLE)
    clock.forward(hours=1)
    for purpose in WITHDRAWABLE:
        await world.data(WITHDRAW, token, {"p": purpose.value})
    for processor in Processor:
        await world.data(OBJECT, token, {"p": processor.value})
    await world.data(RESTRICT, token)
    holders = {role: await world.person(f"{role.lower()}@example.org") for role in STAFF}
    for role, id in holders.items():
        await _grant_role(world, id, role)
        clock.forward(minutes=1)
        await world.token(role, id)
    clock.forward(minutes=1)
    return open_id, closed_id, holders


def _changed_grants(world: World, someone: str) -> Iterator[dict[str, Any]]:
    """Another value for each column of a grant that stays the grant of the same role and person."""
    now = world.services.now()
    yield {"expires_at": now + timedelta(days=300)}
    yield {"expires_at": now + timedelta(minutes=1)}
    yield {"granted_at": now - timedelta(seconds=77)}
    yield {"granted_by": someone}
    yield {"seal": f"{world.services.keys.id()}.{'0' * 64}"}
    yield {"seal": ""}


def _changes(world: World, open_id: str, closed_id: str, holders: dict[Role, str]) -> Iterator[Change]:
    """One UPDATE after another. Each changes one state of one account."""
    soon, column = world.services.now() + timedelta(days=1), ACCOUNTS.c
    for purpose in WITHDRAWABLE:
        name = purpose.lower()
        version, lapse = f"the granted version of {purpose.value}", f"the lapse of {purpose.value}"
        yield version, open_id, ACCOUNTS, column.id == open_id, {f"{name}_version": None}
        yield version, closed_id, ACCOUNTS, column.id == closed_id, {f"{name}_version": 1}
        yield lapse, open_id, ACCOUNTS, column.id == open_id, {f"{name}_lapsed_at": soon}
        yield lapse, closed_id, ACCOUNTS, column.id == closed_id, {f"{name}_lapsed_at": None}
        yield lapse, closed_id, ACCOUNTS, column.id == closed_id, {f"{name}_lapsed_at": soon}
    state, everyone = "the restriction", (1 << len(Processor)) - 1
    yield state, open_id, ACCOUNTS, column.id == open_id, {"restricted_at": soon}
    yield state, closed_id, ACCOUNTS, column.id == closed_id, {"restricted_at": None}
    yield state, closed_id, RESTRICTIONS, RESTRICTIONS.c.subject_id == closed_id, {"lifted_at": soon}
    for processor in Processor:
        state = f"the objection to {processor.value}"
        one = (OBJECTIONS.c.subject_id == closed_id) & (OBJECTIONS.c.processor == processor.value)
        yield state, open_id, ACCOUNTS, column.id == open_id, {"objected": processor.bit}
        yield state, closed_id, ACCOUNTS, column.id == closed_id, {"objected": everyone & ~processor.bit}
        yield state, closed_id, OBJECTIONS, one, {"withdrawn_at": soon}
    for role, id in holders.items():
        state, other = f"the role {role.value}", next(each for each in holders if each is not role)
        first = select(ROLE_GRANTS.c.id).where(ROLE_GRANTS.c.subject_id == id).order_by(ROLE_GRANTS.c.granted_at)
        yield (
            state,
            id,
            ROLE_GRANTS,
            ROLE_GRANTS.c.subject_id == id,
            {"revoked_at": world.services.now() - timedelta(seconds=1)},
        )
        yield state, id, ROLE_GRANTS, ROLE_GRANTS.c.id == first.limit(1).scalar_subquery(), {"revoked_at": None}
        newest = (
            ROLE_GRANTS.c.id
            == first.order_by(None).order_by(ROLE_GRANTS.c.granted_at.desc()).limit(1).scalar_subquery()
        )
        for values in _changed_grants(world, holders[other]):
            yield state, id, ROLE_GRANTS, newest, values
        yield state, holders[other], ACCESS_TOKENS, ACCESS_TOKENS.c.holder_id == holders[other], {"role": role.value}


async def test_one_update_of_any_state_is_found_and_its_account_named(world: World) -> None:
    people = await _people(world)
    assert await _differing(world) == []
    seen = set()
    for state, id, table, where, values in _changes(world, *people):
        async with world.services.database.writing() as connection:
            before = (await connection.execute(select(table).where(where))).mappings().all()
            await connection.execute(update(table).where(where).values(values))
        found = await _differing(world)
        assert found == [Difference(id, (state,))], (state, values)
        seen.add(state)
        async with world.services.database.writing() as connection:
            for row in before:
                old = {name: row[name] for name in values}
                await connection.execute(update(table).where(table.c.id == row["id"]).values(old))
    records = dict.fromkeys(WITHDRAWABLE, CONSENT_RECORDS)
    assert seen == {each.state for each in comparisons(records, world.services.now(), {})}, (
        "every state was changed once"
    )


async def test_verify_log_and_oversight_name_an_account_whose_consent_was_revived(world: World, tmp_path: Path) -> None:
    _, id, _ = await _people(world)
    async with world.services.database.writing() as connection:
        revived = {"social_version": 1, "social_lapsed_at": None}
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(revived))
    states = ["the granted version of SOCIAL", "the lapse of SOCIAL"]
    lines = [f"account {id}: {state} does not follow from its records" for state in states]
    assert await faults(world.services) == lines
    url = world.services.database.url
    done = consentql(url, "verify-log", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["faults"]) == (1, lines)
    assert [line for line in done.stderr.splitlines() if id in line] == lines
    told = json.loads(consentql(url, "oversight", "--json", cwd=tmp_path).stdout)
    assert told["accounts_that_contradict_their_records"] == [{"id": id, "states": states}]
    assert told["more_accounts_that_contradict_their_records"] == 0
    assert [line for line in consentql(url, "oversight", cwd=tmp_path).stdout.splitlines() if id in line] == lines


async def test_an_ended_grant_that_is_revived_is_found_without_any_token(world: World) -> None:
    clock, id = Clock(world), await world.person("agent@example.org")
    await _grant_role(world, id, Role.OPERATIONS)
    clock.forward(hours=1)
    async with world.services.database.writing() as connection:
        await token_rows.revoke_role(connection, world.services.keys, id, Role.OPERATIONS, world.services.now())
    assert await _differing(world) == []
    async with world.services.database.writing() as connection:
        await connection.execute(update(ROLE_GRANTS).values(revoked_at=None))
    expected = [Difference(id, ("the role OPERATIONS",))]
    assert await _differing(world) == expected
    clock.forward(minutes=1)
    async with world.services.database.writing() as connection:
        await token_rows.revoke_role(connection, world.services.keys, id, Role.OPERATIONS, world.services.now())
    assert await _differing(world) == expected, "ending it in a regular way covers nothing up"


async def test_seals_of_older_keys_count_until_they_are_renewed_and_changes_stay_visible(world: World) -> None:
    services, clock = world.services, Clock(world)
    kept, changed = [await world.person(f"{name}@example.org") for name in ("kept", "changed")]
    for id in (kept, changed):
        await _grant_role(world, id, Role.ANALYTICS)
    mine = update(ROLE_GRANTS).where(ROLE_GRANTS.c.subject_id == changed)
    async with services.database.writing() as connection:
        await connection.execute(mine.values(expires_at=services.now() + timedelta(days=300)))
    clock.forward(hours=1)
    services.keys = KeyRing(("another key of the service, 32 characters", *services.keys._secrets))
    expected = [Difference(changed, ("the role ANALYTICS",))]
    assert await _differing(world) == expected
    for renewed in (1, 0):
        done = await rotate(services)
        assert (done.grants, done.changed_grants) == (renewed, 1)
    services.keys = KeyRing(services.keys._secrets[:1])
    assert await _differing(world) == expected


async def test_accounts_beyond_those_that_are_named_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_state, "MOST", 2)
    ids = sorted([await world.person(f"p{number}@example.org") for number in range(5)])
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).values(restricted_at=world.services.now()))
    found = await differences(world.services.database, world.services.keys, world.services.now())
    assert found.named == [Difference(id, ("the restriction",)) for id in ids[:2]]
    assert (found.more, found.lines()[-1]) == (3, "at least 3 more accounts contradict their records")
    assert (await faults(world.services))[-1] == found.lines()[-1]


async def test_what_people_do_leaves_no_account_that_differs(world: World) -> None:
    clock, version = Clock(world), current_version().name

    async def agrees(step: str) -> None:
        clock.forward(seconds=5)
        assert await _differing(world) == [], step

    await register(world, "p@example.org", consents=["SOCIAL"])
    await agrees("a registration that waits")
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    for name, document in (("withdraw", WITHDRAW), ("refuse", WITHDRAW), ("grant", GRANT)):
        await world.data(document, token, {"p": "EXPANSION" if name == "refuse" else "SOCIAL", "v": version})
        await agrees(f"{name} before the address is verified")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert "email" in await verify_email(world, link, token)
    await agrees("verified")
    for purpose in WITHDRAWABLE:
        for document in (WITHDRAW, GRANT, WITHDRAW, WITHDRAW, GRANT, GRANT):
            await world.data(document, token, {"p": purpose.value, "v": version})
            await agrees(f"{document} {purpose}")
    for document in (OBJECT, OBJECT, END_OBJECTION, OBJECT):
        await world.data(document, token, {"p": "MAILCHIMP"})
        await agrees(document)
    for document in (RESTRICT, RESTRICT, LIFT, RESTRICT):
        await world.data(document, token)
        await agrees(document)


async def test_what_staff_and_strangers_do_leaves_no_account_that_differs(world: World) -> None:
    clock, id = Clock(world), await world.person("agent@example.org")

    async def agrees(step: str) -> None:
        clock.forward(seconds=5)
        assert await _differing(world) == [], step

    for _ in range(2):
        await world.token(Role.SUPPORT, id)
        await agrees("a role is granted again while a token lives")
    clock.forward(days=29, hours=20)
    await world.token(Role.ANALYTICS, id)
    clock.forward(hours=6)
    await agrees("a grant has expired")
    await world.token(Role.SUPPORT, id)
    async with world.services.database.writing() as connection:
        await token_rows.revoke_role(connection, world.services.keys, id, Role.SUPPORT, world.services.now())
    await agrees("a role has ended")
    await register(world, "me@example.org", consents=["SOCIAL", "EXPANSION"])
    await world.data(ASK_RESET, None, {"e": "me@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await reset_password(world, link, STRONG)
    await agrees("the owner claims an address that a stranger registered")

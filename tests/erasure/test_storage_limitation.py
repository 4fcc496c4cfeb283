"""Data of a purpose is stored while the purpose stands, for 30 days after, or while a legal request holds it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from app.commands.audit.account_state import differences
from models.columns import HOLDS
from models.database import Database
from models.letters import LinkUse
from models.tables import (
    ACCOUNTS,
    CONSENT_RECORDS,
    CREDENTIALS,
    HELD_FORMS,
    HELD_PROFILES,
    LEGAL_REQUESTS,
    PRE_REGISTRATIONS,
    PROFILES,
)
from models.vocabulary import PersonalField, Purpose, Role
from permissions import policy
from permissions.policy import Version
from permissions.version_numbers import current_version
from tests.identity import STRONG, VERIFY, mailed_tokens, register
from tests.retention import DAY, RetentionHarness
from tests.world import FORM, World, line, world_of

GRANT = "mutation ($p: Purpose!, $v: String!) { grantConsent(purpose: $p, policyVersion: $v) { __typename } }"
WITHDRAW = "mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }"
PROFILE = "mutation ($i: ProfileInput!) { updateProfile(input: $i) { __typename } }"
FORM_OF = "mutation ($i: PreRegistrationInput!) { updatePreRegistration(input: $i) { __typename } }"
LOGIN = 'mutation ($e: String!) { login(input: {email: $e, password: "violet tractor sings 19 hymns"}) { __typename } }'
RESTRICT = "mutation { restrictProcessing { __typename } }"
PURPOSE_TABLES = {"SOCIAL": PROFILES, "EXPANSION": PRE_REGISTRATIONS}
EVERY = frozenset(PURPOSE_TABLES)
WHO = st.integers(0, 1)
PURPOSE = st.sampled_from(sorted(PURPOSE_TABLES))
SOME = st.frozensets(PURPOSE)
ACTS = st.one_of(
    st.tuples(st.just("register"), WHO, SOME),
    st.tuples(st.just("bring"), WHO, SOME, st.booleans()),
    st.tuples(st.just("verify"), WHO),
    st.tuples(st.just("grant"), WHO, PURPOSE),
    st.tuples(st.just("withdraw"), WHO, PURPOSE),
    st.tuples(st.just("write"), WHO),
    st.tuples(st.just("log_in"), WHO),
    st.tuples(st.just("restrict"), WHO),
    st.tuples(st.just("leave"), WHO),
    st.tuples(st.just("stay"), WHO),
    st.tuples(st.just("hold"), WHO, st.sampled_from(["FIRST_NAME", "PRE_REGISTRATION", "EMAIL", "LOCATION"])),
    st.tuples(st.just("let_go"), WHO),
    st.tuples(st.just("raise_floor"), st.sampled_from([EVERY, frozenset({"SOCIAL"}), frozenset()])),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 29, 30, 31])),
)


@dataclass
class TrackedPerson:
    """A person, and when each purpose last stood, or when its data was first stored."""

    id: str
    session: str
    last_standing: dict[str, datetime] = field(default_factory=dict)


class History:
    """Applies random actions to people, and checks the stored data against the consent records after every run."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.harness = world, RetentionHarness(world, folder)
        self.people: dict[int, TrackedPerson] = {}
        self.number = 0

    async def apply(self, name: str, *given: Any) -> None:
        """Applies one action, or ignores it if it is impossible."""
        if name in ("raise_floor", "wait", "register", "bring"):
            await getattr(self, name)(*given)
        elif person := self.people.get(given[0]):
            await getattr(self, name)(person, *given[1:])
        await self.note_standing()

    async def _begin(self, who: int, email: str) -> None:
        (row,) = await self.harness.rows(ACCOUNTS, ACCOUNTS.c.email == email)
        person = TrackedPerson(row.id, await self.world.token(Role.MEMBER, row.id))
        await self.harness.extend_sessions()
        person.last_standing = dict.fromkeys(PURPOSE_TABLES, self.harness.clock.at)
        self.people[who] = person

    def _address(self) -> str:
        self.number += 1
        return f"p{self.number}@example.org"

    async def register(self, who: int, purposes: frozenset[str]) -> None:
        """Registers a person with values of the granted purposes."""
        email, filled = self._address(), {}
        if "SOCIAL" in purposes:
            filled["firstName"] = "Amara"
        if "EXPANSION" in purposes:
            filled["preRegistration"] = dict(FORM)
        await register(self.world, email, consents=sorted(purposes), **filled)
        await self._begin(who, email)

    async def verify(self, person: TrackedPerson) -> None:
        """Opens all verification links."""
        for token in await mailed_tokens(self.world, LinkUse.VERIFY):
            await self.world.data(VERIFY, None, {"t": token})

    async def bring(self, who: int, purposes: frozenset[str], verified: bool) -> None:
        """Imports a person with every value."""
        email = self._address()
        await self.world.store_people(line(email, sorted(purposes), emailVerified=verified))
        await self._begin(who, email)

    async def grant(self, person: TrackedPerson, purpose: str) -> None:
        """Grants a purpose under the current version."""
        await self.world.ask(GRANT, person.session, {"p": purpose, "v": current_version().name})

    async def withdraw(self, person: TrackedPerson, purpose: str) -> None:
        """Withdraws a purpose."""
        await self.world.ask(WITHDRAW, person.session, {"p": purpose})

    async def write(self, person: TrackedPerson) -> None:
        """Tries to store profile and form values."""
        await self.world.ask(PROFILE, person.session, {"i": {"firstName": "Béa", "city": "Tartu"}})
        await self.world.ask(FORM_OF, person.session, {"i": dict(FORM)})

    async def log_in(self, person: TrackedPerson) -> None:
        """Signs in from a network with a location."""
        email = [row.email for row in await self.harness.rows(ACCOUNTS, ACCOUNTS.c.id == person.id)]
        await self.world.ask(LOGIN, None, {"e": (email or ["nobody@example.org"])[0], "p": STRONG})

    async def restrict(self, person: TrackedPerson) -> None:
        """Restricts processing, which must not extend storage."""
        await self.world.ask(RESTRICT, person.session)

    async def leave(self, person: TrackedPerson) -> None:
        """Requests erasure."""
        await self.harness.request_erasure(person.id)

    async def stay(self, person: TrackedPerson) -> None:
        """Cancels the erasure within the grace period."""
        mine = update(ACCOUNTS).where(
            ACCOUNTS.c.id == person.id, ACCOUNTS.c.leaving_since > self.harness.clock.at - 30 * DAY
        )
        async with self.world.services.database.writing() as connection:
            await connection.execute(mine.values(leaving_since=None))

    async def hold(self, person: TrackedPerson, held: str) -> None:
        """Approves a legal request for a field."""
        await self.harness.open_legal_request(person.id, held, days=40)

    async def let_go(self, person: TrackedPerson) -> None:
        """Closes all legal requests about the person."""
        async with self.world.services.database.writing() as connection:
            mine = update(LEGAL_REQUESTS).where(LEGAL_REQUESTS.c.subject_id == person.id)
            await connection.execute(mine.values(closed_at=self.harness.clock.at))

    async def raise_floor(self, purposes: frozenset[str]) -> None:
        """Publishes a policy version that changes these purposes."""
        changed = tuple(Purpose(each) for each in sorted(purposes))
        version = Version(f"v{len(policy.VERSIONS)}", self.harness.clock.at, changed)
        policy.VERSIONS = (*policy.VERSIONS, version)  # type: ignore[misc,assignment]  # put back by the test

    async def wait(self, days: int) -> None:
        """Moves the clock, runs retention and checks what is stored."""
        self.harness.clock.at += days * DAY
        await self.harness.run()
        found = await differences(self.world.services.database, self.world.services.keys, self.harness.clock.at)
        assert found.named == []
        await self.check()

    async def _states(self) -> dict[tuple[str, str], bool]:
        """Computes from records and versions whether each purpose stands."""
        ids = [person.id for person in self.people.values()]
        verified = {row.id for row in await self.harness.rows(ACCOUNTS) if row.email_verified}
        records = await self.harness.rows(CONSENT_RECORDS, CONSENT_RECORDS.c.subject_id.in_(ids))
        last = {(r.subject_id, r.purpose): r for r in sorted(records, key=lambda record: record.sequence)}
        names = [version.name for version in policy.VERSIONS]
        floors = {p: max(n for n, v in enumerate(policy.VERSIONS) if Purpose(p) in v.changes) for p in PURPOSE_TABLES}
        return {
            (id, purpose): id in verified and record.granted and names.index(record.policy_version) >= floors[purpose]
            for (id, purpose), record in last.items()
        }

    async def note_standing(self) -> None:
        """Notes the purposes that stand now."""
        states = await self._states()
        for person in self.people.values():
            for purpose in PURPOSE_TABLES:
                if states.get((person.id, purpose)):
                    person.last_standing[purpose] = self.harness.clock.at

    async def check(self) -> None:
        """Checks that no value is stored without a reason."""
        now, states = self.harness.clock.at, await self._states()
        held = await self._held()
        for purpose, table in PURPOSE_TABLES.items():
            there = {row.subject_id for row in await self.harness.rows(table)}
            for person in self.people.values():
                if person.id in there:
                    within = now < person.last_standing[purpose] + 30 * DAY
                    assert states.get((person.id, purpose)) or within, (purpose, person.last_standing[purpose], now)
        for table in (HELD_PROFILES, HELD_FORMS):
            for row in await self.harness.rows(table):
                kept = {c.info[HOLDS] for c in table.columns if HOLDS in c.info and row._mapping[c.name] is not None}
                assert kept, table
                assert kept <= held.get(row.subject_id, set())
        credentials = {row.subject_id for row in await self.harness.rows(CREDENTIALS)}
        for row in await self.harness.rows(ACCOUNTS):
            grace = row.leaving_since or (None if row.email_verified else row.created_at)
            assert row.id not in credentials or grace is None or now < grace + 30 * DAY
            if row.id not in credentials:
                assert (row.email == "") == (PersonalField.EMAIL not in held.get(row.id, set()))
                assert row.ip_address is None

    async def _held(self) -> dict[str, set[PersonalField]]:
        open_ones = (LEGAL_REQUESTS.c.closed_at.is_(None), LEGAL_REQUESTS.c.expires_at > self.harness.clock.at)
        held: dict[str, set[PersonalField]] = {}
        for row in await self.harness.rows(LEGAL_REQUESTS, *open_ones):
            held.setdefault(row.subject_id, set()).update(f for f in PersonalField if row.extent & f.bit)
        return held


def test_no_value_outlives_its_purpose_by_more_than_the_grace_period(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(policy, "VERSIONS", policy.VERSIONS)
    with asyncio.Runner() as runner:
        world = runner.run(_world(database_url))
        history = History(world, tmp_path)

        @settings(
            max_examples=20 if backend == "sqlite" else 6,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=(Phase.generate,),  # what happened before cannot be undone, so nothing smaller is sought
        )
        @given(st.lists(ACTS, min_size=4, max_size=14))
        def examples(acts: list[tuple[Any, ...]]) -> None:
            runner.run(_run_example(history, acts))

        examples()
        runner.run(world.client.aclose())
        world.services.hashing.close()
        runner.run(world.services.database.close())


async def _world(url: str) -> World:
    return world_of(Database(url))


async def _run_example(history: History, acts: list[tuple[Any, ...]]) -> None:
    """Runs an example on one person with full consent. The clock and the policy continue from the last example."""
    history.people = {}
    async with history.world.services.database.writing() as connection:
        await connection.execute(delete(LEGAL_REQUESTS))
    await history.harness.request_erasure(*[row.id for row in await history.harness.rows(ACCOUNTS)])
    await history.wait(31)
    assert await history.harness.rows(ACCOUNTS) == []
    await history.apply("bring", 0, EVERY, True)
    for act in acts:
        await history.apply(*act)
    await history.wait(29)
    await history.wait(1)

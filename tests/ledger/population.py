"""Subjects in many random states, and what each caller may read of them according to the policy."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from models.columns import new_id, sort_key
from models.tables import (
    LEGAL_REQUESTS,
    SUPPORT_CASES,
    WITHDRAWALS,
)
from models.vocabulary import ObjectionSource, Processor, Role
from resolvers.consent.objections import record_objection
from resolvers.subjects.account_lock import lock_account
from tests.expectation import FIELDS, Circumstances, decision, possible_fields
from tests.ledger.stored import case_row, execute, names, request_row
from tests.world import GRAPHQL_NAMES, PROFILE, World

PEOPLE = 14


PERSONAL = {name: field for field, name in GRAPHQL_NAMES.items()}


VIEW_TYPES = {
    "INTERCOM": ("IntercomView", "contacts", ("email", "firstName")),
    "MANDRILL": ("MandrillView", "recipients", ("email", "firstName", "lastName")),
    "MAILCHIMP": ("MailchimpView", "subscribers", ("email",)),
    "GOOGLE_ANALYTICS": ("GoogleAnalyticsView", "visitors", ("ipAddress",)),
}


@dataclass
class Person:
    """A subject, and the state that decides who may read them."""

    id: str
    standing: frozenset[str]
    unverified: bool
    objected: str | None
    owes: str | None
    has: frozenset[str]


@dataclass
class Population:
    """Random subjects with cases and requests, two agents, a compliance officer and every processor."""

    world: World
    chance: random.Random
    people: list[Person] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    holders: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def fill(self) -> None:
        """Stores all people, tokens, cases and requests."""
        chance, world = self.chance, self.world
        for number in range(PEOPLE):
            await self._person(number)
        for name, role in (("agent", Role.SUPPORT), ("other", Role.SUPPORT), ("officer", Role.COMPLIANCE)):
            self.holders[name] = await world.person(f"{name}@example.org")
            self.tokens[name] = await world.token(role, self.holders[name])
        for processor in Processor:
            self.tokens[processor.value] = await world.token(Role.PROCESSOR, processor=processor)
        now = world.services.now()
        for person in self.people:
            for _ in range(chance.choice((0, 1, 1, 2))):
                agent = chance.choice(("agent", "agent", "other", None))
                extent = chance.sample(sorted(possible_fields("SUPPORT_CASE")), chance.randint(1, 9))
                over = {"expires_at": now - timedelta(seconds=1)} if chance.random() < 0.15 else {}
                closed = {"closed_at": now} if chance.random() < 0.15 else {}
                holder = self.holders[agent] if agent else None
                self.cases.append(case_row(world, person.id, holder, extent, **over, **closed))
            for _ in range(chance.choice((0, 1, 2))):
                extent = chance.sample(FIELDS, chance.randint(1, 16))
                pending = {"approved_at": None, "approved_by": None} if chance.random() < 0.2 else {}
                closed = {"closed_at": now} if chance.random() < 0.15 else {}
                sealed = {"notice_after": now + timedelta(days=chance.randint(1, 3))} if chance.random() < 0.4 else {}
                self.requests.append(request_row(world, person.id, extent, **pending, **closed, **sealed))
        await execute(world, insert(SUPPORT_CASES).values(self.cases), insert(LEGAL_REQUESTS).values(self.requests))

    async def _person(self, number: int) -> None:
        chance, world = self.chance, self.world
        standing = [purpose for purpose in ("SOCIAL", "EXPANSION") if chance.random() < 0.6]
        verified = chance.random() < 0.8
        has = {"IP_ADDRESS"} if chance.random() < 0.7 else set()
        profile = {key: value for key, value in PROFILE.items() if chance.random() < 0.7}
        id = await world.person(
            f"s{number}@example.org",
            standing,
            emailVerified=verified,
            hidden=chance.sample(FIELDS, chance.choice((0, 3))),
            ipAddress="90.190.1.7" if has else None,
            profile=profile,
        )
        objected = chance.choice([*VIEW_TYPES, *(None,) * 4])
        owes = chance.choice([*VIEW_TYPES, *(None,) * 4])
        stands = frozenset(standing) if verified else frozenset()
        self.people.append(Person(id, stands, not verified, objected, owes, frozenset({"EMAIL", *has})))
        if objected:
            await self._object(id, Processor(objected))
        if owes:
            now = world.services.now()
            due = {
                "withdrawn_at": now,
                "due_at": now,
                "fields": 1,
                "ordinal": sort_key(now, id),
                "acknowledged_at": None,
            }
            row = {"id": new_id(), "processor": owes, "subject_id": id, **due}
            await execute(world, insert(WITHDRAWALS).values(row))

    async def _object(self, id: str, processor: Processor) -> None:
        async with self.world.services.database.writing() as connection:
            account = await lock_account(connection, id)
            await record_objection(connection, account, processor, ObjectionSource.SETTINGS, self.world.services.now())

    def readable(self, caller: str, person: Person) -> frozenset[str] | None:
        """The fields of this person that the caller may read, according to `tests.expectation`. None if absent."""
        audience = {"agent": "SUPPORT_CASE", "other": "SUPPORT_CASE", "officer": "LEGAL_REQUEST"}.get(caller, caller)
        circumstances = Circumstances(
            standing=person.standing,
            unverified=person.unverified,
            objected=person.objected == caller,
            extent=self.extent(caller, person),
        )
        if caller in VIEW_TYPES and person.owes == caller:
            return None
        verdicts = decision(audience, circumstances)
        if verdicts is None:
            return None
        found = frozenset(name for name, verdict in verdicts.items() if verdict is None)
        key = PERSONAL[VIEW_TYPES[caller][2][0]] if caller in VIEW_TYPES else None
        return None if key and key not in found & person.has else found

    def extent(self, caller: str, person: Person, *, visible_only: bool = False) -> frozenset[str]:
        """The extent of the caller's open cases or requests. `visible_only` leaves out secret requests."""
        if caller == "officer":
            opens = [
                each for each in self.requests if each["approved_at"] and not (visible_only and each["notice_after"])
            ]
        else:
            now = self.world.services.now()
            mine = [each for each in self.cases if each["agent_id"] == self.holders.get(caller)]
            opens = [each for each in mine if each["expires_at"] > now]
        about = [each for each in opens if each["subject_id"] == person.id and not each["closed_at"]]
        return names(0).union(*(names(each["extent"]) for each in about))

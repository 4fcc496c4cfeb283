"""Stores people in bulk: accounts, profiles, forms and consent records, within the caller's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.key_ring import KeyRing
from models.logs import hash_chain
from models.records.consent import record_of
from models.tables import ACCOUNTS, CREDENTIALS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import ConsentSource, Purpose
from resolvers.geolocation.lookup import Geolocation
from resolvers.geolocation.stored_place import NO_PLACE, place_columns
from resolvers.subjects.new_person import NewPerson

PROFILE_COLUMNS = tuple(column.name for column in PROFILES.columns)
FORM_COLUMNS = tuple(column.name for column in PRE_REGISTRATIONS.columns)


@dataclass(frozen=True, slots=True)
class PeopleStore:
    """Stores people. The consent records state the given time and source."""

    keys: KeyRing
    geolocation: Geolocation
    now: datetime
    source: ConsentSource
    make_id: Callable[[], str] = new_id

    async def without_accounts(self, connection: AsyncConnection, people: Sequence[NewPerson]) -> list[NewPerson]:
        """Returns the people whose address has no account yet, each address once."""
        addresses = {person.email_canonical: person for person in reversed(people)}
        known = select(CREDENTIALS.c.email_canonical).where(CREDENTIALS.c.email_canonical.in_(list(addresses)))
        taken = set((await connection.execute(known)).scalars())
        return [person for person in people if _is_first(person, addresses) and person.email_canonical not in taken]

    async def store(self, connection: AsyncConnection, people: Sequence[NewPerson]) -> list[str]:
        """Stores people whose addresses have no account yet, and returns their ids in the same order."""
        ids = [self.make_id() for _ in people]
        placed = list(zip(ids, people, strict=True))
        await _insert(connection, ACCOUNTS, [self._account(id, person) for id, person in placed])
        await _insert(connection, CREDENTIALS, [_credential(id, person) for id, person in placed])
        await _insert(connection, PROFILES, [row for id, person in placed if (row := self._profile(id, person))])
        await _insert(connection, PRE_REGISTRATIONS, [row for id, person in placed if (row := _form(id, person))])
        records = [row for id, person in placed for row in self._records(id, person)]
        await hash_chain.append(connection, self.keys, hash_chain.CONSENT, records)
        return ids

    def _account(self, id: str, person: NewPerson) -> dict[str, Any]:
        return {
            "id": id,
            "account_id": self.make_id(),
            "email": person.email,
            "ip_address": person.ip_address,
            "email_verified": person.verified,
            "created_at": self.now,
            "social_version": person.granted(Purpose.SOCIAL),
            "social_lapsed_at": None if person.stands(Purpose.SOCIAL) else self.now,
            "expansion_version": person.granted(Purpose.EXPANSION),
            "expansion_lapsed_at": None if person.stands(Purpose.EXPANSION) else self.now,
            "hidden": person.hidden,
            "objected": 0,
        }

    def _profile(self, id: str, person: NewPerson) -> dict[str, Any] | None:
        shown = person.stands(Purpose.SOCIAL)
        place = place_columns(self.geolocation, person.ip_address) if shown else NO_PLACE
        values = {**person.profile, **place}
        if all(value is None for value in values.values()):
            return None
        return {**dict.fromkeys(PROFILE_COLUMNS), **values, "subject_id": id}

    def _records(self, id: str, person: NewPerson) -> list[dict[str, Any]]:
        return [
            {
                "id": self.make_id(),
                **record_of(
                    id,
                    consent.purpose,
                    granted=consent.granted,
                    policy_version=consent.policy_version,
                    at=consent.at,
                    source=self.source,
                ),
            }
            for consent in person.consents
        ]


def _is_first(person: NewPerson, addresses: dict[str, NewPerson]) -> bool:
    return addresses[person.email_canonical] is person


def _credential(id: str, person: NewPerson) -> dict[str, Any]:
    return {"subject_id": id, "email_canonical": person.email_canonical, "password_hash": person.password_hash}


def _form(id: str, person: NewPerson) -> dict[str, Any] | None:
    if all(value is None for value in person.form.values()):
        return None
    return {**dict.fromkeys(FORM_COLUMNS), **person.form, "subject_id": id}


async def _insert(connection: AsyncConnection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(insert(table), rows)

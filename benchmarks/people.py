"""Loads the people of the peers into a ConsentQL database on the same PostgreSQL server."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

import asyncpg

from models.database import Database
from models.key_ring import KeyRing
from models.vocabulary import ConsentSource
from permissions.version_numbers import current_version
from resolvers.geolocation.lookup import Geolocation
from resolvers.imports.parse_line import parse_person
from resolvers.subjects.new_person import NewPerson
from resolvers.subjects.store_people import PeopleStore

ROOT: Final = Path(__file__).resolve().parent.parent
DATABASE: Final = "consentql_benchmark"
SECRET: Final = "a key that is only for made-up people"
BATCH: Final = 1000
CALLER: Final = 42
"""The id of the caller: the administrator of the peers, and a member of ConsentQL."""

PURPOSES: Final = {"SOCIAL": "SOCIAL", "BUSINESS": "EXPANSION"}
PROFILE: Final = {
    "firstName": "first_name",
    "lastName": "last_name",
    "organization": "organization",
    "specialization": "specialization",
    "avatarUrl": "avatar_url",
    "wallpaperUrl": "wallpaper_url",
    "mobilePhone": "mobile_phone",
    "country": "country",
    "city": "city",
    "streetAddress": "address",
    "about": "about",
}
FORM: Final = {
    "institutionName": "institution_name",
    "institutionType": "institution_type",
    "jobRole": "job_role",
    "company": "company",
    "industry": "industry",
    "department": "department",
    "mainPrinter": "main_printer",
}


class People:
    """The people of the peers, in the same order, as lines of an import."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        generated = importlib.import_module("gen")
        sys.path.remove(str(folder))
        users, consents = generated.rows()
        self.rows: list[dict[str, Any]] = [dict(zip(generated.COLS, user, strict=True)) for user in users]
        self._consents: dict[int, list[tuple[str, bool]]] = {}
        for subject, purpose, granted in consents:
            self._consents.setdefault(subject, []).append((PURPOSES[purpose], granted))

    def email(self, id: int) -> str:
        """The e-mail address of a person."""
        return next(row["email"] for row in self.rows if row["id"] == id)

    def consents_to_social(self, id: int) -> bool:
        """Whether the person consents to SOCIAL."""
        return ("SOCIAL", True) in self._consents.get(id, [])

    def listed(self, most: int) -> list[dict[str, Any]]:
        """The first people that the directory of ConsentQL lists."""
        return [row for row in self.rows if self.stand(row["id"])][:most]

    def persons(self, now: datetime) -> Iterator[NewPerson]:
        """Each person as parsed from an import line: verified, with no hidden fields."""
        version = current_version().name
        for row in self.rows:
            line = {
                "email": row["email"],
                "emailVerified": True,
                "ipAddress": row["ip_address"],
                "hidden": [],
                "profile": {name: row[column] for name, column in PROFILE.items()},
                "preRegistration": {name: row[column] for name, column in FORM.items()},
                "consents": [
                    {"purpose": purpose, "granted": granted, "policyVersion": version}
                    for purpose, granted in self._consents.get(row["id"], [])
                ],
            }
            yield parse_person(line, now)


def environment(server: str) -> dict[str, str]:
    """The environment of commands. `server` is the URL of PostgreSQL without a database."""
    ours = {
        "CONSENTQL_DATABASE_URL": f"{server.replace('postgresql://', 'postgresql+asyncpg://')}/{DATABASE}",
        "CONSENTQL_ENVIRONMENT": "development",
        "CONSENTQL_RATE_LIMITS": "off",
        "CONSENTQL_SECRET_KEYS": SECRET,
    }
    return {**{name: value for name, value in os.environ.items() if not name.startswith("CONSENTQL_")}, **ours}


def command(*arguments: str) -> list[str]:
    """The command line of a `consentql` command."""
    return [sys.executable, "-m", "app", *arguments]


def run_command(server: str, *arguments: str) -> str:
    """Runs a command and returns its output."""
    done = subprocess.run(
        command(*arguments), cwd=ROOT, env=environment(server), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def create_database(server: str, people: People) -> str:
    """Creates and fills the database, and returns a token of the caller."""
    asyncio.run(_recreate(server))
    run_command(server, "migrate")
    asyncio.run(_fill(server, people))
    return run_command(server, "token", "MEMBER", "--holder", people.email(CALLER))


async def _recreate(server: str) -> None:
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()


def _ids(first: int, size: int) -> Iterator[str]:
    """Ids of subjects in the order of the peers, so that both lists begin with the same people."""
    return (f"{number:032x}" for number in chain(range(first, first + size), count(first << 64)))


async def _fill(server: str, people: People) -> None:
    database, now = Database(environment(server)["CONSENTQL_DATABASE_URL"]), datetime.now(UTC)
    persons, keys, places = list(people.persons(now)), KeyRing((SECRET,)), Geolocation()
    for start in range(0, len(persons), BATCH):
        batch = persons[start : start + BATCH]
        store = PeopleStore(keys, places, now, ConsentSource.IMPORT, make_id=_ids(start + 1, len(batch)).__next__)
        async with database.writing() as connection:
            await store.store(connection, batch)
    await database.close()
    plain = await asyncpg.connect(f"{server}/{DATABASE}")
    await plain.execute("VACUUM ANALYZE")
    await plain.close()

"""A service in memory for tests: people with chosen consents, tokens of every role, and an HTTP client."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import httpx
from sqlalchemy import select

from app.main import create
from app.settings import Settings
from models.database import Database
from models.key_ring import KeyRing
from models.tables import ACCOUNTS, CREDENTIALS
from models.tokens import token_rows
from models.vocabulary import STAFF, ConsentSource, PersonalField, Processor, Role
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.rate_limits import RateLimiter
from permissions.version_numbers import current_version
from resolvers.context import Services
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.password_hash import Hashing
from resolvers.imports.parse_line import parse_person
from resolvers.subjects.store_people import PeopleStore
from schema.build import build

KEY = "a key that is long enough to be accepted"
PASSWORD = "correct horse battery staple"
GEOLOCATION = Geolocation()

PROFILE = {
    "firstName": "Amara",
    "lastName": "Okonkwo",
    "organization": "Plate Works",
    "specialization": "ceramics",
    "avatarUrl": "https://img.example.org/avatar.webp",
    "wallpaperUrl": "https://img.example.org/wallpaper.webp",
    "mobilePhone": "+37255550101",
    "country": "EE",
    "city": "Tallinn",
    "streetAddress": "12 Pikk Street",
    "about": "Prints bowls.",
    "publicPages": [{"title": "Bowls", "url": "https://pages.example.org/bowls", "body": "All of them."}],
}
FORM = {
    "country": "DE",
    "institutionName": "Werk",
    "institutionType": "school",
    "jobRole": "teacher",
    "company": "Werk & Co",
    "industry": "education",
    "department": "arts",
    "organization": "Verbund",
    "mainPrinter": "Prusa MK4",
}


def services_on(database: Database, **changes: Any) -> Services:
    """Builds services with cheap hashes and without limits, except for the given changes."""
    services = Services(
        database=database,
        keys=KeyRing((KEY,)),
        limits=RateLimiter(enabled=False),
        hashing=Hashing(KeyRing((KEY,)), memory_kib=8, passes=1),
        geolocation=GEOLOCATION,
    )
    return replace(services, **changes)


def settings_for(database: Database, **changes: Any) -> Settings:
    """Builds development settings without limits, except for the given changes."""
    chosen: dict[str, Any] = {"database_url": database.url, "secret_keys": (KEY,), "rate_limits": "off", **changes}
    return Settings(**chosen)


def line(email: str, purposes: Sequence[str] = ("SOCIAL",), **more: Any) -> dict[str, Any]:
    """Builds an import line of a verified person with every field filled and none hidden."""
    consents = [{"purpose": purpose, "granted": True, "policyVersion": current_version().name} for purpose in purposes]
    return {
        "email": email,
        "emailVerified": True,
        "ipAddress": "90.190.1.7",
        "hidden": [],
        "profile": dict(PROFILE),
        "preRegistration": dict(FORM),
        "consents": consents,
        **more,
    }


@dataclass
class World:
    """The application on a database, with an HTTP client."""

    services: Services
    client: httpx.AsyncClient

    async def store_people(self, *lines: dict[str, Any], **options: Any) -> list[str]:
        """Stores people and returns their ids."""
        now = self.services.now()
        people = [parse_person(each, now) for each in lines]
        for each in people:
            if each.password is not None:
                each.password, each.password_hash = None, self.services.hashing.hash(each.password)
        store = PeopleStore(self.services.keys, self.services.geolocation, now, ConsentSource.IMPORT, **options)
        async with self.services.database.writing() as connection:
            return await store.store(connection, people)

    async def person(self, email: str, purposes: Sequence[str] = ("SOCIAL",), **more: Any) -> str:
        """Stores one person and returns their id."""
        return (await self.store_people(line(email, purposes, **more)))[0]

    async def record_uses(self) -> None:
        """Records the uses of tokens, which a server process does in its own time."""
        await self.services.last_uses.record(self.services.database)

    async def token(
        self, role: Role = Role.MEMBER, holder: str | None = None, processor: Processor | None = None, **more: Any
    ) -> str:
        """Issues a token of a role. Grants a staff role to its holder first."""
        now = more.get("now") or self.services.now()
        expires = more.get("expires_at") or now + timedelta(hours=8)
        async with self.services.database.writing() as connection:
            if role in STAFF and holder:
                await token_rows.grant_role(
                    connection,
                    self.services.keys,
                    token_rows.NewGrant(holder, role, now=now, expires_at=now + timedelta(days=30)),
                )
            issuance = token_rows.NewToken(role, "test", now, expires, holder, processor)
            issued, _ = await token_rows.issue_token(connection, issuance)
        return issued

    async def member(self, email: str, purposes: Sequence[str] = ("SOCIAL",), **more: Any) -> tuple[str, str]:
        """Stores one person and opens a session. Returns the id and the token."""
        id = await self.person(email, purposes, **more)
        return id, await self.token(Role.MEMBER, id)

    async def post(self, document: str, token: str | None = None, variables: Any = None) -> httpx.Response:
        """Posts a document and returns the HTTP response."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body: dict[str, Any] = {"query": document}
        if variables is not None:
            body["variables"] = variables
        return await self.client.post("/graphql", json=body, headers=headers)

    async def ask(self, document: str, token: str | None = None, variables: Any = None) -> dict[str, Any]:
        """Posts a document and returns the whole GraphQL answer. Each error's path must lead to a null in it."""
        answer: dict[str, Any] = (await self.post(document, token, variables)).json()
        for error in answer.get("errors", []):
            assert leads_to_null(answer.get("data"), error.get("path", [])), answer
        return answer

    async def data(self, document: str, token: str | None = None, variables: Any = None) -> Any:
        """Posts a document and returns the data. Fails if the answer has errors."""
        answer = await self.ask(document, token, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def account(self, id: str) -> Any:
        """Reads the stored account with its credentials."""
        joined = select(ACCOUNTS, CREDENTIALS).join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
        async with self.services.database.reading() as connection:
            return (await connection.execute(joined.where(ACCOUNTS.c.id == id))).one()


def world_of(database: Database, settings: Settings | None = None, **changes: Any) -> World:
    """Starts the application on a database, reached over ASGI in this process."""
    services = services_on(database, **changes)
    with patch("app.main.build", _shared_schema):
        app = create(settings or settings_for(database), services)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return World(services, httpx.AsyncClient(transport=transport, base_url="http://consentql.test"))


def _shared_schema(extensions: Sequence[Any], kind: type[ClassifiedSchema]) -> ClassifiedSchema:
    """A schema with these extensions. Its types are built once, since building takes most of the start."""
    schema = copy(_built_schema(kind))
    schema.extensions = tuple(extensions)
    return schema


@cache
def _built_schema(kind: type[ClassifiedSchema]) -> ClassifiedSchema:
    return build(kind=kind)


def leads_to_null(data: Any, path: Sequence[str | int]) -> bool:
    """Whether a path leads to a null of the answer. The null may stand above it, because a non-null field failed."""
    for step in path:
        if data is None:
            return True
        if isinstance(data, list) != isinstance(step, int) or (isinstance(data, dict) and step not in data):
            return False
        data = data[step]
    return data is None or not path


def codes(answer: dict[str, Any]) -> list[str]:
    """Lists the codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


EVERY_FIELD = tuple(field.value for field in PersonalField)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
USER = """
  id email ipAddress location { country city latitude longitude } firstName lastName organization specialization
  avatarUrl wallpaperUrl mobilePhone country city streetAddress about publicPages { title url body }
  preRegistration { country institutionName institutionType jobRole company industry department organization
    mainPrinter }
  withheld { field reason purpose }
"""
GRAPHQL_NAMES = {
    "EMAIL": "email",
    "IP_ADDRESS": "ipAddress",
    "LOCATION": "location",
    "FIRST_NAME": "firstName",
    "LAST_NAME": "lastName",
    "ORGANIZATION": "organization",
    "SPECIALIZATION": "specialization",
    "AVATAR_URL": "avatarUrl",
    "WALLPAPER_URL": "wallpaperUrl",
    "MOBILE_PHONE": "mobilePhone",
    "COUNTRY": "country",
    "CITY": "city",
    "STREET_ADDRESS": "streetAddress",
    "ABOUT": "about",
    "PUBLIC_PAGES": "publicPages",
    "PRE_REGISTRATION": "preRegistration",
}

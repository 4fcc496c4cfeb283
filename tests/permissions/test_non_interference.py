"""Two databases that differ only in unreadable data give a caller the same bytes, including errors."""

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import update

from models.database import Database
from models.tables import ACCOUNTS
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from tests.world import FORM, GRAPHQL_NAMES, PROFILE, World, world_of

PEOPLE = 24
QUESTIONS = 200
MEMBERS_READ = {
    "EMAIL", "LOCATION", "FIRST_NAME", "LAST_NAME", "ORGANIZATION", "SPECIALIZATION", "AVATAR_URL", "WALLPAPER_URL",
    "MOBILE_PHONE", "COUNTRY", "CITY", "STREET_ADDRESS", "ABOUT", "PUBLIC_PAGES",
}  # fmt: skip
PUBLIC_READS = {"AVATAR_URL", "WALLPAPER_URL", "PUBLIC_PAGES"}
IN_PROFILE = {name: GRAPHQL_NAMES[name] for name in MEMBERS_READ - {"EMAIL", "LOCATION"}}
WORDS = ("Ondine", "Quartz", "Sable", "Tamarind", "Umber", "Verdigris")
NEEDS_BELOW = {
    "location": "location { country city }",
    "publicPages": "publicPages { title url body }",
    "preRegistration": "preRegistration { country jobRole organization }",
}


def value(chance: random.Random, name: str) -> Any:
    """Returns a random value of a profile field, or None."""
    if chance.random() < 0.2:
        return None
    word = chance.choice(WORDS)
    if name in ("avatarUrl", "wallpaperUrl"):
        return f"https://{word.lower()}.example.org/{chance.randint(0, 9)}"
    if name == "publicPages":
        return [{"title": word, "url": f"https://{word.lower()}.example.org"}]
    if name == "country":
        return chance.choice(("EE", "JP", "DE"))
    return f"+372 5555 {chance.randint(1000, 9999)}" if name == "mobilePhone" else f"{word} {chance.choice(WORDS)}"


@dataclass
class Twin:
    """One subject in both databases. `seen` are the fields that the caller may read."""

    seen: set[str]
    lines: tuple[dict[str, Any], dict[str, Any]]
    leaving: tuple[bool, bool] = (False, False)
    id: str = field(default="")


def twin(chance: random.Random, number: int, readable: set[str]) -> Twin:
    """Returns a subject whose unreadable values differ between the databases. If absent, all values may differ."""
    stands, verified = chance.random() < 0.7, chance.random() < 0.85
    hidden = set(chance.sample(sorted(MEMBERS_READ), chance.choice((0, 2, 5, 14))))
    leaving = chance.random() < 0.15
    seen = readable - hidden if stands and verified and not leaving else set()
    first = _line(chance, number, stands, verified, hidden)
    second, left = (_changed(chance, first, seen), False) if seen else _absent_subject(chance, number)
    return Twin(seen, (first, second), (leaving, left))


def _line(chance: random.Random, number: int, stands: bool, verified: bool, hidden: set[str]) -> dict[str, Any]:
    consents = [{"purpose": "SOCIAL", "granted": stands, "policyVersion": current_version().name}]
    return {
        "email": f"s{number}@one.example.org",
        "emailVerified": verified,
        "hidden": sorted(hidden),
        "ipAddress": chance.choice(("90.190.1.7", "133.5.1.1", None)),
        "profile": {name: value(chance, name) for name in PROFILE},
        "preRegistration": {**FORM, "jobRole": chance.choice(WORDS)},
        "consents": consents,
    }


def _changed(chance: random.Random, line: dict[str, Any], seen: set[str]) -> dict[str, Any]:
    other = {**line, "profile": dict(line["profile"]), "preRegistration": {**FORM, "jobRole": chance.choice(WORDS)}}
    for name, key in IN_PROFILE.items():
        if name not in seen:
            other["profile"][key] = value(chance, key)
    if "EMAIL" not in seen:
        other["email"] = line["email"].replace("one", "platforms")
    if "LOCATION" not in seen:
        other["ipAddress"] = chance.choice(("12.34.5.6", None))
    if chance.random() < 0.5:
        other["consents"] = [
            *line["consents"],
            {"purpose": "EXPANSION", "granted": True, "policyVersion": current_version().name},
        ]
    return other


def _absent_subject(chance: random.Random, number: int) -> tuple[dict[str, Any], bool]:
    """Returns another absent subject, and whether they are leaving."""
    stands, verified, leaving = chance.choice(
        ((False, True, False), (True, False, False), (False, False, False), (True, True, True))
    )
    return _line(chance, number, stands, verified, set(chance.sample(sorted(MEMBERS_READ), 3))), leaving


@pytest.fixture
async def platforms(database: Database, second_url: str) -> AsyncIterator[tuple[World, World]]:
    """Two empty platforms with the same keys and the same kind of database."""
    second = Database(second_url)
    yield world_of(database), world_of(second)
    await second.close()


CALLERS = {
    "visitor": (None, PUBLIC_READS),
    "member": (Role.MEMBER, MEMBERS_READ),
    "unverified": (Role.MEMBER, set()),
    "support": (Role.SUPPORT, set()),
    "analytics": (Role.ANALYTICS, set()),
    "compliance": (Role.COMPLIANCE, set()),
    "operations": (Role.OPERATIONS, set()),
    "processor": (Role.PROCESSOR, set()),
}


@pytest.mark.parametrize("caller", CALLERS)
async def test_unreadable_data_does_not_change_an_answer(platforms: tuple[World, World], caller: str) -> None:
    role, readable = CALLERS[caller]
    chance = random.Random(f"{caller} 11")
    twins = [twin(chance, number, readable) for number in range(PEOPLE)]
    tokens = [await _store(world, side, twins, caller, role) for side, world in enumerate(platforms)]
    cursors: list[str] = []
    for _ in range(QUESTIONS if role is Role.MEMBER or role is None else QUESTIONS // 5):
        document, variables = question(chance, [each.id for each in twins], cursors)
        answers = [await world.post(document, token, variables) for world, token in zip(platforms, tokens, strict=True)]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].content == answers[1].content, (document, variables)
        users = (answers[0].json().get("data") or {}).get("users") or {"edges": []}
        cursors += [edge["cursor"] for edge in users["edges"] if "cursor" in edge][:2]
    if caller in ("visitor", "member"):
        assert any(each.seen for each in twins), "some subject is readable"
        assert any(leaves for each in twins for leaves in each.leaving)


async def _store(world: World, side: int, twins: list[Twin], caller: str, role: Role | None) -> str | None:
    ids = random.Random(7)
    made = await world.store_people(*(each.lines[side] for each in twins), make_id=_ids(ids, twins, side))
    for each, id in zip(twins, made, strict=True):
        each.id = id
    leaving = ACCOUNTS.c.id.in_([each.id for each in twins if each.leaving[side]])
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(leaving).values(leaving_since=world.services.now()))
    me = {"email": "me@example.org", "emailVerified": caller != "unverified", "consents": [], "profile": {}}
    (mine,) = await world.store_people(me, make_id=_fixed(random.Random(8)))
    if role is None:
        return None
    if role is Role.PROCESSOR:
        return await world.token(role, None, Processor.MAILCHIMP)
    return await world.token(role, mine)


def _fixed(chance: random.Random) -> Callable[[], str]:
    return lambda: chance.randbytes(16).hex()


def _ids(chance: random.Random, twins: list[Twin], side: int) -> Callable[[], str]:
    """Returns a source of ids: the same for people on both sides, different for their other rows."""
    people = [chance.randbytes(16).hex() for _ in twins]
    rest = random.Random(f"rest {side}")
    return lambda: people.pop(0) if people else rest.randbytes(16).hex()


def question(chance: random.Random, ids: list[str], cursors: list[str]) -> tuple[str, dict[str, Any]]:
    """Returns a random document, valid or not."""
    names = chance.sample(sorted(GRAPHQL_NAMES.values()), chance.randint(0, 6))
    fields = " ".join(["id", *(NEEDS_BELOW.get(name, name) for name in names)])
    fields += chance.choice(("", " withheld { field reason purpose }"))
    kind = chance.choice(("user", "node", "nodes", "users", "users", "users", "map", "viewer"))
    id = chance.choice([*ids, "0" * 32, "nobody"])
    if kind == "user":
        return f"query ($id: ID!) {{ user(id: $id) {{ {fields} }} }}", {"id": id}
    if kind == "node":
        return f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on User {{ {fields} }} }} }}", {"id": id}
    if kind == "nodes":
        some = [chance.choice([*ids, "0" * 32]) for _ in range(chance.randint(1, 8))]
        return f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename ... on User {{ {fields} }} }} }}", {"ids": some}
    if kind == "map":
        return "{ userMap { place { country city latitude longitude } count } }", {}
    if kind == "viewer":
        return f"{{ viewer {{ role user {{ {fields} }} }} }}", {}
    return (
        "query ($first: Int, $last: Int, $after: String, $before: String, $search: String) { users(first: $first, "
        f"last: $last, after: $after, before: $before, search: $search) {{ edges {{ cursor node {{ {fields} }} }} "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }",
        _arguments(chance, cursors),
    )


def _arguments(chance: random.Random, cursors: list[str]) -> dict[str, Any]:
    words = [*WORDS, "EE", "JP", "example", "5551", "one", "platforms", "x", "%", "_ _", " "]
    given: dict[str, Any] = {}
    if chance.random() < 0.6:
        given["search"] = " ".join(chance.sample(words, chance.randint(1, 2)))[: chance.choice((3, 5, 40))]
    if chance.random() < 0.7:
        given[chance.choice(("first", "last"))] = chance.choice((1, 2, 5, 100, 0, 101, -1))
    for argument in ("after", "before"):
        if cursors and chance.random() < 0.3:
            given[argument] = chance.choice([*cursors, "forged"])
    return given

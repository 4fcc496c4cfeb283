"""Authority that ends between the authentication and the first root field reads and changes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from sqlalchemy import update

from app.http import request_rate
from models.tables import ACCESS_TOKENS
from tests.staff.test_root_fields_by_role import MAY, ROLES, document_of, roots, token_of
from tests.statements import recorded_statements
from tests.world import World, codes

READS_NO_PERSON: Final = ("viewer", "policy")
REFUSED_UNREAD: Final = ("INVALID_INPUT", "CHALLENGE_EXPIRED")
"""Refusals of an input that is wrong by its form, before anything is read."""

CHECK: Final = "WHERE access_tokens.id ="


@pytest.fixture
def ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends each token as soon as it is authenticated."""
    accepted: Callable[..., Awaitable[Any]] = request_rate.authenticate

    async def meanwhile(*given: Any) -> Any:
        caller = await accepted(*given)
        async with world.services.database.writing() as connection:
            await connection.execute(update(ACCESS_TOKENS).values(revoked_at=world.services.now()))
        return caller

    monkeypatch.setattr(request_rate, "authenticate", meanwhile)


async def revived(world: World) -> None:
    """Lets every token stand again."""
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).values(revoked_at=None))


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("role", [role for role in ROLES if role != "ANONYMOUS"])
async def test_no_root_field_reads_or_acts_even_as_the_first_one(world: World, role: str) -> None:
    token = await token_of(world, role)
    for name in (each for each in roots() if MAY[each][role] and each not in READS_NO_PERSON):
        await revived(world)
        answer = await world.ask(document_of(name, world), token)
        value = answer["data"][name]
        if codes(answer) != ["UNAUTHENTICATED"]:
            assert value["code"] in REFUSED_UNREAD, (name, answer)
            continue
        assert value is None, (name, answer)


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("role", [role for role in ROLES if role != "ANONYMOUS"])
async def test_viewer_beside_other_root_fields_shows_no_part_of_an_ended_token(world: World, role: str) -> None:
    token = await token_of(world, role)
    await revived(world)
    parts = "user { id } session { id } expiresAt processor"
    answer = await world.ask(f"{{ policy {{ version }} viewer {{ id role {parts} }} }}", token)
    shown = answer["data"]["viewer"]
    assert (answer["data"]["policy"] is not None, shown["role"]) == (True, role)
    assert {name: shown[name] for name in shown if name not in ("id", "role")} == dict.fromkeys(
        ("user", "session", "expiresAt", "processor")
    )
    holder = {"MEMBER": {"user", "session"}, "PROCESSOR": {"processor"}}.get(role, {"user"})
    assert {error["path"][1] for error in answer["errors"]} == {"expiresAt", *holder}
    assert {error["path"][0] for error in answer["errors"]} == {"viewer"}
    assert set(codes(answer)) == {"UNAUTHENTICATED"}


async def test_viewer_alone_is_answered_from_the_authentication(world: World) -> None:
    for role in (role for role in ROLES if role != "ANONYMOUS"):
        token = await token_of(world, role)
        await world.data("{ viewer { role } }", token)  # the first use of a token is recorded with a write
        for document, checks in (
            ("{ viewer { role expiresAt session { id } user { id } } }", 0),
            ("{ policy { version } viewer { id role } }", 0),
            ("{ policy { version } viewer { role expiresAt } }", 1),
        ):
            async with recorded_statements(world.services.database) as statements:
                await world.data(document, token)
            assert sum(CHECK in each for each in statements) == checks, (role, document)


@pytest.mark.usefixtures("ended")
async def test_viewer_keeps_its_place_without_the_record_of_the_holder(world: World) -> None:
    _, token = await world.member("p@example.org")
    answer = await world.ask("{ policy { version } viewer { role user { email } } me { id } }", token)
    assert answer["data"]["policy"] is not None
    assert answer["data"]["viewer"] == {"role": "MEMBER", "user": None}
    assert answer["data"]["me"] is None
    assert sorted(map(str, (error["path"] for error in answer["errors"]))) == ["['me']", "['viewer', 'user']"]
    assert set(codes(answer)) == {"UNAUTHENTICATED"}


async def test_a_root_field_of_a_member_checks_once_however_many_parts_it_has(world: World) -> None:
    _, token = await world.member("p@example.org")
    await world.data("{ viewer { role } }", token)  # the first use of a token is recorded with a write
    for root in ("me { %s }", "restrictProcessing { ... on RestrictionChanged { account { %s } } }"):
        begin = "mutation " if root.startswith("restrict") else ""
        for parts in ("id", "totpEnabled roles consents { purpose } sessions { id } user { email }"):
            async with recorded_statements(world.services.database) as statements:
                await world.data(f"{begin}{{ {root % parts} }}", token)
            assert sum(CHECK in each for each in statements) == 1, (root, parts)

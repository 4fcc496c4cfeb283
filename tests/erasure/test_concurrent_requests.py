"""Concurrent requests, cancellations and sign-ins leave one consistent result."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.tables import ACCOUNTS, ROLE_GRANTS
from models.tokens import token_rows
from models.vocabulary import Role
from permissions.events.values import EndCause
from resolvers.second_factor import totp_enrolment
from resolvers.sessions.revoke_tokens import end_sessions
from tests.erasure.requester import CANCEL, DIRECTORY, GRANT_ROLE, REQUEST, Requester, instant_text
from tests.identity import STRONG, VIEWER, letters, refresh_session, sign_in
from tests.world import codes


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_concurrent_requests_schedule_one_erasure(requester: Requester) -> None:
    other = await requester.world.token(Role.MEMBER, requester.id)
    tokens = (requester.token, other) * 3
    answers = await asyncio.gather(*(requester.request(token=token) for token in tokens), return_exceptions=True)
    scheduled = [each for each in answers if isinstance(each, dict)]
    assert scheduled
    assert all(each == scheduled[0] for each in scheduled), "whoever came too late has no session any more"
    assert (await letters(requester.world, requester.id)).count("ERASURE_SCHEDULED") == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_session_that_a_request_ended_cannot_cancel_it(requester: Requester) -> None:
    """Someone with a session but without the password must not cancel the owner's request."""
    database = requester.world.services.database
    for _ in range(5):
        other = await requester.world.token(Role.MEMBER, requester.id)
        async with database.writing() as connection:  # both wait for the account, in either order
            await connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id == requester.id).with_for_update())
            both = [
                asyncio.ensure_future(requester.request()),
                asyncio.ensure_future(requester.world.ask(CANCEL, other)),
            ]
            await asyncio.sleep(0.2)
        asked, cancelled = await asyncio.gather(*both)
        assert asked["__typename"] == "ErasureScheduled"
        came_first = (cancelled["data"] or {}).get("cancelErasure")
        assert came_first["code"] == "NOT_FOUND" if came_first else codes(cancelled) == ["UNAUTHENTICATED"]
        assert await requester.leaving_since() == requester.since
        await requester.cancel(await requester.sign_in_again())


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_concurrent_request_and_cancellation_leave_one_result(requester: Requester) -> None:
    mine = await requester.request_and_return()
    other = await requester.world.token(Role.MEMBER, requester.id)
    asked, cancelled = await asyncio.gather(requester.request(token=mine), requester.cancel(other))
    assert (asked["__typename"], cancelled["__typename"]) == ("ErasureScheduled", "ErasureCancelled")
    stands = await requester.leaving_since()
    ended = codes(await requester.world.ask(VIEWER, other)) == ["UNAUTHENTICATED"]
    assert ended == (stands is not None), "asked after it was cancelled, everything ended once more"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_role_granted_during_a_request_ends_with_it(requester: Requester) -> None:
    world = requester.world
    operations = await world.token(Role.OPERATIONS, await world.person("ops@example.org"))
    given = {"id": requester.id, "until": instant_text(requester.clock.at + timedelta(days=1))}
    await asyncio.gather(requester.request(), *(world.data(GRANT_ROLE, operations, given) for _ in range(4)))
    async with world.services.database.reading() as connection:
        held = token_rows.is_live_grant_of(requester.id, Role.SUPPORT, requester.clock.at)
        assert (await connection.execute(select(ROLE_GRANTS).where(held))).all() == []


async def test_a_session_that_ends_during_the_request_changes_nothing(
    requester: Requester, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = totp_enrolment.confirm_password_before_code

    async def ended_meanwhile(context: Any, password: str) -> Any:
        proven = await both(context, password)
        async with requester.world.services.database.writing() as connection:
            await end_sessions(connection, requester.id, requester.clock.at, EndCause.REVOKED)
        return proven

    monkeypatch.setattr(totp_enrolment, "confirm_password_before_code", ended_meanwhile)
    answer = await requester.world.ask(REQUEST, requester.token, {"p": STRONG, "c": None})
    assert (answer["data"], codes(answer)) == ({"requestErasure": None}, ["UNAUTHENTICATED"])
    assert await requester.leaving_since() is None


async def test_a_concurrent_sign_in_reads_as_a_requester(requester: Requester) -> None:
    asked, signed_in = await asyncio.gather(requester.request(), sign_in(requester.world, "p@example.org"))
    assert asked["__typename"] == "ErasureScheduled"
    answer = await requester.world.ask(DIRECTORY, signed_in["accessToken"])
    assert codes(answer) in (["UNAUTHENTICATED"], ["FORBIDDEN", "FORBIDDEN"])


async def test_a_request_ends_refresh_tokens(requester: Requester) -> None:
    opened = await sign_in(requester.world, "p@example.org")
    await requester.request()
    assert (await refresh_session(requester.world, opened["refreshToken"]))["code"] == "TOKEN_EXPIRED"

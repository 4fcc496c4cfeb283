"""An objection to a processor outranks every grant until the subject withdraws it."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.tables import OBJECTIONS
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from tests.expectation import PROCESSORS
from tests.processors.parties import ALLOW, GRANT, LOGIN, OBJECT, STATES, WITHDRAW, Parties, stored_objections
from tests.serving import consentql
from tests.world import PASSWORD, World, line


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_objection_outranks_every_grant_and_import_until_the_subject_withdraws_it(
    parties: Parties, processor: str, tmp_path: Path
) -> None:
    world = parties.world
    first = (await parties.as_subject(OBJECT, processor))["processor"]
    parties.advance_clock(minutes=1)
    assert (await parties.as_subject(OBJECT, processor))["processor"] == first, "objecting again changes nothing"
    await parties.as_subject(WITHDRAW)
    await parties.as_subject(GRANT)
    if processor == "MAILCHIMP":
        file = tmp_path / "users.jsonl"
        file.write_text(json.dumps(line("subject@example.org")) + "\n")
        assert "1 already present" in consentql(world.services.database.url, "import", str(file), cwd=tmp_path).stderr
    _, other = await world.member("other@example.org")
    await parties.as_subject(ALLOW, processor, other)
    assert (await parties.view(processor))["withheld"] == 1
    for each in PROCESSORS:
        assert len(await parties.rows(each)) == (0 if each == processor else 1)
    lifted = (await parties.as_subject(ALLOW, processor))["processor"]
    assert lifted["objectedAt"] is None
    assert (await parties.as_subject(ALLOW, processor))["processor"] == lifted, (
        "and withdrawing the objection again changes nothing"
    )
    assert len(await parties.rows(processor)) == 1
    async with world.services.database.reading() as connection:
        (row,) = (await connection.execute(select(OBJECTIONS))).all()
    assert (row.subject_id, row.processor, row.source) == (parties.subject, processor, "settings")
    assert row.withdrawn_at is not None
    assert (await parties.as_subject(OBJECT, processor))["processor"]["objectedAt"] > first["objectedAt"]


async def test_withdrawing_an_objection_does_not_cancel_a_withdrawal(parties: Parties) -> None:
    await parties.rows("MAILCHIMP")
    await parties.as_subject(OBJECT, "MAILCHIMP")
    (due,) = await parties.withdrawals("MAILCHIMP")
    await parties.as_subject(ALLOW, "MAILCHIMP")
    assert await parties.withdrawals("MAILCHIMP") == [due]
    assert (await parties.view("MAILCHIMP"))["withheld"] == 1
    await parties.acknowledge("MAILCHIMP", due["id"])
    assert len(await parties.rows("MAILCHIMP")) == 1


async def send_with_gpc(world: World, act: str, token: str | None, variables: Any, signal: str | None) -> Any:
    """Sends a request with this `Sec-GPC` header, or without one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Sec-GPC": signal} if signal is not None else {}
    response = await world.client.post("/graphql", json={"query": act, "variables": variables}, headers=headers)
    answer = response.json()
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


@pytest.mark.parametrize("mutation", ["login", "grant"])
async def test_a_browser_that_sends_sec_gpc_objects_to_google_analytics(world: World, mutation: str) -> None:
    id, mine = await world.member("subject@example.org", password=PASSWORD)
    analytics = await world.token(Role.PROCESSOR, processor=Processor.GOOGLE_ANALYTICS)
    parties = Parties(world, id, mine, {"GOOGLE_ANALYTICS": analytics})
    act, token, variables = {
        "login": (LOGIN, None, {"e": "subject@example.org", "p": PASSWORD}),
        "grant": (GRANT, mine, {"v": current_version().name}),
    }[mutation]
    for signal in (None, "", "0", "true", "01", "1, 1", "2", "1;q=1"):
        assert await send_with_gpc(world, act, token, variables, signal)
        assert await stored_objections(world) == [], signal
    assert len(await parties.rows("GOOGLE_ANALYTICS")) == 1
    assert await send_with_gpc(world, act, token, variables, "1")
    assert await stored_objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)]
    assert [each["fields"] for each in await parties.withdrawals("GOOGLE_ANALYTICS")] == [["IP_ADDRESS"]]
    await parties.acknowledge_all("GOOGLE_ANALYTICS")
    for signal in ("1", None, "0"):
        assert await send_with_gpc(world, act, token, variables, signal)
        assert await stored_objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)], (
            "a request without the header withdraws nothing"
        )
        assert (await parties.view("GOOGLE_ANALYTICS"))["withheld"] == 1
    await parties.as_subject(ALLOW, "GOOGLE_ANALYTICS")
    assert await send_with_gpc(world, act, token, variables, None)
    assert len(await parties.rows("GOOGLE_ANALYTICS")) == 1
    assert await send_with_gpc(world, act, token, variables, "1")
    assert await stored_objections(world) == [("GOOGLE_ANALYTICS", "gpc", False), ("GOOGLE_ANALYTICS", "gpc", True)]


async def test_sec_gpc_with_other_or_refused_requests_records_no_objection(world: World) -> None:
    _, mine = await world.member("subject@example.org", ("EXPANSION",), password=PASSWORD)
    wrong = {"e": "subject@example.org", "p": "no"}
    assert await send_with_gpc(world, LOGIN, None, wrong, "1") == {"code": "INVALID_CREDENTIALS"}
    assert (await send_with_gpc(world, GRANT, mine, {"v": "2000-01-01"}, "1"))["code"] == "POLICY_VERSION_OUTDATED"
    assert (await send_with_gpc(world, GRANT, mine, {"v": current_version().name, "p": "SERVICE"}, "1"))["code"]
    assert await send_with_gpc(world, WITHDRAW, mine, {}, "1")
    assert await send_with_gpc(world, STATES, mine, {}, "1")
    assert await stored_objections(world) == []
    assert await send_with_gpc(world, GRANT, mine, {"v": current_version().name, "p": "EXPANSION"}, "1")
    assert await stored_objections(world) == [("GOOGLE_ANALYTICS", "gpc", True)]


async def test_sec_gpc_does_not_replace_an_objection_made_in_settings(parties: Parties) -> None:
    await parties.as_subject(OBJECT, "GOOGLE_ANALYTICS")
    assert await send_with_gpc(parties.world, GRANT, parties.mine, {"v": current_version().name}, "1")
    assert await stored_objections(parties.world) == [("GOOGLE_ANALYTICS", "settings", True)]

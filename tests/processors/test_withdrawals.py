"""A processor must erase the fields that it received and may no longer read."""

from datetime import datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest

from models.vocabulary import Processor, Role
from tests.expectation import CELLS, PROCESSORS
from tests.processors.parties import (
    ACKNOWLEDGE,
    COLUMNS,
    GRANT,
    OBJECT,
    UNKNOWN,
    WITHDRAW,
    WITHDRAWALS_OF,
    Parties,
    without,
)
from tests.world import codes, line

SHOWN = tuple(
    (processor, columns)
    for processor in PROCESSORS
    for columns in chain.from_iterable(combinations(COLUMNS[processor], n) for n in range(len(COLUMNS[processor]) + 1))
)


@pytest.mark.parametrize("event", ["withdrawal", "objection"])
async def test_a_withdrawal_lists_exactly_the_disclosed_fields_that_the_processor_loses(
    parties: Parties, event: str
) -> None:
    """Tries every set of columns of every processor. Without disclosed fields there is no withdrawal."""
    world = parties.world
    ids = await world.store_people(*(line(f"s{place}@example.org") for place in range(len(SHOWN))))
    expected: dict[str, list[Any]] = {processor: [] for processor in PROCESSORS}
    for id, (processor, columns) in zip(ids, SHOWN, strict=True):
        token = await world.token(holder=id)
        assert len(await parties.rows(processor, id, columns=columns)) == 1
        if event == "withdrawal":
            await parties.as_subject(WITHDRAW, token=token)
            lost = [column for column in columns if CELLS[column][processor] == "SOCIAL"]
        else:
            for each in PROCESSORS:
                await parties.as_subject(OBJECT, each, token)
            lost = list(columns)
        if lost:
            expected[processor].append({"userId": id, "fields": lost})
    for processor in PROCESSORS:
        due = await parties.withdrawals(processor)
        assert [{"userId": each["userId"], "fields": each["fields"]} for each in due] == expected[processor]


async def test_a_withdrawal_leaves_out_fields_that_were_never_disclosed(parties: Parties) -> None:
    id, token = await parties.world.member("p@example.org", ())
    assert await parties.rows("INTERCOM", id) == [{"userId": id, "email": "p@example.org", "firstName": None}]
    await parties.as_subject(GRANT, token=token)
    await parties.as_subject(WITHDRAW, token=token)
    assert await parties.withdrawals("INTERCOM") == []
    await parties.world.data(WITHDRAW, token, {"p": "EXPANSION"})
    for processor in PROCESSORS:
        assert await parties.withdrawals(processor) == []


async def test_withdrawals_are_listed_oldest_first_until_acknowledged_and_are_due_in_three_days(
    parties: Parties,
) -> None:
    world = parties.world
    members = [await world.member(f"p{number}@example.org") for number in range(5)]
    await parties.rows("MAILCHIMP", *(id for id, _ in members))
    for _, token in members[::-1]:
        await parties.as_subject(WITHDRAW, token=token)
    due = await parties.withdrawals("MAILCHIMP")
    assert [each["userId"] for each in due] == [id for id, _ in members[::-1]]
    for each in due:
        since, until = (datetime.fromisoformat(each[name]) for name in ("withdrawnAt", "dueAt"))
        assert until - since == timedelta(hours=72)
        assert each["acknowledgedAt"] is None
    assert await parties.withdrawals("MAILCHIMP") == due, "still listed"
    token, page = parties.tokens["MAILCHIMP"], {"first": 2}
    answer = (await world.data(WITHDRAWALS_OF, token, page))["processorWithdrawals"]
    assert [edge["node"] for edge in answer["edges"]] == due[:2]
    assert answer["pageInfo"]["hasNextPage"] is True
    after = {"first": 100, "after": answer["edges"][1]["cursor"]}
    assert await parties.acknowledge("MAILCHIMP", *(each["id"] for each in due[:2])) == 2
    rest = (await world.data(WITHDRAWALS_OF, token, after))["processorWithdrawals"]
    assert [edge["node"] for edge in rest["edges"]] == due[2:], "a cursor of an acknowledged row still works"
    assert await parties.withdrawals("MAILCHIMP") == due[2:]


async def test_a_cursor_belongs_to_its_processor(parties: Parties) -> None:
    for processor in ("INTERCOM", "MAILCHIMP"):
        await parties.rows(processor)
    await parties.as_subject(WITHDRAW)
    answer = await parties.world.data(WITHDRAWALS_OF, parties.tokens["MAILCHIMP"])
    after = {"after": answer["processorWithdrawals"]["edges"][0]["cursor"]}
    again = await parties.world.token(Role.PROCESSOR, processor=Processor.MAILCHIMP)
    assert "errors" not in await parties.world.ask(WITHDRAWALS_OF, again, after)
    assert codes(await parties.world.ask(WITHDRAWALS_OF, parties.tokens["INTERCOM"], after)) == ["INVALID_CURSOR"]


async def test_acknowledging_is_idempotent_and_counts_only_ids_of_the_processor(parties: Parties) -> None:
    await parties.rows("MAILCHIMP")
    await parties.rows("INTERCOM")
    await parties.as_subject(WITHDRAW)
    (mine,), (theirs,) = await parties.withdrawals("MAILCHIMP"), await parties.withdrawals("INTERCOM")
    assert await parties.acknowledge("MAILCHIMP") == 0
    assert await parties.acknowledge("MAILCHIMP", theirs["id"], UNKNOWN, "", "a\0b", parties.subject) == 0
    assert await parties.withdrawals("INTERCOM") == [theirs]
    assert await parties.acknowledge("MAILCHIMP", mine["id"], mine["id"], theirs["id"], UNKNOWN) == 1
    acknowledged = (await parties.state("MAILCHIMP"))["erasureAcknowledgedAt"]
    assert acknowledged is not None
    assert await parties.acknowledge("MAILCHIMP", mine["id"]) == 1, "already so"
    assert (await parties.state("MAILCHIMP"))["erasureAcknowledgedAt"] == acknowledged
    assert (await parties.withdrawals("MAILCHIMP"), await parties.withdrawals("INTERCOM")) == ([], [theirs])


async def test_at_most_a_hundred_different_ids_are_acknowledged_at_once(parties: Parties) -> None:
    ids = [f"{number:032x}" for number in range(101)]
    assert await parties.acknowledge("MAILCHIMP", *ids[:100]) == 0
    assert await parties.acknowledge("MAILCHIMP", *ids[:100], *ids[:50]) == 0, "duplicates count once"
    answer = await parties.world.ask(ACKNOWLEDGE, parties.tokens["MAILCHIMP"], {"ids": ids})
    assert (answer["data"], codes(answer)) == ({"acknowledgeWithdrawals": None}, ["BAD_USER_INPUT"])


async def test_a_subject_is_withheld_only_from_the_processor_with_an_unacknowledged_withdrawal(
    parties: Parties,
) -> None:
    await parties.rows("INTERCOM")
    await parties.as_subject(WITHDRAW)
    await parties.as_subject(GRANT)
    (due,) = await parties.withdrawals("INTERCOM")
    assert (await parties.view("INTERCOM"))["withheld"] == 1
    for processor in ("MANDRILL", "MAILCHIMP", "GOOGLE_ANALYTICS"):
        assert len(await parties.rows(processor)) == 1
    assert await parties.withdrawals("INTERCOM") == [due], "a later grant does not cancel it"
    await parties.acknowledge("INTERCOM", due["id"])
    whole = {"userId": parties.subject, "email": "subject@example.org", "firstName": "Amara"}
    assert await parties.rows("INTERCOM") == [whole]
    await parties.as_subject(WITHDRAW)
    assert (await parties.view("INTERCOM"))["withheld"] == 1
    (again,) = await parties.withdrawals("INTERCOM")
    assert (again["fields"], again["id"] == due["id"]) == (["FIRST_NAME"], False), (
        "a new disclosure needs a new withdrawal"
    )
    await parties.acknowledge_all("INTERCOM")
    assert await parties.rows("INTERCOM") == [{**whole, "firstName": None}], "fields under SERVICE are shown again"
    await parties.as_subject(GRANT)
    await parties.as_subject(WITHDRAW)
    assert await parties.withdrawals("INTERCOM") == [], (
        "acknowledged fields that were not disclosed again need no withdrawal"
    )


async def test_an_acknowledgement_covers_only_the_fields_of_its_withdrawal(parties: Parties) -> None:
    await parties.rows("INTERCOM")
    await parties.as_subject(WITHDRAW)
    await parties.acknowledge_all("INTERCOM")
    assert (await parties.state("INTERCOM"))["fields"] == ["EMAIL"]
    await parties.as_subject(OBJECT, "INTERCOM")
    assert [each["fields"] for each in await parties.withdrawals("INTERCOM")] == [["EMAIL"]]


@pytest.mark.parametrize("behind", ["the view", "the withdrawal"])
async def test_a_slow_clock_does_not_lose_a_withdrawal(parties: Parties, behind: str) -> None:
    """Clocks of two servers differ, so the order comes from the records."""
    now = parties.world.services.now
    late = {"the view": lambda: now() - timedelta(minutes=5), "the withdrawal": now}[behind]
    later = {"the view": now, "the withdrawal": lambda: now() - timedelta(minutes=5)}[behind]
    parties.world.services.now = late
    await parties.rows("MAILCHIMP")
    for _ in range(3):
        parties.world.services.now = later
        await parties.as_subject(WITHDRAW)
        assert len(await parties.withdrawals("MAILCHIMP")) == 1
        assert (await parties.state("MAILCHIMP"))["fields"] == ["EMAIL"]
        await parties.acknowledge_all("MAILCHIMP")
        assert (await parties.state("MAILCHIMP"))["fields"] == []
        await parties.as_subject(GRANT)
        parties.world.services.now = late
        assert len(await parties.rows("MAILCHIMP")) == 1
        assert (await parties.state("MAILCHIMP"))["fields"] == ["EMAIL"]


async def test_the_subject_sees_the_fields_of_each_processor_and_the_state_of_erasure(parties: Parties) -> None:
    nothing = dict.fromkeys(("objectedAt", "lastDisclosedAt", "erasureAskedAt", "erasureAcknowledgedAt"))
    for processor in PROCESSORS:
        assert await parties.state(processor) == {"processor": processor, "fields": [], **nothing}
    opened = (await parties.view("MANDRILL", columns=("EMAIL", "LAST_NAME")))["openedAt"]
    given = {"processor": "MANDRILL", "fields": ["EMAIL", "LAST_NAME"], **nothing, "lastDisclosedAt": opened}
    assert await parties.state("MANDRILL") == given
    await parties.as_subject(WITHDRAW)
    (due,) = await parties.withdrawals("MANDRILL")
    asked = {**given, "erasureAskedAt": due["withdrawnAt"]}
    assert await parties.state("MANDRILL") == asked, "held until it acknowledges"
    await parties.acknowledge("MANDRILL", due["id"])
    forgotten = await parties.state("MANDRILL")
    assert forgotten["fields"] == ["EMAIL"]
    assert without(forgotten, "fields", "erasureAcknowledgedAt") == without(asked, "fields", "erasureAcknowledgedAt")
    assert forgotten["erasureAcknowledgedAt"] > due["withdrawnAt"]
    objected = (await parties.as_subject(OBJECT, "MANDRILL"))["processor"]
    assert objected == await parties.state("MANDRILL")
    assert objected["objectedAt"] > forgotten["erasureAcknowledgedAt"]
    assert (objected["erasureAskedAt"], objected["erasureAcknowledgedAt"]) == (objected["objectedAt"], None)
    _, other = await parties.world.member("other@example.org")
    assert await parties.state("MANDRILL", other) == {"processor": "MANDRILL", "fields": [], **nothing}

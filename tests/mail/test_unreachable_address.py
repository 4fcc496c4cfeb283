"""An address that the mail server refuses for good: the letter ends, and its owner sees it in `me`."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.mail.delivery import MailboxUnreachable, MailServerFailed, MailStep
from app.mail.outbox import SERVER_FAILED, Outbox
from models.columns import rfc3339
from models.letters import LinkUse, Notice
from models.tables import ACCOUNTS, OUTBOX
from models.vocabulary import Role
from tests.identity import CHANGE_EMAIL, mailed_tokens, verify_email
from tests.mail.harness import MailHarness, RecordingTransport
from tests.mail.smtp_server import SmtpServer, sending_to
from tests.world import PASSWORD

SINCE = "{ me { emailUnreachableSince } }"


class RefusingTransport(RecordingTransport):
    """Raises `failure` while it is set."""

    failure: Exception | None = None

    async def deliver(self, id: str, message: Any) -> None:
        if self.failure is not None:
            self.tried += 1
            raise self.failure
        await super().deliver(id, message)


async def seen_by_owner(harness: MailHarness, id: str | None = None) -> Any:
    """What the owner of the address sees."""
    token = await harness.world.token(Role.MEMBER, id or harness.ada)
    return (await harness.world.data(SINCE, token))["me"]["emailUnreachableSince"]


async def send(harness: MailHarness, transport: RefusingTransport, failure: Exception | None, **letter: Any) -> Any:
    """Writes a letter, sends it, and returns its row."""
    id, transport.failure = await harness.write(**letter), failure
    await harness.outbox(transport).send_due()
    (row,) = [each for each in await harness.rows() if each.id == id]
    return row


async def test_a_refused_mailbox_ends_the_letter_and_the_next_accepted_one_takes_it_back(harness: MailHarness) -> None:
    transport, bob = RefusingTransport(), await harness.world.person("bob@example.org")
    row = await send(harness, transport, MailboxUnreachable())
    assert (row.sent_at, row.due_at, row.attempts) == (None, None, 1)
    began = rfc3339(harness.clock())
    assert await seen_by_owner(harness) == began
    assert await seen_by_owner(harness, bob) is None
    harness.clock.at += timedelta(hours=1)
    await send(harness, transport, MailboxUnreachable())
    await send(harness, transport, ConnectionRefusedError())
    assert await seen_by_owner(harness) == began, "since the first refusal"
    await send(harness, transport, None)
    assert await seen_by_owner(harness) is None


async def test_letters_to_another_address_tell_nothing_of_the_account(harness: MailHarness) -> None:
    transport = RefusingTransport()
    row = await send(harness, transport, MailboxUnreachable(), notice=Notice.ADDRESS_CHANGING, address="o@example.org")
    assert (row.due_at, row.address, await seen_by_owner(harness)) == (None, None, None)
    await send(harness, transport, MailboxUnreachable())
    await send(harness, transport, None, notice=Notice.ADDRESS_CHANGING, address="o@example.org")
    assert await seen_by_owner(harness) is not None


async def test_a_new_address_takes_it_back(harness: MailHarness) -> None:
    world, transport = harness.world, RefusingTransport()
    eve = await world.person("eve@example.org", password=PASSWORD)
    await send(harness, transport, MailboxUnreachable(), subject_id=eve)
    token = await world.token(Role.MEMBER, eve)
    asked = {"e": "eve2@example.org", "p": PASSWORD}
    assert (await world.data(CHANGE_EMAIL, token, asked))["changeEmail"].get("newEmail"), "asked"
    assert await seen_by_owner(harness, eve) is not None
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    assert (await verify_email(world, link, token)).get("email") == "eve2@example.org"
    token = await world.token(Role.MEMBER, eve)
    assert await seen_by_owner(harness, eve) is None


async def test_a_failing_server_is_alarmed_and_counted_and_ends_the_round(
    harness: MailHarness, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await harness.write()
    transport, counted = RefusingTransport(), []
    outbox = harness.outbox(transport)
    transport.failure = MailServerFailed(MailStep.SIGN_IN)
    for _ in range(2):
        assert await outbox.send_due() == 0
        counted.append(outbox.state.consecutive_server_failures)
    assert (transport.tried, counted) == (2, [1, 2])
    assert sorted(row.attempts for row in await harness.rows()) == [0, 1, 1]
    alarms = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [(each.message, each.__dict__["step"], each.__dict__["failures"]) for each in alarms] == [
        (SERVER_FAILED, "auth", 1),
        (SERVER_FAILED, "auth", 2),
    ]
    assert await seen_by_owner(harness) is None
    transport.failure = None
    harness.clock.at += timedelta(minutes=5)
    assert await outbox.send_due() == 3
    state = outbox.state
    assert (state.accepted, state.consecutive_server_failures, state.server_failures) == (3, 0, {MailStep.SIGN_IN: 2})
    assert (state.last_accepted_at, state.last_failure_at) == (harness.clock(), harness.clock() - timedelta(minutes=5))


async def test_a_failing_server_is_asked_less_often(harness: MailHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, rests = harness.outbox(), []

    async def failing(self: Outbox) -> int:
        self.state.add_server_failure(MailStep.CONNECT, harness.clock())
        return 0

    class Ended:
        def is_set(self) -> bool:
            return len(rests) == 8

        async def wait(self) -> None:
            return

    async def rest(_waiting: Any, seconds: float) -> None:
        _waiting.close()
        rests.append(seconds)

    monkeypatch.setattr(Outbox, "send_due", failing)
    monkeypatch.setattr("app.mail.outbox.asyncio.wait_for", rest)
    await outbox.run(Ended())  # type: ignore[arg-type]
    assert rests == [2, 4, 8, 16, 32, 60, 60, 60]


async def test_letters_of_one_round_share_a_connection_and_are_counted_by_state(harness: MailHarness) -> None:
    odd = await harness.world.person("odd@example.org")
    ids = [await harness.write(), await harness.write(subject_id=odd), await harness.write()]
    smtp = SmtpServer(rcpt="550 5.1.1 unknown", only_odd=True)
    async with sending_to(smtp) as transport:
        outbox = harness.outbox(transport)
        assert await outbox.send_due() == 3
        await harness.write()
        assert await outbox.letters_by_state() == {"waiting": 1, "sent": 2, "given_up": 1}
        await harness.change(update(OUTBOX).where(OUTBOX.c.id == ids[1]).values(due_at=harness.clock()))
        smtp.only_odd = False
        smtp.rcpt = "250 ok"
        assert await outbox.send_due() == 2
    assert smtp.connections == 1
    assert await seen_by_owner(harness, odd) is None


async def test_only_the_account_and_the_export_tell_it(harness: MailHarness) -> None:
    await harness.change(update(ACCOUNTS).values(unreachable_since=harness.clock()))
    token = await harness.world.token(Role.MEMBER, harness.ada)
    schema = await harness.world.data("{ __schema { types { name fields { name } } } }", token)
    named = {
        kind["name"]
        for kind in schema["__schema"]["types"]
        for field in kind["fields"] or ()
        if "unreachable" in field["name"].lower()
    }
    assert named == {"Account"}

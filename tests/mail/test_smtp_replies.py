"""Which replies of a mail server end the delivery to a mailbox, delay it, or show that the server itself fails."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.mail import smtp_transport
from app.mail.delivery import MailboxUnreachable, MailServerFailed, MailStep
from app.mail.smtp_transport import ACCEPTED_SECONDS, SmtpTransport
from app.mail.transport import transport_for
from tests.mail.smtp_server import SmtpServer, certificate, message_to, remote_transport, running, sending_to
from tests.serving import free_port

ODD, OTHER = message_to("odd@example.org"), message_to("other@example.org")

UNREACHABLE = (
    ("rcpt", "550 5.1.1 no such user"),
    ("rcpt", "550-5.1.1 no such user\r\n550 5.1.1 here"),
    ("rcpt", "550 5.1.1: no such user"),
    ("rcpt", "550 #5.1.0 address rejected"),
    ("rcpt", "553 5.1.3 bad address"),
    ("rcpt", "551 5.1.6 moved"),
    ("rcpt", "556 5.1.10 takes no mail"),
    ("rcpt", "550 5.2.1 disabled"),
    ("data", "550 5.1.1 no such user"),
    ("data", "554 5.1.2 no such host"),
    ("data", "550 5.2.1 disabled"),
)
DELAYED = (
    ("rcpt", "450 4.1.1 unverified"),
    ("rcpt", "451 later"),
    ("rcpt", "452 4.2.2 full"),
    ("rcpt", "450 5.1.1 contradicts itself"),
    ("rcpt", "550 4.1.1 contradicts itself"),
    ("rcpt", "550 5.1.7 bad sender"),
    ("rcpt", "550 5.1.8 bad sender"),
    ("rcpt", "552 5.2.2 full"),
    ("rcpt", "550 5.2.10 not 5.2.1"),
    ("rcpt", "550 5.7.1 blocked"),
    ("rcpt", "550 5.11.1 not 5.1"),
    ("rcpt", "552 full"),
    ("rcpt", "554 relaying denied"),
    ("rcpt", "503 wrong order"),
    ("rcpt", "521 no mail here"),
    ("data", "451 4.7.1 later"),
    ("data", "552 5.3.4 too large"),
    ("data", "554 5.7.1 looks like spam"),
    ("data", "550 refused"),
    ("data", "553 refused"),
    ("data", "drop"),
)
UNKNOWN = ("550 unknown", "551 unknown", "553 unknown", "550 1.2.3.4 is blocked")
"""Without an enhanced code these count only where the server accepts other recipients."""


async def failure(transport: SmtpTransport, message: Any) -> type[Exception] | None:
    """The class of the exception with which the delivery ends."""
    try:
        await transport.deliver("1", message)
    except Exception as problem:  # noqa: BLE001  # its class is the result
        return type(problem)
    return None


async def test_a_mailbox_refused_for_good_is_unreachable_and_any_other_is_tried_again() -> None:
    smtp, seen = SmtpServer(only_odd=True), {}
    async with sending_to(smtp) as first:
        for step, reply in (*UNREACHABLE, *DELAYED):
            smtp.rcpt, smtp.data = "250 ok", "250 ok"
            setattr(smtp, step, reply)
            transport = replace(first)  # one that knows of no accepted recipient
            seen[step, reply] = {await failure(transport, ODD)}
            assert await failure(transport, OTHER) is None, reply
            seen[step, reply].add(await failure(transport, ODD))
            await transport.close()
    for each in UNREACHABLE:
        assert seen[each] == {MailboxUnreachable}, each
    for each in DELAYED:
        assert not seen[each] & {None, MailboxUnreachable, MailServerFailed}, each


async def test_a_bare_refusal_counts_only_where_the_server_accepts_another_recipient() -> None:
    smtp, passed = SmtpServer(only_odd=True), [0.0]
    async with sending_to(smtp) as first:
        for smtp.rcpt in UNKNOWN:
            transport = replace(first, clock=lambda: passed[0])
            assert await failure(transport, ODD) not in {None, MailboxUnreachable}
            assert await failure(transport, OTHER) is None
            passed[0] += ACCEPTED_SECONDS
            assert await failure(transport, ODD) is MailboxUnreachable
            passed[0] += 1
            assert await failure(transport, ODD) not in {None, MailboxUnreachable}, "more than an hour ago"
            await transport.close()


async def test_an_earlier_letter_to_the_same_mailbox_is_not_another_recipient() -> None:
    smtp = SmtpServer(only_odd=True)
    async with sending_to(smtp) as transport:
        assert await failure(transport, ODD) is None
        smtp.rcpt = "550 unknown"
        assert await failure(transport, ODD) not in {None, MailboxUnreachable}
        assert await failure(transport, OTHER) is None
        assert await failure(transport, ODD) is MailboxUnreachable


async def test_a_mailbox_that_needs_smtputf8_is_unreachable_where_the_server_has_none() -> None:
    async with sending_to(SmtpServer(), enable_SMTPUTF8=False) as transport:
        assert await failure(transport, message_to("ü@example.org")) is MailboxUnreachable
        assert await failure(transport, message_to("u@bücher.example")) is None


async def test_a_refused_sender_is_a_failure_of_the_server() -> None:
    smtp = SmtpServer()
    async with sending_to(smtp) as transport:
        for smtp.mail in ("451 later", "530 5.7.0 sign in first", "550 5.1.1 no", "553 5.1.8 no", "421 busy"):
            with pytest.raises(MailServerFailed) as failed:
                await transport.deliver("1", ODD)
            assert failed.value.step is MailStep.SENDER


async def test_a_refused_password_is_a_failure_of_the_server(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path)
    smtp = SmtpServer()
    with running(smtp, tls_context=theirs, authenticator=smtp.authenticate) as port:
        with pytest.raises(MailServerFailed) as failed:
            await remote_transport("smtp://u:wrong@mail.example.org", port, tls=ours).deliver("1", ODD)
        assert failed.value.step is MailStep.SIGN_IN
        with pytest.raises(MailServerFailed) as failed:
            await remote_transport("smtp://u:p%40ss%20word@mail.example.org", port).deliver("1", ODD)
    assert failed.value.step is MailStep.TLS, "an untrusted certificate"
    with running(SmtpServer()) as port, pytest.raises(MailServerFailed) as failed:
        await remote_transport("smtp://mail.example.org", port).deliver("1", ODD)
    assert failed.value.step is MailStep.TLS, "a server without STARTTLS"
    with running(SmtpServer(), ssl_context=theirs) as port, pytest.raises(MailServerFailed) as failed:
        await remote_transport("smtps://mail.example.org", port).deliver("1", ODD)
    assert failed.value.step is MailStep.TLS, "an untrusted certificate from the beginning"


@asynccontextmanager
async def speaking(*replies: bytes) -> AsyncIterator[int]:
    """A server that says these lines, one before each command, and then closes the connection."""

    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            writer.write(reply)
            await reader.readline()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await closed.wait()


@pytest.mark.parametrize(
    ("replies", "step"),
    [
        ([b"554 5.1.1 not today\r\n"], MailStep.CONNECT),
        ([b"421 busy\r\n"], MailStep.CONNECT),
        ([], MailStep.CONNECT),
        ([b"220 hello\r\n", b"550 5.1.1 no\r\n", b"550 5.1.1 no\r\n"], MailStep.CONNECT),
        ([b"220 hello\r\n", b"250 hello\r\n"], MailStep.SENDER),
    ],
)
async def test_a_failure_before_the_recipient_is_a_failure_of_the_server(replies: list[bytes], step: MailStep) -> None:
    async with speaking(*replies) as port:
        with pytest.raises(MailServerFailed) as failed:
            await transport_for(f"smtp://127.0.0.1:{port}", in_production=True).deliver("1", ODD)
    assert failed.value.step is step


async def test_a_silent_or_missing_server_is_a_failure_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_transport, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], free_port()):
            with pytest.raises(MailServerFailed) as failed:
                await transport_for(f"smtp://127.0.0.1:{port}", in_production=True).deliver("1", ODD)
            assert failed.value.step is MailStep.CONNECT

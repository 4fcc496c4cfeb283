"""Many e-mails share one connection to the mail server, which is replaced if it breaks."""

from typing import Any

from aiosmtplib import SMTPDataError, SMTPRecipientRefused

from app.mail.smtp_transport import SmtpTransport
from tests.mail.smtp_server import SmtpServer, message_to, sending_to

ODD, OTHER = message_to("odd@example.org"), message_to("other@example.org")


async def outcomes(transport: SmtpTransport, *messages: Any) -> list[type[Exception] | None]:
    """How each delivery ended."""
    found: list[type[Exception] | None] = []
    for message in messages:
        try:
            await transport.deliver("1", message)
            found.append(None)
        except Exception as problem:  # noqa: BLE001  # its class is the result
            found.append(type(problem))
    return found


async def test_one_connection_serves_many_letters_also_after_a_refused_one() -> None:
    smtp = SmtpServer(rcpt="450 later", only_odd=True)
    async with sending_to(smtp) as transport:
        assert await outcomes(transport, OTHER, ODD, OTHER) == [None, SMTPRecipientRefused, None]
        smtp.rcpt, smtp.data = "250 ok", "451 later"
        assert await outcomes(transport, ODD, OTHER) == [SMTPDataError, None]
        assert (smtp.connections, len(smtp.taken)) == (1, 3)


async def test_a_broken_connection_is_replaced() -> None:
    class Breaking(SmtpServer):
        async def handle_RSET(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
            server.transport.abort()
            return "250 ok"

    smtp = Breaking()
    async with sending_to(smtp) as transport:
        assert await outcomes(transport, OTHER, OTHER, OTHER) == [None, None, None]
        assert smtp.connections == 3


async def test_a_connection_that_breaks_within_a_letter_is_replaced_for_the_next_one() -> None:
    smtp = SmtpServer(data="drop", only_odd=True)
    async with sending_to(smtp) as transport:
        dropped, taken = await outcomes(transport, ODD, OTHER)
        assert (dropped is None, taken, smtp.connections) == (False, None, 2)


async def test_a_used_up_connection_is_replaced() -> None:
    class Tiring(SmtpServer):
        async def handle_MAIL(self, server: Any, session: Any, *more: Any) -> str:  # noqa: N802
            answer = await super().handle_MAIL(server, session, *more)
            return "421 4.7.0 too many e-mails" if self.peers.count(session.peer) > 2 else answer

    smtp = Tiring()
    async with sending_to(smtp) as transport:
        assert await outcomes(transport, *[OTHER] * 5) == [None] * 5
        assert (smtp.connections, len(smtp.taken)) == (3, 5)


async def test_an_idle_connection_is_closed() -> None:
    smtp, passed = SmtpServer(), [0.0]
    async with sending_to(smtp) as transport:
        transport.clock = lambda: passed[0]
        await transport.deliver("1", OTHER)
        passed[0] = 9
        await transport.close(unused_for=10)
        await transport.deliver("1", OTHER)
        assert smtp.connections == 1
        passed[0] = 19
        await transport.close(unused_for=10)
        await transport.deliver("1", OTHER)
        assert smtp.connections == 2

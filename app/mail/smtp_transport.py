"""Delivers e-mails to an SMTP server over one connection, which stays open while there are e-mails."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from app.mail.delivery import MailboxUnreachable, MailServerFailed, MailStep
from app.mail.smtp_replies import is_unreachable

TIMEOUT_SECONDS: Final = 30
"""How long connecting may take, and then again one e-mail."""
QUIT_SECONDS: Final = 2
ACCEPTED_SECONDS: Final = 3600
"""How long an accepted recipient shows that the server does not refuse all of them."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The addresses of an e-mail, and its bytes."""

    sender: str
    recipient: str
    content: bytes

    @classmethod
    def of(cls, message: EmailMessage) -> "Envelope":
        """The envelope of a message with one sender and one recipient."""
        sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        return cls(sender, recipient, bytes(message))

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can take it."""
        return not self.recipient.isascii()

    @property
    def encoding(self) -> str:
        """The encoding of the addresses in commands."""
        return "utf-8" if self.needs_utf8 else "ascii"


@dataclass(slots=True)
class SmtpTransport:
    """Sends e-mails to an SMTP server, one after another. A TLS certificate is always verified."""

    host: str
    port: int
    encrypts: bool
    starts_tls: bool | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    _client: aiosmtplib.SMTP | None = field(default=None, init=False, repr=False)
    _used_at: float = field(default=0, init=False, repr=False)
    _accepted: dict[int, float] = field(default_factory=dict, init=False, repr=False)
    """When the last two recipients were accepted, by the hash of their address."""

    async def deliver(self, id: str, message: EmailMessage) -> None:
        """Returns when the server has accepted the e-mail.

        Raises MailServerFailed if the server takes no e-mail now, and MailboxUnreachable if it never will for this
        recipient. Any other exception means that this e-mail can be tried again later.
        """
        envelope = Envelope.of(message)
        async with self._turn:
            client = await self._begin(envelope)
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await client.rcpt(envelope.recipient, encoding=envelope.encoding)
                    self._note_accepted(envelope.recipient)
                    await client.data(envelope.content)
            except aiosmtplib.SMTPResponseException as problem:
                if is_unreachable(problem, accepts_others=self._accepts_others(envelope.recipient)):
                    raise MailboxUnreachable from problem
                raise
            except BaseException:
                client.close()  # what the server has received is unknown
                raise
            finally:
                self._used_at = self.clock()

    async def close(self, *, unused_for: float = 0) -> None:
        """Closes the connection if it was not used for this many seconds."""
        async with self._turn:
            client, self._client = self._client, None
            if client is None or not client.is_connected:
                return
            if self.clock() - self._used_at < unused_for:
                self._client = client
                return
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(QUIT_SECONDS):
                    await client.quit()
            client.close()

    async def _begin(self, envelope: Envelope) -> aiosmtplib.SMTP:
        """A connection that has accepted the sender. One that is broken or used up is replaced."""
        if self._client is not None and self._client.is_connected:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._client.rset()  # forgets an e-mail that the server refused
                    return await _name_sender(self._client, envelope)
            except (aiosmtplib.SMTPException, OSError):
                self._client.close()
        self._client = await self._open()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await _name_sender(self._client, envelope)
        except (aiosmtplib.SMTPException, OSError) as problem:
            self._client.close()
            raise MailServerFailed(MailStep.SENDER) from problem

    async def _open(self) -> aiosmtplib.SMTP:
        """Connects, starts TLS and signs in, as far as the settings require."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.encrypts,
            start_tls=False,
            tls_context=self.tls,
            timeout=TIMEOUT_SECONDS,
        )
        step = MailStep.CONNECT
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await client.connect()
                await _greet(client)
                step = MailStep.TLS
                if self.starts_tls or (self.starts_tls is None and client.supports_extension("starttls")):
                    await client.starttls()
                    await _greet(client)
                step = MailStep.SIGN_IN
                if self.username is not None:
                    await client.login(self.username, self.password or "")
        except (aiosmtplib.SMTPException, OSError) as problem:
            client.close()
            is_tls = isinstance(problem, ssl.SSLError) or isinstance(problem.__cause__, ssl.SSLError)
            raise MailServerFailed(MailStep.TLS if is_tls else step) from problem
        except BaseException:
            client.close()
            raise
        return client

    def _note_accepted(self, recipient: str) -> None:
        self._accepted.pop(hash(recipient), None)
        self._accepted[hash(recipient)] = self.clock()
        if len(self._accepted) > 2:
            del self._accepted[next(iter(self._accepted))]

    def _accepts_others(self, recipient: str) -> bool:
        oldest = self.clock() - ACCEPTED_SECONDS
        return any(at >= oldest for other, at in self._accepted.items() if other != hash(recipient))


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


async def _name_sender(client: aiosmtplib.SMTP, envelope: Envelope) -> aiosmtplib.SMTP:
    """Begins an e-mail. Raises MailboxUnreachable if its recipient needs SMTPUTF8 and the server has none."""
    if envelope.needs_utf8 and not client.supports_extension("smtputf8"):
        raise MailboxUnreachable
    await client.mail(envelope.sender, options=["SMTPUTF8"] if envelope.needs_utf8 else [], encoding=envelope.encoding)
    return client

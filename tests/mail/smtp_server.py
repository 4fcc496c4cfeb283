"""A real SMTP server on this machine, and messages to send to it."""

import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.mail.outbox import LEASE
from app.mail.smtp_transport import SmtpTransport
from app.mail.transport import MessageBuilder, transport_for
from tests.serving import free_port


class SmtpServer:
    """The answers of an SMTP server, and what it received: connections, e-mails and passwords.

    `rcpt` and `data` are the answers to recipients whose address begins with `odd`, or to all without `only_odd`.
    """

    def __init__(
        self, rcpt: str = "250 ok", data: str = "250 ok", mail: str = "250 ok", *, only_odd: bool = False
    ) -> None:
        self.rcpt, self.data, self.mail, self.only_odd = rcpt, data, mail, only_odd
        self.peers: list[Any] = []
        self.taken: list[bytes] = []
        self.passwords: list[bytes] = []

    @property
    def connections(self) -> int:
        """The number of connections on which an e-mail began."""
        return len(set(self.peers))

    async def handle_MAIL(self, _server: Any, session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self.peers.append(session.peer)
        if self.mail.startswith("250"):
            envelope.mail_from = address
        return self.mail

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        answer = self.rcpt if self._is_meant(address) else "250 ok"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    def _is_meant(self, address: str) -> bool:
        return not self.only_odd or address.startswith("odd")

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.data if self._is_meant(envelope.rcpt_tos[0]) else "250 ok"
        if answer == "drop":
            server.transport.abort()
        elif answer.startswith("250"):
            self.taken.append(envelope.content)
        return answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, login: Any) -> AuthResult:
        self.passwords.append(login.password)
        return AuthResult(success=login.password == b"p@ss word", handled=False)


@contextmanager
def running(smtp: SmtpServer, **options: Any) -> Iterator[int]:
    """Runs an SMTP server on a free port."""
    controller = Controller(smtp, "127.0.0.1", free_port(), **{"enable_SMTPUTF8": True, **options})
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@asynccontextmanager
async def sending_to(smtp: SmtpServer, **options: Any) -> AsyncIterator[SmtpTransport]:
    """A transport to a server that runs meanwhile."""
    with running(smtp, **options) as port:
        transport = transport_for(f"smtp://127.0.0.1:{port}", in_production=True)
        assert isinstance(transport, SmtpTransport)
        yield transport
        await transport.close()


def message_to(address: str = "ada@example.org") -> EmailMessage:
    return MessageBuilder("no-reply@example.org", "example.org").message("1" * 32, address, "S", "B", datetime.now(UTC))


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts for a server and a client that trusts its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + LEASE)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(names, critical=False).sign(key, SHA256())
    path = folder / "mail.pem"
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key.private_bytes(*plain) + signed.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=path)


def remote_transport(url: str, port: int, **changes: Any) -> Any:
    """The transport for a remote server, connected to a local port instead."""
    return replace(transport_for(url, in_production=True), host="127.0.0.1", port=port, **changes)

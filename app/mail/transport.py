"""Builds e-mails, and selects their transport: an SMTP server, or `.eml` files in a folder."""

import asyncio
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from app.mail.smtp_transport import SmtpTransport
from models.email_address import deliverable_address
from models.private_files import make_folder, replacement

PORTS: Final = {"smtp": 587, "smtps": 465}
LONG_LINES: Final = SMTP.clone(max_line_length=900, cte_type="7bit")
"""Keeps a link on one line and unescaped, so that it can be copied from the file."""


class Transport(Protocol):
    """Delivers an e-mail, or raises."""

    async def deliver(self, id: str, message: EmailMessage) -> None:
        """Returns when the e-mail was accepted."""

    async def close(self, *, unused_for: float = 0) -> None:
        """Closes what was not used for this many seconds."""


@dataclass(frozen=True, slots=True)
class MessageBuilder:
    """Builds messages with their sender, and with ids that end in the host name."""

    sender: str
    host: str

    def message(self, id: str, to: str, subject: str, body: str, now: datetime) -> EmailMessage:
        """Returns the message. Raises ValueError if an address is invalid or a header is more than one line."""
        recipient = deliverable_address(to)
        message = EmailMessage(LONG_LINES if recipient.isascii() else LONG_LINES.clone(utf8=True))
        message["From"] = _single_address(self.sender)
        message["To"] = _single_address(recipient)
        message["Subject"] = subject
        message["Date"] = now
        message["Message-ID"] = f"<{id}@{self.host}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


def _single_address(address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(username=user, domain=domain)


@dataclass(frozen=True, slots=True)
class FolderTransport:
    """Writes e-mails to files that only their owner can read, for development."""

    path: Path

    async def deliver(self, id: str, message: EmailMessage) -> None:
        """Writes a complete file or none."""
        await asyncio.to_thread(self._write, id, bytes(message))

    def _write(self, id: str, content: bytes) -> None:
        make_folder(self.path)
        with replacement(self.path / f"{id}.eml") as file:
            file.write(content)

    async def close(self, *, unused_for: float = 0) -> None:
        """Nothing stays open between e-mails."""


def transport_for(url: str, *, in_production: bool) -> Transport:
    """The transport for a URL or folder. To other machines a password, and in production any e-mail, requires TLS."""
    if not is_server(url):
        return FolderTransport(Path(url))
    parts = urlsplit(url)
    host = parts.hostname or ""
    guarded = in_production or parts.username is not None
    return SmtpTransport(
        host=host,
        port=parts.port or PORTS[parts.scheme],
        encrypts=parts.scheme == "smtps",
        starts_tls=False if parts.scheme == "smtps" or _is_local(host) else guarded or None,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def is_server(url: str) -> bool:
    """Whether this is the URL of an SMTP server rather than a folder."""
    return url.startswith(("smtp://", "smtps://"))


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

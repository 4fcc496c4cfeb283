"""How the delivery of an e-mail can fail, and what a process has seen of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class MailStep(StrEnum):
    """A step of a connection to the mail server that concerns every e-mail, not one recipient."""

    CONNECT = "connect"
    TLS = "tls"
    SIGN_IN = "auth"
    SENDER = "mail_from"


class MailServerFailed(Exception):
    """The mail server takes no e-mail now, for any recipient."""

    def __init__(self, step: MailStep) -> None:
        super().__init__(step.value)
        self.step = step


class MailboxUnreachable(Exception):
    """The mail server refused the recipient for good."""


@dataclass(slots=True)
class DeliveryState:
    """What a process has seen of the delivery of e-mails since it started."""

    accepted: int = 0
    unreachable: int = 0
    delayed: int = 0
    server_failures: Counter[MailStep] = field(default_factory=Counter)
    consecutive_server_failures: int = 0
    last_accepted_at: datetime | None = None
    last_failure_at: datetime | None = None

    def add_accepted(self, at: datetime) -> None:
        """Counts an e-mail that the server accepted."""
        self.accepted += 1
        self.consecutive_server_failures = 0
        self.last_accepted_at = at

    def add_unreachable(self) -> None:
        """Counts an e-mail whose recipient the server refused for good. The server itself works."""
        self.unreachable += 1
        self.consecutive_server_failures = 0

    def add_delayed(self, at: datetime) -> None:
        """Counts an e-mail that is tried again later."""
        self.delayed += 1
        self.last_failure_at = at

    def add_server_failure(self, step: MailStep, at: datetime) -> None:
        """Counts a failure of the server at a step that concerns every e-mail."""
        self.server_failures[step] += 1
        self.consecutive_server_failures += 1
        self.last_failure_at = at

"""Decides whether a reply of an SMTP server means that it will never deliver to the recipient."""

import re
from typing import Final

import aiosmtplib

ENHANCED_CODE: Final = re.compile(r"#?([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
"""The enhanced status code that begins the text of a reply (RFC 3463)."""

SENDER_FAULTS: Final = frozenset({"7", "8"})
"""5.1.7 and 5.1.8 blame the sender's address. Some servers say so only in their reply to RCPT."""

DISABLED_MAILBOX: Final = ("5", "2", "1")
UNKNOWN_MAILBOX: Final = frozenset({550, 551, 553})
"""The basic codes that an unknown recipient gets. Without an enhanced code they can also mean a refused client."""


def is_unreachable(problem: aiosmtplib.SMTPResponseException, *, accepts_others: bool) -> bool:
    """Whether a refused recipient or content means that the recipient cannot be reached.

    `accepts_others`: the same server has lately accepted another recipient, so it does not refuse all of them.
    """
    if not 500 <= problem.code < 600:
        return False
    if (found := ENHANCED_CODE.match(problem.message)) is None:
        is_recipient = isinstance(problem, aiosmtplib.SMTPRecipientRefused)
        return is_recipient and problem.code in UNKNOWN_MAILBOX and accepts_others
    code, subject, detail = found.groups()
    if (code, subject) == ("5", "1"):
        return detail not in SENDER_FAULTS
    return (code, subject, detail) == DISABLED_MAILBOX

"""Fills the text of an e-mail with its facts and its link."""

import textwrap
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic_core import Url

from app.mail.texts import ADDRESS_TAKEN, TEXTS, LetterText
from models.letters import LinkUse, Notice

PAGES: Final = {LinkUse.VERIFY: "/verify", LinkUse.CHANGE: "/verify", LinkUse.RESET: "/reset"}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The facts that an e-mail may contain. `is_taken` says that its address belongs to another account."""

    at: datetime
    registered: datetime
    reference: str | None = None
    use: LinkUse | None = None
    token: str | None = None
    until: datetime | None = None
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class LetterTexts:
    """The texts of e-mails, for the service at `public_url`."""

    public_url: str

    @property
    def host(self) -> str:
        """The host name of the service, in ASCII."""
        return Url(self.public_url).host or ""

    def link(self, use: LinkUse, token: str) -> str:
        """The link with this token, in the fragment: browsers do not send fragments to servers."""
        return f"{self.public_url.rstrip('/')}{PAGES[use]}#token={token}"

    def text(self, notice: Notice, facts: LetterFacts) -> LetterText:
        """Subject and body of an e-mail."""
        text = ADDRESS_TAKEN if facts.is_taken else TEXTS[notice]
        body = text.body.format(
            site=self.host,
            at=_date(facts.at),
            registered=_date(facts.registered),
            until=_date(facts.until) if facts.until else "",
            link=self.link(facts.use, facts.token) if facts.use and facts.token else "",
            reference=" ".join((facts.reference or "").split()),
        )
        return LetterText(text.subject, "\n\n".join(map(_wrapped, body.strip().split("\n\n"))) + "\n")


def _wrapped(paragraph: str) -> str:
    """Wraps a paragraph at 76 characters. Links and indented lines stay whole."""
    is_single_line = paragraph.startswith(("http", " "))
    return paragraph if is_single_line else textwrap.fill(paragraph, 76, break_long_words=False, break_on_hyphens=False)


def _date(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M} UTC"

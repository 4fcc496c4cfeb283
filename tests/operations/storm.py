"""People, readers and a processor that use a service, and the history of what each of them saw."""

import asyncio
import itertools
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from permissions.version_numbers import current_version

WITHDRAW: Final = "mutation { withdrawConsent(purpose: SOCIAL) { ... on ConsentChanged { record { id } } } }"
GRANT: Final = (
    "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v)"
    " { ... on ConsentChanged { record { id } } } }"
)
READ: Final = "query ($id: ID!) { user(id: $id) { firstName } }"
VIEW: Final = (
    'mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."})'
    " { ... on MailchimpView { id subscribers { userId email } } } }"
)


@dataclass
class Withdrawn:
    """A period in which a withdrawal stood: from its acknowledgement until the next grant was sent."""

    since: float
    until: float = float("inf")


@dataclass
class History:
    """The acknowledged changes, and each reading with its time."""

    records: list[str] = field(default_factory=list)
    withdrawn: dict[str, list[Withdrawn]] = field(default_factory=dict)
    shown: list[tuple[str, float, float]] = field(default_factory=list)
    """The subject of a value, and when its request was sent and its answer came."""
    views: list[tuple[str, str]] = field(default_factory=list)
    """The view and the subject of each e-mail address that a processor was shown."""
    answers: int = 0
    failures: int = 0

    def leaks(self) -> list[tuple[str, float, float]]:
        """Values that were shown to a request which ran while a withdrawal stood."""
        return [
            (subject, sent, came)
            for subject, sent, came in self.shown
            if any(each.since <= sent and came <= each.until for each in self.withdrawn.get(subject, []))
        ]


@dataclass
class Actors:
    """Everyone who uses the service. After a failure they try again on a new connection."""

    url: str
    history: History = field(default_factory=History)
    ended: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self, *work: Coroutine[Any, Any, None]) -> None:
        """Starts this work."""
        self.tasks += [asyncio.create_task(each) for each in work]

    async def end(self) -> None:
        """Lets everyone finish what they have begun."""
        self.ended = True
        await asyncio.gather(*self.tasks)

    async def ask(self, document: str, token: str, **variables: Any) -> Any:
        """The data of an answer, or None if there was none."""
        content = {"query": document, "variables": variables}
        try:
            async with httpx.AsyncClient(timeout=60) as client:
                answer = await client.post(
                    f"{self.url}/graphql", json=content, headers={"Authorization": f"Bearer {token}"}
                )
            data = answer.json().get("data")
        except httpx.TransportError:
            data = None
        if data is None or None in data.values():
            self.history.failures += 1
            await asyncio.sleep(0.05)
            return None
        self.history.answers += 1
        return data

    async def change_mind(self, subject: str, token: str) -> None:
        """Withdraws and grants in turn. Repeats each change until it is acknowledged."""
        periods = self.history.withdrawn.setdefault(subject, [])
        version = current_version().name
        for document, variables in itertools.cycle(((WITHDRAW, {}), (GRANT, {"v": version}))):
            if document is GRANT and periods:
                periods[-1].until = time.monotonic()
            while (data := await self.ask(document, token, **variables)) is None:
                if self.ended:
                    return
            (changed,) = data.values()
            self.history.records.append(changed["record"]["id"])
            if document is WITHDRAW:
                periods.append(Withdrawn(time.monotonic()))
            if self.ended:
                return
            await asyncio.sleep(0.01)

    async def read(self, subject: str, token: str) -> None:
        """Reads a first name again and again."""
        while not self.ended:
            sent = time.monotonic()
            data = await self.ask(READ, token, id=subject)
            if data and data["user"] and data["user"]["firstName"]:
                self.history.shown.append((subject, sent, time.monotonic()))

    async def view(self, subjects: list[str], token: str) -> None:
        """Opens the view of Mailchimp again and again."""
        while not self.ended:
            sent = time.monotonic()
            data = await self.ask(VIEW, token, ids=subjects)
            for row in data["openProcessorView"]["subscribers"] if data else ():
                if row["email"]:
                    self.history.shown.append((row["userId"], sent, time.monotonic()))
                    self.history.views.append((data["openProcessorView"]["id"], row["userId"]))

    async def answered(self, count: int) -> None:
        """Waits for so many more answers and acknowledgements."""
        answers, records = self.history.answers + count, len(self.history.records) + count // 4
        async with asyncio.timeout(120):
            while self.history.answers < answers or len(self.history.records) < records:  # noqa: ASYNC110  # actors append
                await asyncio.sleep(0.02)

"""Measures the cost of the ledger: a processor's view of 1,000 subjects with and without it."""

import argparse
import asyncio
import gc
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx
from in_process import service_on
from sqlalchemy import func, select

from app.commands.people.demo_people import Population
from models.tables import DISCLOSURES
from models.tokens.token_rows import NewToken, issue_token
from models.vocabulary import ConsentSource, Processor, Role
from resolvers.clock.steady_clock import utc_now
from resolvers.context import Services
from resolvers.imports.parse_line import parse_person
from resolvers.ledger import write_disclosures
from resolvers.subjects.store_people import PeopleStore

MIN_RATIO: Final = 0.75
SUBJECTS: Final = 1000
DOCUMENT: Final = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."}) {
  ... on MandrillView { withheld recipients { userId email firstName lastName } } } }"""
RECORDING: Final = write_disclosures.append_entries


async def unrecorded(*_: Any) -> None:
    """Writes no ledger entries. Only this file uses it."""


class Platform:
    """A database of people, and requests of Mandrill for its view of them."""

    def __init__(self, services: Services, client: httpx.AsyncClient) -> None:
        self.services = services
        self.client = client
        self.request: dict[str, Any] = {}

    async def store_people(self) -> None:
        """Stores verified people, so that the view shows all of them."""
        now, services = utc_now(), self.services
        lines = list(Population(SUBJECTS, 1, now).lines())
        while len(lines) < SUBJECTS:
            lines += [{**line, "email": f"{len(lines)}.{line['email']}"} for line in lines[: SUBJECTS - len(lines)]]
        people = [parse_person({**line, "emailVerified": True}, now) for line in lines[:SUBJECTS]]
        store = PeopleStore(services.keys, services.geolocation, now, ConsentSource.DEMONSTRATION)
        issuance = NewToken(Role.PROCESSOR, "benchmark", now, now + timedelta(hours=1), None, Processor.MANDRILL)
        async with services.database.writing() as connection:
            ids = await store.store(connection, people)
            token, _ = await issue_token(connection, issuance)
        self.request = {
            "json": {"query": DOCUMENT, "variables": {"ids": ids}},
            "headers": {"Authorization": f"Bearer {token}"},
        }

    async def view(self, *, recorded: bool) -> float:
        """Returns the seconds that one request takes."""
        write_disclosures.append_entries = RECORDING if recorded else unrecorded
        gc.collect()
        before = time.perf_counter()
        answer = await self.client.post("/graphql", **self.request)
        seconds = time.perf_counter() - before
        if len(answer.json()["data"]["openProcessorView"]["recipients"]) != SUBJECTS:
            raise SystemExit("the view does not show everyone")
        return seconds

    async def entries(self) -> int:
        """The number of ledger entries."""
        async with self.services.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(DISCLOSURES))).scalar_one())


async def rounds(kind: str, number: int) -> list[tuple[float, float]]:
    """Measures both in every round, in alternating order."""
    with tempfile.TemporaryDirectory() as folder:
        async with service_on(kind, Path(folder)) as (services, client):
            made = Platform(services, client)
            await made.store_people()
            for recorded in (True, False):
                before = await made.entries()
                await made.view(recorded=recorded)
                if await made.entries() - before != SUBJECTS * recorded:
                    raise SystemExit("this benchmark does not replace the ledger: adapt `unrecorded`")
            found = []
            for place in range(number):
                first, second = [await made.view(recorded=place % 2 == turn) for turn in (0, 1)]
                found.append((second, first) if place % 2 else (first, second))
            return found


def main() -> None:
    """Prints the ratio of throughputs, and fails if it is below the minimum."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    command.add_argument("--rounds", type=int, default=30)
    options = command.parse_args()
    found = asyncio.run(rounds(options.database, options.rounds))
    with_ledger, without = (median(pair[side] for pair in found) * 1000 for side in (0, 1))
    ratio = median(plain / recorded for recorded, plain in found)
    print(f"{SUBJECTS} subjects, {options.database}, {options.rounds} rounds")
    print(f"recorded {with_ledger:.1f} ms, unrecorded {without:.1f} ms, throughput {ratio:.3f} (at least {MIN_RATIO})")
    if ratio < MIN_RATIO:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Searches for the dearest document that the service accepts, and prints what it costs with 2,000 people in SQLite.

Each candidate has one root field as often as the service accepts it, and is filled with the dearest others. Then the
dearest candidates are changed at random as long as that makes them dearer. `CPU` is that of the whole process.
`hold` is the CPU of the longest step of the event loop, in which nobody else is answered.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dear.documents import MOST_FIELDS, SEARCHES, Searched, Writer  # noqa: E402
from dear.measure import VIEWER, Cost, cost, cost_of_request, waits  # noqa: E402
from dear.people import PAGES, VIEW, Scene, scene_with  # noqa: E402

from permissions.graphql.document_demand import LARGEST_PAGE, MOST_SUBJECTS  # noqa: E402
from permissions.version_numbers import current_version  # noqa: E402
from resolvers.hashing.password_hash import Hashing  # noqa: E402

MAX_CPU_MS: Final = 500
MAX_HOLD_MS: Final = 50
MAX_P99_MS: Final = 100
DEAREST: Final = 5
"""How many of the dearest documents are measured again."""
TIMES: Final = 5
OWN_LISTS: Final = """{ me { sessions { id } disclosures(first: 40) { edges { node { id } } }
  consentHistory(first: 40) { edges { node { id } } } } }"""


async def variables(scene: Scene) -> dict[str, Any]:
    """The values that the documents send: ids of people who hide nothing and of the caller's own records."""
    me = (await scene.world.data(OWN_LISTS, scene.member))["me"]
    listed = [edge["node"]["id"] for name in ("disclosures", "consentHistory") for edge in me[name]["edges"]]
    return {
        "people": list(scene.ids[10 : 10 + 2 * LARGEST_PAGE : 2]),
        "person": scene.ids[10],
        "own": [scene.ids[0]] * LARGEST_PAGE,
        "records": [*(each["id"] for each in me["sessions"]), *listed],
        "words": "a e i l n o",
        "profile": {"firstName": "Amara", "about": "clay " * 800, "publicPages": PAGES[:15]},
        "version": current_version().name,
        "case": {"reference": "T-1", "reason": "It will not print.", "extent": ["EMAIL"], "subjectId": scene.ids[0]},
    }


@dataclass
class Search:
    """A search for the dearest document of one role."""

    scene: Scene
    searched: Searched
    writer: Writer
    tried: list[tuple[Cost, list[str]]] = field(default_factory=list)

    async def measure(self, names: list[str], times: int = 1) -> Cost:
        """The cost of a document with these root fields."""
        found = await cost(self.scene.world, self.scene.tokens[self.searched.role], self.writer, names, times)
        self.tried.append((found, names))
        return found

    async def run(self, changes: int) -> tuple[Cost, list[str]]:
        """Returns the dearest document with its lowest cost, and prints on the way what was tried."""
        alone = {name: await self.measure([name], 2) for name in self.searched.fields if self.writer.accepts([name])}
        for name, each in alone.items():
            print(f"  {name:20}{each}")
        dearest_first = sorted(alone, key=lambda name: -alone[name].cpu_ms)
        for first in dearest_first:
            print(f"  {first} first:".ljust(30), await self.measure(self.writer.filled([], [first, *dearest_first])))
        await self._change_at_random(list(alone), changes)
        again = sorted(self.tried, key=lambda each: -each[0].cpu_ms)[:DEAREST]
        return max([(await self.measure(names, TIMES), names) for _, names in again], key=lambda each: each[0].cpu_ms)

    async def _change_at_random(self, names: list[str], changes: int) -> None:
        chance, (dearest, best) = Random(11), max(self.tried, key=lambda each: each[0].cpu_ms)
        for _ in range(changes):
            kept = [name for name in best if chance.random() < 0.7]
            changed = self.writer.filled(kept, chance.choices(names, k=MOST_FIELDS))
            found = await self.measure(changed, 2)
            if found.cpu_ms > dearest.cpu_ms:
                dearest, best = found, changed

    def longest_hold(self) -> tuple[Cost, list[str]]:
        """The document with the longest hold of all that were tried."""
        return max(self.tried, key=lambda each: each[0].hold_ms)


async def print_figures_without_limit(scene: Scene) -> None:
    """Prints what a view, an export and a hash cost, which have no limit here."""
    world, view = scene.world, {"ids": list(scene.ids[:MOST_SUBJECTS])}
    found = {
        "a view of 1,000 subjects": await cost_of_request(world, scene.mandrill, VIEW, view),
        "exportMyData": await cost_of_request(world, scene.member, "mutation { exportMyData }", {}),
    }
    for name, each in found.items():
        print(f"{name:30}{each}")
    hashing = Hashing(world.services.keys)
    began = time.process_time()
    hashing.hash("correct horse battery staple")
    print(f"{'a hash, in a thread of its own':30}{(time.process_time() - began) * 1000:5.0f} ms CPU")
    hashing.close()


async def main() -> int:
    """Prints the dearest document of each role and its cost. Fails if one costs more than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--changes", type=int, default=40, help="random changes to the dearest document")
    parser.add_argument("--only", default="", help="search only documents of roles and operations with this text")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        async with scene_with(Path(folder), arguments.people) as scene:
            given = await variables(scene)
            gc.collect()
            gc.freeze()  # as a server process does
            for searched in SEARCHES:
                if arguments.only not in searched.title:
                    continue
                print(f"{searched.title}:")
                search = Search(scene, searched, Writer(searched, given))
                dearest, names = await search.run(arguments.changes)
                failed |= await print_result(search, dearest, names)
            await print_figures_without_limit(scene)
    return int(failed)


async def print_result(search: Search, dearest: Cost, names: list[str]) -> bool:
    """Prints a search's result. Returns whether it is above a limit."""
    world, token, writer = search.scene.world, search.scene.tokens[search.searched.role], search.writer
    held, held_by = search.longest_hold()
    held = await cost(world, token, writer, held_by, TIMES)
    await world.post(VIEWER, token)
    p99 = await waits(world, token, writer, names, 10)
    document = writer.document(names)
    print(f"{document}\n{len(document):,} bytes: {', '.join(names)}")
    print(f"longest hold: {', '.join(held_by)}: {held}")
    hold_ms = max(held.hold_ms, dearest.hold_ms)
    print(
        f"{search.searched.title}: CPU {dearest.cpu_ms:.0f} ms, longest hold of all {hold_ms:.0f} ms, "
        f"p99 of another's viewer {p99:.0f} ms"
    )
    return dearest.cpu_ms > MAX_CPU_MS or hold_ms > MAX_HOLD_MS or p99 > MAX_P99_MS


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))

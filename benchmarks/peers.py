"""Compares the throughput of ConsentQL with other servers, on the same people and fields."""

import argparse
import signal
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from asked import OURS as FIELDS
from asked import QUERIES, ROWS
from load import CONNECTIONS, Turn, turn, window
from people import CALLER, People, create_database
from servers import OURS, Peers, Server, consentql_server

Turns = dict[tuple[str, str], list[Turn]]
TARGETS: Final = {"me": 2.0, "directory": 8.0}
MEASURED_AGAINST: Final = "p1-"


def agree(server: Server, peer: Server, people: People, query: str) -> int:
    """Compares the rows that both may return, and returns their number."""
    own, theirs = server.rows(query), peer.rows(query)
    expected = people.listed(ROWS) if query == "directory" else [people.rows[CALLER - 1]]
    wanted = [{column: row[column] for column in FIELDS.values()} for row in expected]
    if own != wanted:
        raise SystemExit(f"{query}: {server.name} does not return the people that were loaded")
    if len(theirs) != len(own):
        raise SystemExit(f"{query}: {len(own)} rows here, {len(theirs)} from {peer.name}")
    first = people.rows[:ROWS] if query == "directory" else expected
    ours_by_email = {row["email"]: row for row in own}
    compared = 0
    for person, row in zip(first, theirs, strict=True):
        if not people.consents_to_social(person["id"]):
            continue
        here = ours_by_email[person["email"]]
        if any(here[column] != value for column, value in row.items()):
            raise SystemExit(f"{query}: {peer.name} gives a different answer for row {person['id']}")
        compared += 1
    return compared


def measured(servers: list[Server], rounds: int, seconds: float) -> Turns:
    """Measures every server in every round, in alternating order."""
    windows = {(server.name, query): window(server, query, seconds) for server in servers for query in QUERIES}
    turns: Turns = {key: [] for key in windows}
    for number in range(rounds):
        for query in QUERIES:
            for server in servers[:: -1 if number % 2 else 1]:
                key = server.name, query
                turns[key].append(turn(server, query, windows[key]))
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return turns


def ratio(turns: Turns, peer: str, query: str) -> float:
    """The median ratio of requests per second to those of the peer."""
    pairs = zip(turns[OURS, query], turns[peer, query], strict=True)
    return median(own.per_second / other.per_second for own, other in pairs)


def table(turns: Turns, names: list[str], query: str) -> list[str]:
    """The results as one line per server."""
    lines = [
        f"{'':28}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'cpu ms':>9}{'ConsentQL ÷ it':>16}{'its cpu ÷ ConsentQL':>21}"
    ]
    own_cpu = median(each.cpu_ms for each in turns[OURS, query])
    for name in names:
        each = turns[name, query]
        middle = [median(getattr(one, what) for one in each) for what in ("per_second", "p50_ms", "p99_ms", "cpu_ms")]
        line = f"{name:28}{middle[0]:9.1f}{middle[1]:9.2f}{middle[2]:9.2f}{middle[3]:9.3f}"
        lines.append(line + ("" if name == OURS else f"{ratio(turns, name, query):16.2f}{middle[3] / own_cpu:21.2f}"))
    return lines


def verdicts(turns: Turns, names: list[str]) -> list[str]:
    """Whether the ratios reach their targets."""
    return [
        f"{query}: {ratio(turns, name, query):.2f} × {name}, at least {least:g} {'met' if met else 'MISSED'}"
        for name in names
        if name.startswith(MEASURED_AGAINST)
        for query, least in TARGETS.items()
        for met in [ratio(turns, name, query) >= least]
    ]


def compared(server: Server, others: list[Server], people: People) -> None:
    """Checks that every peer gives the same answers."""
    for peer in others:
        rows = {query: agree(server, peer, people, query) for query in QUERIES}
        print(f"{peer.name} answers the same: " + ", ".join(f"{number} of {query}" for query, number in rows.items()))


def run(options: Any) -> None:
    """Fills the database, starts all servers, compares their answers, measures and prints."""
    folder = options.peers.resolve()
    peers, people = Peers(folder), People(folder)
    others = [peers.named(short) for short in options.names.split(",")]
    server = consentql_server(peers.address, create_database(peers.address, people))
    everyone = [server, *others]
    try:
        for each in everyone:
            each.start()
        compared(server, others, people)
        turns = measured(everyone, options.rounds, options.seconds)
    finally:
        for each in everyone:
            each.stop()
    names = [each.name for each in everyone]
    for query in QUERIES:
        size = "1 row" if query == "me" else f"{ROWS} rows"
        print(f"\n{query}: {size} of {len(FIELDS)} fields, {CONNECTIONS} connections, {options.rounds} rounds")
        print("\n".join(table(turns, names, query)))
    print("\n" + "\n".join(verdicts(turns, names)))


def main() -> None:
    """Reads the command line."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--peers", type=Path, required=True, help="the folder that holds bench.py and gen.py")
    command.add_argument("--names", default="p1,p1s,p2,p7b", help="which of them, separated by commas")
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--seconds", type=float, default=2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    run(command.parse_args())


if __name__ == "__main__":
    main()

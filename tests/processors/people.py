"""Subjects in every state that a view depends on, and the row that each processor must see."""

from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from tests import expectation
from tests.expectation import CELLS, FIELDS, NO_FIELDS, PROCESSORS, Circumstances
from tests.processors.parties import COLUMNS, bits
from tests.world import GRAPHQL_NAMES, line

NULLS = tuple(frozenset(nulls) for size in range(4) for nulls in combinations(("firstName", "lastName", "ip"), size))


STANDINGS = ((), ("SOCIAL",), ("EXPANSION",), ("SOCIAL", "EXPANSION"))


HIDINGS = (NO_FIELDS, frozenset(FIELDS))


OBJECTIONS_TO = ((), *((each,) for each in PROCESSORS), PROCESSORS)


@dataclass(frozen=True)
class Person:
    """The state of a subject that a view depends on."""

    place: int
    standing: tuple[str, ...]
    verified: bool
    hidden: frozenset[str]
    objected: tuple[str, ...]
    nulls: frozenset[str]

    def import_line(self) -> dict[str, Any]:
        """This person as a line of an import."""
        profile = {name: self.values()[column] for name, column in NAMED.items() if name not in self.nulls}
        ip = None if "ip" in self.nulls else f"90.190.{self.place % 200}.7"
        return line(
            f"s{self.place}@example.org",
            self.standing,
            emailVerified=self.verified,
            hidden=sorted(self.hidden),
            profile=profile,
            ipAddress=ip,
        )

    def values(self) -> dict[str, Any]:
        """The stored values of this person."""
        values: dict[str, Any] = {
            "EMAIL": f"s{self.place}@example.org",
            "FIRST_NAME": f"Amara{self.place}",
            "LAST_NAME": f"Okonkwo{self.place}",
            "IP_ADDRESS": f"90.190.{self.place % 200}.7",
        }
        return values | {column: None for name, column in {**NAMED, "ip": "IP_ADDRESS"}.items() if name in self.nulls}

    def row(self, processor: str, id: str) -> dict[str, Any] | None:
        """The row that the processor must see, or None if the person is withheld."""
        circumstances = Circumstances(
            frozenset(self.standing), self.hidden, unverified=not self.verified, objected=processor in self.objected
        )
        seen, values, columns = expectation.decision(processor, circumstances), self.values(), COLUMNS[processor]
        if seen is None or seen[columns[0]] is not None or values[columns[0]] is None:
            return None
        return {"userId": id, **{GRAPHQL_NAMES[c]: values[c] if seen[c] is None else None for c in columns}}

    def disclosed(self, processor: str) -> int:
        """The fields that the ledger must record, empty ones too."""
        return bits(*(c for c in COLUMNS[processor] if CELLS[c][processor] in ("SERVICE", *self.standing)))


NAMED = {"firstName": "FIRST_NAME", "lastName": "LAST_NAME"}


PEOPLE = tuple(
    Person(place, *state)
    for place, state in enumerate(product(STANDINGS, (True, False), HIDINGS, OBJECTIONS_TO, NULLS))
)

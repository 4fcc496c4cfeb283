"""Random GraphQL documents of staff and processors."""

import json
import random
from dataclasses import dataclass, field

from tests.ledger.population import PEOPLE, PERSONAL, VIEW_TYPES, Population

SUBSELECTIONS = {
    "location": " { country city }",
    "publicPages": " { title url body }",
    "preRegistration": " { country jobRole organization }",
    "withheld": " { field reason purpose }",
}


@dataclass
class Writer:
    """Writes documents. Each key of the response names its subject and field."""

    chance: random.Random
    count: int = 0
    fragments: list[str] = field(default_factory=list)

    def key(self, what: str) -> str:
        """A unique key that ends with what it stands for."""
        self.count += 1
        return f"r{self.count}_{what}"

    def directive(self) -> str:
        """An empty string, or a directive that includes or skips a field."""
        sure = ("@skip(if: $no)", "@include(if: $yes)", "@skip(if: false)")
        never = ("@skip(if: $yes)", "@include(if: $no)", "@include(if: false)")
        draw = self.chance.random()
        return "" if draw < 0.7 else self.chance.choice(sure if draw < 0.85 else never)

    def user(self, *, named: bool = True) -> str:
        """A selection of a User, with aliases, directives and fragments."""
        chance, parts = self.chance, ["id"] if named else ["__typename"]
        for name in chance.sample(sorted([*PERSONAL, "withheld"]), chance.choice((0, 1, 3, 6))):
            alias = f"{self.key(name)}: " if chance.random() < 0.3 else ""
            parts.append(f"{alias}{name} {self.directive()}{SUBSELECTIONS.get(name, '')}")
        for wrap in ("... on User { %s }", "... @include(if: $yes) { %s }", "... @skip(if: $yes) { %s }"):
            some = " ".join(chance.sample(("email", "city", "id", "about", "firstName"), 2))
            parts += [wrap % some] if chance.random() < 0.2 else []
        if chance.random() < 0.3:
            fragment = self.key("fragment")
            some = " ".join(chance.sample([name for name in PERSONAL if name not in SUBSELECTIONS], 3))
            self.fragments.append(f"fragment {fragment} on User {{ {some} }}")
            parts.append(f"...{fragment} {self.directive()}")
        return " ".join(parts)

    def document(self, kind: str, roots: list[str]) -> str:
        """The complete document."""
        body = " ".join(["r0: __typename @include(if: $yes) @skip(if: $no)", *roots])
        spread = [each for each in self.fragments if f"...{each.split()[1]} " in body]
        return " ".join([f"{kind} ($yes: Boolean! = true, $no: Boolean! = false) {{ {body} }}", *spread])


def staff_document(population: Population, caller: str) -> str:
    """A document of staff with one to three readings of any kind."""
    writer, chance = Writer(population.chance), population.chance
    listed, single = ("legalRequests", "LegalRequest") if caller == "officer" else ("supportCases", "SupportCase")
    grounds = population.requests if caller == "officer" else population.cases
    roots = []
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(("user", "user", "node", "nodes", "ground", "list", "viewer", "foreign"))
        number, switch = chance.randrange(PEOPLE + 1), writer.directive()
        id = population.people[number].id if number < PEOPLE else "f" * 32
        if kind == "user":
            whole = writer.user(named=chance.random() < 0.5)
            roots.append(f'{writer.key(f"s{number}")}: user(id: "{id}") {switch} {{ {whole} }}')
        elif kind == "node":
            inner = chance.choice((f"... on User {{ {writer.user()} }}", f"... on {single} {{ reference }} __typename"))
            roots.append(f'{writer.key(f"s{number}")}: node(id: "{id}") {switch} {{ {inner} }}')
        elif kind == "nodes":
            ids = [person.id for person in population.people] + [ground["id"] for ground in grounds] + ["f" * 32]
            inner = f"... on User {{ {writer.user()} }} ... on {single} {{ id subject {{ {writer.user()} }} }}"
            some = json.dumps([chance.choice(ids) for _ in range(chance.randint(1, 8))])
            roots.append(f"{writer.key('x')}: nodes(ids: {some}) {switch} {{ {inner} }}")
        elif kind == "ground":
            inner = f"... on {single} {{ id subject {switch} {{ {writer.user()} }} }}"
            roots.append(f'{writer.key("x")}: node(id: "{chance.choice(grounds)["id"]}") {{ {inner} }}')
        elif kind == "list":
            size = chance.choice(("first: 2", "last: 3", "first: 50"))
            subject = f"subject {{ {writer.user()} }}" if chance.random() < 0.8 else "extent"
            roots.append(f"{writer.key('x')}: {listed}({size}) {switch} {{ edges {{ node {{ id {subject} }} }} }}")
        elif kind == "viewer":
            roots.append(f"{writer.key('viewer')}: viewer {{ user {{ {writer.user()} }} }}")
        else:
            roots.append(f"{writer.key('x')}: {chance.choice(('users', 'me'))} {{ __typename }}")
    return writer.document("query", roots)


def view_document(population: Population, processor: str) -> str:
    """A document of a processor that opens a view with some columns."""
    writer, chance = Writer(population.chance), population.chance
    view, rows, columns = VIEW_TYPES[processor]
    some = [each for each in columns if chance.random() < 0.6]
    wanted = [f"{f'{writer.key(each)}: ' if chance.random() < 0.3 else ''}{each} {writer.directive()}" for each in some]
    ids = [person.id for person in population.people] + ["f" * 32, "nobody"]
    asked = json.dumps([chance.choice(ids) for _ in range(chance.randint(1, 20))])
    foreign = chance.choice([each for each in VIEW_TYPES.values() if each[0] != view])
    inner = f"... on {view} {{ withheld {rows} {{ userId {' '.join(wanted)} }} }} ... on {foreign[0]} {{ id }}"
    given = f'input: {{userIds: {asked}, reason: "A letter."}}'
    return writer.document("mutation", [f"{writer.key('view')}: openProcessorView({given}) {{ {inner} }}"])

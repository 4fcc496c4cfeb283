"""The ledger records exactly the fields that answers contain."""

import random
import re
from collections import defaultdict
from typing import Any

from sqlalchemy import select

from app.commands.audit.verify_log import faults
from models.logs.ledger import LEDGER
from tests.expectation import FIELDS
from tests.ledger.documents import staff_document, view_document
from tests.ledger.population import PERSONAL, VIEW_TYPES, Person, Population
from tests.ledger.stored import names
from tests.world import World, codes

STAFF_REQUESTS, PROCESSOR_REQUESTS = 480, 160


Pairs = dict[str, frozenset[str]]


def disclosed_by_answer(population: Population, caller: str, data: dict[str, Any]) -> list[Pairs]:
    """The fields of each subject in an answer, separately for each processor view."""
    parts: list[Pairs] = []
    found: dict[str, set[str]] = defaultdict(set)
    for key, value in data.items():
        subject = re.fullmatch(r"r\d+_s(\d+)", key)
        if subject and value is not None:
            person = population.people[int(subject[1])]
            collect_subject(population, caller, person, value, found[person.id])
        elif not key.endswith("_viewer"):
            collect_subjects(population, caller, value, found)
        if key.endswith("_view") or key == list(data)[-1]:
            parts.append({id: frozenset(fields) for id, fields in found.items()})
            found = defaultdict(set)
    return parts


def collect_subjects(population: Population, caller: str, value: Any, found: dict[str, set[str]]) -> None:
    """Collects every object of the answer that names a subject."""
    if isinstance(value, list):
        for each in value:
            collect_subjects(population, caller, each, found)
    if not isinstance(value, dict):
        return
    named = (value.get("id"), value.get("userId"))
    person = next((person for person in population.people if person.id in named), None)
    if person is not None:
        collect_subject(population, caller, person, value, found[person.id])
        return
    for each in value.values():
        collect_subjects(population, caller, each, found)


def collect_subject(
    population: Population, caller: str, person: Person, value: dict[str, Any], found: set[str]
) -> None:
    readable = population.readable(caller, person)
    assert readable is not None, "an absent subject was given"
    for key, each in value.items():
        name = key.rsplit("_", 1)[-1]
        if name == "withheld":
            assert {verdict["field"] for verdict in each} == set(FIELDS) - readable
        elif name in PERSONAL:
            assert each is None or PERSONAL[name] in readable
            found |= {PERSONAL[name]} & readable


def disclosed_by_entries(rows: list[Any]) -> list[Pairs]:
    """The fields of each subject in ledger entries, separately for each processor view."""
    answers: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for row in rows:
        answer = answers[row.ground if row.audience in VIEW_TYPES else ""]
        answer[row.subject_id] = answer.get(row.subject_id, frozenset()) | names(row.fields)
    return list(answers.values())


async def new_entries(world: World, before: dict[str, int]) -> list[Any]:
    """Entries that are new since the last call, in the order of each chain."""
    rows = []
    async with world.services.database.reading() as connection:
        for log in ("disclosure", "sealed"):
            later = (LEDGER.c.chain == log) & (LEDGER.c.sequence > before.get(log, 0))
            found = (await connection.execute(select(LEDGER).where(later).order_by(LEDGER.c.sequence))).all()
            before[log] = found[-1].sequence if found else before.get(log, 0)
            rows += found
    return rows


async def test_ledger_entries_equal_the_fields_of_random_answers(world: World) -> None:
    population = Population(world, random.Random("ledger 1"))
    await population.fill()
    before: dict[str, int] = {}
    seen_fields = 0
    for number in range(STAFF_REQUESTS + PROCESSOR_REQUESTS):
        staff = number < STAFF_REQUESTS
        caller = population.chance.choice(("agent", "other", "officer") if staff else tuple(VIEW_TYPES))
        document = (staff_document if staff else view_document)(population, caller)
        answer = await world.ask(document, population.tokens[caller])
        assert set(codes(answer)) <= {"FORBIDDEN"}, (document, answer)
        rows = await new_entries(world, before)
        answered = disclosed_by_answer(population, caller, answer["data"])
        assert comparable(disclosed_by_entries(rows)) == comparable(answered), document
        seen_fields += sum(len(fields) for part in answered for fields in part.values())
        check_sealed_apart(population, rows)
    assert seen_fields > STAFF_REQUESTS, "the test compares something"
    assert await faults(world.services) == []


def comparable(parts: list[Pairs]) -> list[Any]:
    """Parts in sorted form, so that equal ones compare equal."""
    return sorted([sorted((id, sorted(fields)) for id, fields in part.items()) for part in parts if part])


def check_sealed_apart(population: Population, rows: list[Any]) -> None:
    """A visible entry must name no field that only a secret request gives access to."""
    people = {person.id: person for person in population.people}
    for row in rows:
        if row.audience == "LEGAL_REQUEST" and row.visible_at is None:
            assert names(row.fields) <= population.extent("officer", people[row.subject_id], visible_only=True)

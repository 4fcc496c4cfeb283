"""A changed or erased reason and a value that its column cannot hold are faults of their entry."""

import itertools
from dataclasses import replace

import pytest
from sqlalchemy import delete, text, update

from app.commands.audit.verify_log import faults
from models.tables import ACCOUNTS, CREDENTIALS, PRE_REGISTRATIONS, PROFILES, READINGS
from resolvers.context import Services
from resolvers.ledger import write_disclosures
from tests.ledger.attacker import ENTRIES, LOGS, START, Row, attacked, fill, reading
from tests.world import World


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_a_changed_reason_or_salt_is_found(filled: World, name: str) -> None:
    changes: tuple[Row, ...] = (
        {"reason": "another"},
        {"reason": ""},
        {"reason": None},
        {"salt": "0" * 32},
        {"salt": None},
        {"reason": "another", "salt": None},
    )
    for changed, sequence in itertools.product(changes, (1, 4, ENTRIES)):
        async with attacked(filled, name) as attacker:
            await attacker.change(sequence, **changed)
            (found,) = await attacker.faults(filled.services)
        assert found.startswith(f"{name}: entry {sequence} "), (changed, found)


async def erase(services: Services, *sequences: int) -> None:
    """Erases reasons with their salts, the one change that the database allows."""
    gone = update(READINGS).where(READINGS.c.sequence.in_(sequences)).values(reason=None, salt=None)
    async with services.database.writing() as connection:
        await connection.execute(gone)


async def test_a_reason_erased_with_its_salt_and_its_subject_is_not_a_fault(filled: World) -> None:
    await erase(filled.services, 1, 4, ENTRIES)
    assert await faults(filled.services) == []


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_an_erased_reason_is_a_fault_while_one_of_its_subjects_has_an_account(filled: World, name: str) -> None:
    services, first = filled.services, ENTRIES + 1
    people = [await filled.person(f"{number}@example.org") for number in range(3)]
    shared = reading(100, sealed=name == "sealed")
    async with services.database.writing() as connection:
        await write_disclosures.append_entries(
            connection, services.keys, [replace(shared, subject_id=id) for id in people], START
        )
    assert await faults(services) == []
    await erase(services, first)
    for place, id in enumerate(people):
        found = f"{name}: entry {first + place} has a changed reason"
        assert await faults(services) == [found]
        async with services.database.writing() as connection:
            for table in (PROFILES, PRE_REGISTRATIONS, CREDENTIALS):
                await connection.execute(delete(table).where(table.c.subject_id == id))
            await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == id))
    assert await faults(services) == []


@pytest.mark.parametrize("name", LOGS)
async def test_a_time_that_the_column_cannot_hold_is_a_fault_of_its_entry(
    filled: World, backend: str, name: str
) -> None:
    instant = "recorded_at" if name == "consent" else "at"
    value = text("'no time'") if backend == "sqlite" else text("'infinity'::timestamptz")
    async with attacked(filled, name) as attacker:
        await attacker.change(6, **{instant: value})
        (found,) = await attacker.faults(filled.services)
    assert found.startswith(f"{name}: entry 6 "), found


SPELLINGS = (
    "2026-11-20 08:30:00",
    "2026-11-20 08:30",
    "2026-11-20T08:30:00.000000",
    "2026-11-20 08:30:00.000000 ",
    "2026-11-20 08:30:00.000000 or so",
)


@pytest.mark.parametrize("name", LOGS)
async def test_a_time_in_another_text_format_is_a_fault_of_its_entry(world: World, name: str) -> None:
    await fill(world.services, ENTRIES)
    columns = {"consent": ["recorded_at"], "disclosure": ["at"], "sealed": ["at", "visible_at"]}[name]
    for column, spelling in itertools.product(columns, SPELLINGS if world.services.database.is_sqlite else ()):
        async with attacked(world, name) as attacker:
            await attacker.change(1, **{column: text(f"'{spelling}'")})
            assert await attacker.faults(world.services) == [f"{name}: entry 1 was changed"], spelling


async def test_a_grant_that_is_not_zero_or_one_is_a_fault_of_its_entry(filled: World) -> None:
    for number in ("2", "-1", "'true'") if filled.services.database.is_sqlite else ():
        async with attacked(filled, "consent") as attacker:
            assert (await attacker.row(3))["granted"]
            await attacker.change(3, granted=text(number))
            assert await attacker.faults(filled.services) == ["consent: entry 3 was changed"], number

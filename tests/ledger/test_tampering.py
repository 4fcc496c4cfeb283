"""Every change, deletion, insertion or reordering in a log is found, and the first bad entry is named."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert

from app.commands.audit import verify_log
from app.commands.audit.verify_log import faults
from models.key_ring import KeyRing
from models.logs import hash_chain
from models.tables import CHAIN_HEADS, READINGS
from resolvers.ledger import write_disclosures
from tests.ledger.attacker import ENTRIES, LOGS, START, Row, attacked, consent, fill, head_of, other, reading
from tests.world import World


async def test_unchanged_logs_have_no_fault(world: World) -> None:
    assert await faults(world.services) == []
    await fill(world.services, ENTRIES)
    assert await faults(world.services, [await head_of(world.services, name) for name in LOGS]) == []


@pytest.mark.parametrize("name", LOGS)
async def test_a_changed_value_is_found_in_every_column_at_every_place(filled: World, name: str) -> None:
    columns = [*LOGS[name].table.columns, *(() if name == "consent" else READINGS.columns)]
    for column, sequence in itertools.product(columns, (1, 4, ENTRIES)):
        async with attacked(filled, name) as attacker:
            before = await attacker.row(sequence, column.table)
            await attacker.overwrite(column.table, sequence, {column.name: other(column, before[column.name])})
            found = await attacker.faults(filled.services)
        assert found[:1], (column, sequence)
        assert found[0].startswith(f"{name}: entry {sequence} "), (column, found)
    assert await faults(filled.services) == []


@pytest.mark.parametrize("log", hash_chain.LOGS, ids=LOGS)
def test_two_records_never_share_an_encoding(log: hash_chain.Log) -> None:
    pieces = ("", "=", "a", "a=", "=a", "a=b", "-", "1", "\0\0\0\1", None, 1)
    record: Row = dict.fromkeys(log.hashed, "a")
    for first, second in itertools.pairwise(log.hashed):
        pairs = list(itertools.product(pieces, pieces))
        encodings = {log.encoded({**record, first: one, second: other}, hash_chain.GENESIS) for one, other in pairs}
        assert len(encodings) == len(pairs), (first, second)
    assert log.encoded(record, "a") != log.encoded(record, "b")


@pytest.mark.parametrize("name", LOGS)
async def test_a_deleted_entry_is_found_even_if_later_entries_are_renumbered(filled: World, name: str) -> None:
    for sequence, renumbered in itertools.product((1, 4, ENTRIES), (False, True)):
        async with attacked(filled, name) as attacker:
            await attacker.delete(sequence)
            if renumbered:
                for later in range(sequence + 1, ENTRIES + 1):
                    await attacker.move(later, later - 1)
                if sequence < ENTRIES:
                    await attacker.head(ENTRIES - 1)
            (found,) = await attacker.faults(filled.services)
        assert found.startswith(f"{name}: entry {sequence} "), found


@pytest.mark.parametrize("name", LOGS)
async def test_an_inserted_entry_is_found_at_its_place(filled: World, name: str) -> None:
    for sequence, headed in itertools.product((0, 1, 4, ENTRIES, ENTRIES + 1), (False, True)):
        async with attacked(filled, name) as attacker:
            copied = await attacker.row(max(1, min(sequence, ENTRIES)))
            if sequence > 0:
                for later in range(ENTRIES, sequence - 1, -1):
                    await attacker.move(later, later + 1)
            await attacker.insert({**copied, "sequence": sequence})
            if headed:
                await attacker.head(ENTRIES + (sequence > 0))
            (found,) = await attacker.faults(filled.services)
        assert found.startswith(f"{name}: entry {max(sequence, 1)} "), found


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_an_entry_with_the_name_of_another_chain_is_found(filled: World, name: str) -> None:
    async with attacked(filled, name) as attacker:
        copied = await attacker.row(4)
        await attacker.insert({**copied, "chain": "none of ours", "sequence": 4})
        assert await attacker.faults(filled.services) == ["disclosure: entry 4 has an unknown chain name"]
    stranger = "sealed" if name == "disclosure" else "disclosure"
    async with attacked(filled, name) as attacker:
        copied = await attacker.row(ENTRIES)
        await attacker.insert({**copied, "chain": stranger, "sequence": ENTRIES + 1})
        assert (await attacker.faults(filled.services))[0].startswith(f"{stranger}: entry {ENTRIES + 1} ")


@pytest.mark.parametrize("name", LOGS)
async def test_two_swapped_entries_are_found(filled: World, name: str) -> None:
    for first, second in ((1, 2), (4, 7), (ENTRIES - 1, ENTRIES), (1, ENTRIES)):
        async with attacked(filled, name) as attacker:
            await attacker.swap(first, second)
            (found,) = await attacker.faults(filled.services)
        assert found.startswith(f"{name}: entry {first} "), found


@pytest.mark.parametrize("name", LOGS)
async def test_an_entry_that_is_hashed_again_with_another_key_is_found(filled: World, name: str) -> None:
    log, stranger = LOGS[name], KeyRing(("another key that is long enough",))
    async with attacked(filled, name) as attacker:
        previous = (await attacker.row(3))["hash"]
        for sequence in range(4, ENTRIES + 1):
            row = {**await attacker.row(sequence), "subject_id": "e" * 32}
            previous = stranger.tag(log.name, log.encoded(row, previous))
            await attacker.change(sequence, subject_id="e" * 32, hash=previous)
        await attacker.head(ENTRIES)
        (found,) = await attacker.faults(filled.services)
    assert found.startswith(f"{name}: entry 4 "), found


@pytest.mark.parametrize("name", LOGS)
async def test_a_truncated_log_is_found_by_its_head_or_by_a_checkpoint(filled: World, name: str) -> None:
    known = await head_of(filled.services, name)
    for left in (0, 1, 6):
        async with attacked(filled, name) as attacker:
            for sequence in range(left + 1, ENTRIES + 1):
                await attacker.delete(sequence)
            (found,) = await attacker.faults(filled.services)
            assert found.startswith(f"{name}: entry {left + 1} "), found
            await attacker.head(left, None if left else hash_chain.GENESIS)
            assert await attacker.faults(filled.services) == [], "without a checkpoint no fault is found"
            (found,) = await attacker.faults(filled.services, [known])
        assert found.startswith(f"{name}: entry {left + 1} "), found


@pytest.mark.parametrize("name", LOGS)
async def test_a_truncated_log_that_grew_again_contradicts_the_checkpoint(filled: World, name: str) -> None:
    old = await head_of(filled.services, name)
    async with attacked(filled, name) as attacker:
        for sequence in (ENTRIES - 1, ENTRIES):
            await attacker.delete(sequence)
        await attacker.head(ENTRIES - 2)
        now, keys = START + timedelta(days=1), filled.services.keys
        for number in range(5):
            if name == "consent":
                await hash_chain.append(attacker.connection, keys, hash_chain.CONSENT, [consent(number + 50)])
            else:
                await write_disclosures.append_entries(
                    attacker.connection, keys, [reading(number, sealed=name == "sealed")], now
                )
        assert await attacker.faults(filled.services) == []
        new = replace(old, hash=(await attacker.row(ENTRIES))["hash"])
        for known in ([old], [old, new], [new, old]):
            (found,) = await attacker.faults(filled.services, known)
            assert found.startswith(f"{name}: entry {ENTRIES} does not match a checkpoint"), found


@pytest.mark.parametrize("name", LOGS)
async def test_a_changed_head_is_found(filled: World, name: str) -> None:
    for sequence, digest in (
        (ENTRIES, "0" * 64),
        (ENTRIES + 1, "1" * 64),
        (4, None),
        (4, "1" * 64),
        (0, hash_chain.GENESIS),
    ):
        async with attacked(filled, name) as attacker:
            await attacker.head(sequence, digest)
            assert len(await attacker.faults(filled.services)) == 1, (sequence, digest)
    async with attacked(filled, name) as attacker:
        await attacker.connection.execute(delete(CHAIN_HEADS).where(CHAIN_HEADS.c.name == name))
        assert len(await attacker.faults(filled.services)) == 1


async def test_the_head_of_an_empty_chain_is_verified_too(world: World) -> None:
    async with attacked(world, "sealed") as attacker:
        await attacker.head(0, "1" * 64)
        assert await attacker.faults(world.services) == ["sealed: the head of the chain was changed"]
        await attacker.connection.execute(delete(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "sealed"))
        assert await attacker.faults(world.services) == ["sealed: the head of the chain is missing"]


async def test_a_reading_without_its_first_entry_is_found(filled: World) -> None:
    async with attacked(filled, "disclosure") as attacker:
        await attacker.connection.execute(insert(READINGS), {**await attacker.row(4, READINGS), "sequence": 77})
        found = await attacker.faults(filled.services)
    assert found == ["disclosure: entry 77 is missing from the reading that begins with it"]


async def test_entries_appended_during_verification_are_not_a_fault(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, length = verify_log._pages, verify_log._length

    async def busy_pages(*arguments: Any) -> AsyncIterator[Any]:
        count = 0
        async for page in pages(*arguments):
            yield page
            await fill(filled.services, 2)
            count += 1
            if count == 3:
                return

    async def busy_length(*arguments: Any) -> int:
        await fill(filled.services, 2)
        return await length(*arguments)

    monkeypatch.setattr(verify_log, "_length", busy_length)
    monkeypatch.setattr(verify_log, "_pages", busy_pages)
    assert await faults(filled.services) == []

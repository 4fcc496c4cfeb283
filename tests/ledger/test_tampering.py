"""Whatever is changed, deleted, inserted, reordered or cut off in a log is found, and the first bad entry is named."""

import itertools
import json
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.audit import verify_log
from app.commands.audit.verify_log import Checkpoint, faults
from models.columns import Instant, new_id
from models.database import Database
from models.key_ring import KeyRing
from models.logs import hash_chain
from models.tables import ACCOUNTS, CHAIN_HEADS, CREDENTIALS, DISCLOSURES, PRE_REGISTRATIONS, PROFILES, READINGS
from models.vocabulary import Audience
from permissions.access_ground import Ground
from resolvers.context import Services
from resolvers.ledger import write_disclosures
from tests.serving import COMMAND, consentql, environment, serving
from tests.world import World

ENTRIES = 9
LOGS = {log.name: log for log in hash_chain.LOGS}
START = datetime.fromisoformat("2026-11-20T08:30:00+00:00")
Row = dict[str, Any]


def reading(number: int, *, sealed: bool = False) -> write_disclosures.Entry:
    """One reading of some subject."""
    ground = Ground(f"{number:032x}", 3, f"case T-{number}", visible_at=START if sealed else None)
    subject, holder, token = f"{number % 4:032x}", "a" * 32, "b" * 32
    return write_disclosures.Entry(
        subject, Audience.SUPPORT_CASE, "support agent K7", number % 4, ground, holder, token
    )


def consent(number: int) -> Row:
    """One decision of some subject."""
    return {
        "subject_id": f"{number % 4:032x}",
        "purpose": "SOCIAL",
        "granted": number % 2 == 0,
        "policy_version": "2026-11-01",
        "recorded_at": START + timedelta(minutes=number),
        "source": "settings",
    }


@dataclass
class Attacker:
    """Whoever has the database and not the keys: takes away what refuses changes, and changes."""

    connection: AsyncConnection
    log: hash_chain.Log

    @property
    def tables(self) -> tuple[Table, ...]:
        """Where the log is: its entries, and what they share."""
        return (self.log.table,) if self.log is hash_chain.CONSENT else (self.log.table, READINGS)

    async def disarm(self) -> None:
        """Drops every trigger of the tables."""
        for table in self.tables:
            if self.connection.dialect.name == "sqlite":
                for trigger in ("kept", "whole", "new", "said"):
                    await self.connection.execute(text(f"DROP TRIGGER IF EXISTS {table.name}_{trigger}"))
            else:
                await self.connection.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))

    def at(self, sequence: int, table: Any = None) -> Any:
        """The condition of one entry, or of its reading."""
        columns = (self.log.table if table is None else table).c
        if table is READINGS:
            mine = columns.sequence == select(DISCLOSURES.c.reading).where(self.at(sequence)).scalar_subquery()
        else:
            mine = columns.sequence == sequence
        return mine & (columns.chain == self.log.name) if "chain" in columns else mine

    async def row(self, sequence: int, table: Any = None) -> Row:
        """One entry, or its row in one of the tables."""
        rows = self.log.records if table is None else table
        found = (await self.connection.execute(select(rows).where(self.at(sequence, rows)))).mappings().one()
        return dict(found)

    async def change(self, sequence: int, /, **values: Any) -> None:
        """Overwrites columns of one entry, wherever they are."""
        for table in self.tables:
            mine = {name: value for name, value in values.items() if name in table.c}
            if mine:
                await self.overwrite(table, sequence, mine)
            values = {name: value for name, value in values.items() if name not in mine}

    async def overwrite(self, table: Table, sequence: int, values: Row) -> None:
        """Overwrites columns of an entry's row in one of the tables."""
        await self.connection.execute(update(table).where(self.at(sequence, table)).values(values))

    async def delete(self, sequence: int) -> None:
        """Takes one entry out, and its reading."""
        for table in self.tables[::-1]:
            await self.connection.execute(delete(table).where(self.at(sequence, table)))

    async def insert(self, row: Row) -> None:
        """Puts one entry in; what is unique is made so."""
        own = {name: value for name, value in row.items() if name in self.log.table.c}
        await self.connection.execute(insert(self.log.table), {**own, "id": new_id()})

    async def head(self, sequence: int, digest: str | None = None) -> None:
        """Says that the chain ends there."""
        digest = digest or (await self.row(sequence))["hash"]
        head = update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == self.log.name)
        await self.connection.execute(head.values(sequence=sequence, hash=digest))

    async def swap(self, first: int, second: int) -> None:
        """Puts two entries in each other's place."""
        await self.change(first, sequence=1000)
        await self.change(second, sequence=first)
        await self.move(1000, second)

    async def move(self, sequence: int, to: int) -> None:
        """Gives an entry another number."""
        await self.change(sequence, sequence=to)

    async def found(self, services: Services, known: Sequence[Checkpoint] = ()) -> list[str]:
        """What verifying says of what is there now."""
        return await faults(replace(services, database=Inside(self.connection)), known)


class Inside(Database):
    """A database as one transaction sees it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """The transaction's own connection."""
        yield self.connection


@asynccontextmanager
async def attacked(world: World, name: str) -> AsyncIterator[Attacker]:
    """A log in the attacker's hands, and as it was once the block ends."""
    async with world.services.database.engine.connect() as connection:
        attacker = Attacker(connection, LOGS[name])
        await attacker.disarm()
        yield attacker
        await connection.rollback()


async def fill(services: Services, many: int, batch: int = ENTRIES) -> None:
    """Writes so many entries into each log, as the application does."""
    for first in range(0, many, batch):
        numbers = range(first, min(many, first + batch))
        async with services.database.writing() as connection:
            await hash_chain.append(
                connection, services.keys, hash_chain.CONSENT, [consent(number) for number in numbers]
            )
            for sealed in (False, True):
                some = [reading(number, sealed=sealed) for number in numbers]
                await write_disclosures.append_entries(
                    connection, services.keys, some, START + timedelta(minutes=first)
                )


def other(column: Any, value: Any) -> Any:
    """Another value that the column holds."""
    if isinstance(column.type, Instant):
        return (value or START) + timedelta(microseconds=1)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 4096
    return "x" if value is None else value[:-1] + ("1" if value[-1] == "0" else "0")


async def head_of(services: Services, name: str) -> Checkpoint:
    """Where a chain ends."""
    async with services.database.reading() as connection:
        row = (await connection.execute(select(CHAIN_HEADS).where(CHAIN_HEADS.c.name == name))).one()
    return Checkpoint(name, row.sequence, row.hash)


@pytest.fixture
async def filled(world: World) -> World:
    """A platform with entries in each log."""
    await fill(world.services, ENTRIES)
    return world


async def test_logs_that_nobody_touched_are_whole(world: World) -> None:
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
            told = await attacker.found(filled.services)
        assert told[:1], (column, sequence)
        assert told[0].startswith(f"{name}: entry {sequence} "), (column, told)
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
async def test_a_deleted_entry_is_missed_even_if_the_others_close_up(filled: World, name: str) -> None:
    for sequence, renumbered in itertools.product((1, 4, ENTRIES), (False, True)):
        async with attacked(filled, name) as attacker:
            await attacker.delete(sequence)
            if renumbered:
                for later in range(sequence + 1, ENTRIES + 1):
                    await attacker.move(later, later - 1)
                if sequence < ENTRIES:
                    await attacker.head(ENTRIES - 1)
            (told,) = await attacker.found(filled.services)
        assert told.startswith(f"{name}: entry {sequence} "), told


@pytest.mark.parametrize("name", LOGS)
async def test_an_inserted_entry_is_found_where_it_stands(filled: World, name: str) -> None:
    for sequence, headed in itertools.product((0, 1, 4, ENTRIES, ENTRIES + 1), (False, True)):
        async with attacked(filled, name) as attacker:
            copied = await attacker.row(max(1, min(sequence, ENTRIES)))
            if sequence > 0:
                for later in range(ENTRIES, sequence - 1, -1):
                    await attacker.move(later, later + 1)
            await attacker.insert({**copied, "sequence": sequence})
            if headed:
                await attacker.head(ENTRIES + (sequence > 0))
            (told,) = await attacker.found(filled.services)
        assert told.startswith(f"{name}: entry {max(sequence, 1)} "), told


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_an_entry_under_another_chains_name_is_found(filled: World, name: str) -> None:
    async with attacked(filled, name) as attacker:
        copied = await attacker.row(4)
        await attacker.insert({**copied, "chain": "none of ours", "sequence": 4})
        assert await attacker.found(filled.services) == ["disclosure: entry 4 has an unknown chain name"]
    stranger = "sealed" if name == "disclosure" else "disclosure"
    async with attacked(filled, name) as attacker:
        copied = await attacker.row(ENTRIES)
        await attacker.insert({**copied, "chain": stranger, "sequence": ENTRIES + 1})
        assert (await attacker.found(filled.services))[0].startswith(f"{stranger}: entry {ENTRIES + 1} ")


@pytest.mark.parametrize("name", LOGS)
async def test_two_entries_in_each_others_place_are_found(filled: World, name: str) -> None:
    for first, second in ((1, 2), (4, 7), (ENTRIES - 1, ENTRIES), (1, ENTRIES)):
        async with attacked(filled, name) as attacker:
            await attacker.swap(first, second)
            (told,) = await attacker.found(filled.services)
        assert told.startswith(f"{name}: entry {first} "), told


@pytest.mark.parametrize("name", LOGS)
async def test_an_entry_that_is_hashed_anew_without_the_key_is_found(filled: World, name: str) -> None:
    log, stranger = LOGS[name], KeyRing(("another key that is long enough",))
    async with attacked(filled, name) as attacker:
        previous = (await attacker.row(3))["hash"]
        for sequence in range(4, ENTRIES + 1):
            row = {**await attacker.row(sequence), "subject_id": "e" * 32}
            previous = stranger.tag(log.name, log.encoded(row, previous))
            await attacker.change(sequence, subject_id="e" * 32, hash=previous)
        await attacker.head(ENTRIES)
        (told,) = await attacker.found(filled.services)
    assert told.startswith(f"{name}: entry 4 "), told


@pytest.mark.parametrize("name", LOGS)
async def test_a_tail_that_was_cut_off_is_missed_by_the_head_or_by_a_checkpoint(filled: World, name: str) -> None:
    known = await head_of(filled.services, name)
    for left in (0, 1, 6):
        async with attacked(filled, name) as attacker:
            for sequence in range(left + 1, ENTRIES + 1):
                await attacker.delete(sequence)
            (told,) = await attacker.found(filled.services)
            assert told.startswith(f"{name}: entry {left + 1} "), told
            await attacker.head(left, None if left else hash_chain.GENESIS)
            assert await attacker.found(filled.services) == [], "without a checkpoint nothing is missed"
            (told,) = await attacker.found(filled.services, [known])
        assert told.startswith(f"{name}: entry {left + 1} "), told


@pytest.mark.parametrize("name", LOGS)
async def test_a_tail_that_grew_again_is_not_the_one_of_the_checkpoint(filled: World, name: str) -> None:
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
        assert await attacker.found(filled.services) == []
        new = replace(old, hash=(await attacker.row(ENTRIES))["hash"])
        for known in ([old], [old, new], [new, old]):
            (told,) = await attacker.found(filled.services, known)
            assert told.startswith(f"{name}: entry {ENTRIES} does not match a checkpoint"), told


@pytest.mark.parametrize("name", LOGS)
async def test_a_head_that_was_changed_is_found(filled: World, name: str) -> None:
    for sequence, digest in (
        (ENTRIES, "0" * 64),
        (ENTRIES + 1, "1" * 64),
        (4, None),
        (4, "1" * 64),
        (0, hash_chain.GENESIS),
    ):
        async with attacked(filled, name) as attacker:
            await attacker.head(sequence, digest)
            assert len(await attacker.found(filled.services)) == 1, (sequence, digest)
    async with attacked(filled, name) as attacker:
        await attacker.connection.execute(delete(CHAIN_HEADS).where(CHAIN_HEADS.c.name == name))
        assert len(await attacker.found(filled.services)) == 1


async def test_the_head_of_an_empty_chain_is_followed_too(world: World) -> None:
    async with attacked(world, "sealed") as attacker:
        await attacker.head(0, "1" * 64)
        assert await attacker.found(world.services) == ["sealed: the head of the chain was changed"]
        await attacker.connection.execute(delete(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "sealed"))
        assert await attacker.found(world.services) == ["sealed: the head of the chain is missing"]


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_a_reason_is_the_one_that_was_written_or_none(filled: World, name: str) -> None:
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
            (told,) = await attacker.found(filled.services)
        assert told.startswith(f"{name}: entry {sequence} "), (changed, told)


async def erase(services: Services, *sequences: int) -> None:
    """Erases reasons with their salts, which the database lets nobody else do."""
    gone = update(READINGS).where(READINGS.c.sequence.in_(sequences)).values(reason=None, salt=None)
    async with services.database.writing() as connection:
        await connection.execute(gone)


async def test_a_reason_that_was_erased_with_its_salt_and_its_subject_is_no_fault(filled: World) -> None:
    await erase(filled.services, 1, 4, ENTRIES)
    assert await faults(filled.services) == []


@pytest.mark.parametrize("name", ["disclosure", "sealed"])
async def test_a_reason_that_was_erased_is_missed_while_any_of_its_subjects_has_an_account(
    filled: World, name: str
) -> None:
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
        told = f"{name}: the reason of entry {first + place} was changed"
        assert await faults(services) == [told]
        async with services.database.writing() as connection:
            for table in (PROFILES, PRE_REGISTRATIONS, CREDENTIALS):
                await connection.execute(delete(table).where(table.c.subject_id == id))
            await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == id))
    assert await faults(services) == []


async def test_a_reading_without_its_first_entry_is_found(filled: World) -> None:
    async with attacked(filled, "disclosure") as attacker:
        await attacker.connection.execute(insert(READINGS), {**await attacker.row(4, READINGS), "sequence": 77})
        told = await attacker.found(filled.services)
    assert told == ["disclosure: entry 77 is missing from the reading that begins with it"]


@pytest.mark.parametrize("name", LOGS)
async def test_a_value_that_no_column_holds_is_the_fault_of_its_entry(filled: World, backend: str, name: str) -> None:
    instant = "recorded_at" if name == "consent" else "at"
    value = text("'no time'") if backend == "sqlite" else text("'infinity'::timestamptz")
    async with attacked(filled, name) as attacker:
        await attacker.change(6, **{instant: value})
        (told,) = await attacker.found(filled.services)
    assert told.startswith(f"{name}: entry 6 "), told


SPELLINGS = (
    "2026-11-20 08:30:00",
    "2026-11-20 08:30",
    "2026-11-20T08:30:00.000000",
    "2026-11-20 08:30:00.000000 ",
    "2026-11-20 08:30:00.000000 or so",
)


@pytest.mark.parametrize("name", LOGS)
async def test_an_instant_in_another_form_of_text_is_the_fault_of_its_entry(world: World, name: str) -> None:
    await fill(world.services, ENTRIES)
    columns = {"consent": ["recorded_at"], "disclosure": ["at"], "sealed": ["at", "visible_at"]}[name]
    for column, spelling in itertools.product(columns, SPELLINGS if world.services.database.is_sqlite else ()):
        async with attacked(world, name) as attacker:
            await attacker.change(1, **{column: text(f"'{spelling}'")})
            assert await attacker.found(world.services) == [f"{name}: entry 1 was changed"], spelling


async def test_a_grant_that_is_neither_one_nor_nought_is_the_fault_of_its_entry(filled: World) -> None:
    for number in ("2", "-1", "'true'") if filled.services.database.is_sqlite else ():
        async with attacked(filled, "consent") as attacker:
            assert (await attacker.row(3))["granted"]
            await attacker.change(3, granted=text(number))
            assert await attacker.found(filled.services) == ["consent: entry 3 was changed"], number


async def test_entries_that_are_appended_meanwhile_are_no_fault(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
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


def told(result: "subprocess.CompletedProcess[str]") -> tuple[int, str]:
    """How a command ended, and the last that it said."""
    return result.returncode, result.stderr.strip().splitlines()[-1]


async def test_the_command_names_the_first_bad_entry_and_fails(filled: World, tmp_path: Path) -> None:
    url = filled.services.database.url
    whole = "The consent history and the disclosure ledger are intact."
    assert told(consentql(url, "verify-log", cwd=tmp_path)) == (0, whole)
    async with filled.services.database.writing() as connection:
        for name, sequence in (("consent", 4), ("disclosure", 2)):
            attacker = Attacker(connection, LOGS[name])
            await attacker.disarm()
            await attacker.change(sequence, subject_id="e" * 32)
    result = consentql(url, "verify-log", cwd=tmp_path)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if "entry" in line] == [
        "consent: entry 4 was changed",
        "disclosure: entry 2 was changed",
    ]


async def test_what_the_server_logs_every_minute_is_what_a_checkpoint_file_is(filled: World, tmp_path: Path) -> None:
    url = filled.services.database.url
    with serving(url, tmp_path) as server:
        log = server.log
    lines = [json.loads(line) for line in log.read_text().splitlines() if "consentql.checkpoint" in line]
    heads = [await head_of(filled.services, name) for name in sorted(LOGS)]
    assert [Checkpoint(line["chain"], line["sequence"], line["hash"]) for line in lines[:3]] == heads
    assert all(line["time"] for line in lines)
    assert consentql(url, "verify-log", "--checkpoint", str(log), cwd=tmp_path).returncode == 0
    async with filled.services.database.writing() as connection:
        attacker = Attacker(connection, hash_chain.DISCLOSURE)
        await attacker.disarm()
        await attacker.delete(ENTRIES)
        await attacker.head(ENTRIES - 1)
    assert consentql(url, "verify-log", cwd=tmp_path).returncode == 0
    found = told(consentql(url, "verify-log", "--checkpoint", str(log), cwd=tmp_path))
    assert found == (1, f"disclosure: entry {ENTRIES} is missing, and with it the end of the chain")


async def test_a_file_without_checkpoints_is_no_reassurance(filled: World, tmp_path: Path) -> None:
    file = tmp_path / "other.log"
    file.write_bytes(b'{"message": "ready"}\n[1]\n\xff\xfe\n{"chain": "consent"}\n')
    result = consentql(filled.services.database.url, "verify-log", "--checkpoint", str(file), cwd=tmp_path)
    assert told(result) == (2, "The file contains no checkpoint.")


async def test_verifying_ten_times_as_much_takes_no_more_memory(world: World, tmp_path: Path) -> None:
    peaks = []
    for many in (5_000, 45_000):
        await fill(world.services, many, 1_000)
        peaks.append(_peak_of_verifying(world.services.database.url, tmp_path))
    assert peaks[1] < 1.05 * peaks[0], peaks


def _peak_of_verifying(url: str, cwd: Path) -> int:
    command, quiet = [*COMMAND, "verify-log"], subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment(url), cwd=cwd, stdout=quiet, stderr=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss

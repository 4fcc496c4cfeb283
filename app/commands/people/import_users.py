"""Imports existing users from JSON lines, in batches. It can be repeated: users with accounts are skipped."""

import codecs
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

import typer

from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from app.http import strict_json
from models.logs import hash_chain
from models.vocabulary import ConsentSource
from resolvers.context import Services
from resolvers.imports.parse_line import parse_person
from resolvers.subjects.new_person import NewPerson
from resolvers.subjects.store_people import PeopleStore
from resolvers.validation.free_text import InvalidValue

BATCH: Final = 1000
MAX_LINE_BYTES: Final = 256 * 1024


@dataclass(slots=True)
class ImportCounts:
    """The numbers of imported, present and rejected lines."""

    imported: int = 0
    present: int = 0
    rejected: int = 0


def import_users(file: Path, *, as_json: bool) -> int:
    """Returns the exit status: 1 if any line was rejected."""

    size = file.stat().st_size

    async def act(services: Services) -> ImportCounts:
        tally = ImportCounts()
        with progress("import", size) as advance:
            batch: list[NewPerson] = []
            read = 0
            for number, line, length in _lines(lines):
                read += length
                advance(read)
                if (one := _parse_person(number, line, services, tally)) is not None:
                    batch.append(one)
                if len(batch) >= BATCH:
                    await _store(services, batch, tally)
                    batch = []
            await _store(services, batch, tally)
        return tally

    with file.open("rb") as lines:
        tally = run(act, creating=True)
    if as_json:
        print_json(asdict(tally))
    typer.echo(f"{tally.imported} imported, {tally.present} already present, {tally.rejected} rejected", err=True)
    return 1 if tally.rejected else 0


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None, int]]:
    """Each line that is not blank, with its number and length. A line that is too long is None."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number, length = number + 1, len(line)
        if length == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                length += len(rest)
            yield number, None, length + len(rest)
        elif text := line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").strip():
            yield number, text, length


def _parse_person(number: int, line: bytes | None, services: Services, tally: ImportCounts) -> NewPerson | None:
    try:
        if line is None:
            raise InvalidValue("line", f"is longer than {MAX_LINE_BYTES} bytes")
        return parse_person(_parse_json(line), services.now())
    except InvalidValue as problem:
        tally.rejected += 1
        typer.echo(f"line {number}: {problem.field}: {problem.reason}", err=True)
        return None


def _parse_json(line: bytes) -> object:
    try:
        return strict_json.parse(line)
    except ValueError:
        raise InvalidValue("line", "is not JSON") from None


async def _store(services: Services, people: list[NewPerson], tally: ImportCounts) -> None:
    """Stores a batch in one transaction, so that the command can be stopped and repeated."""
    store = PeopleStore(services.keys, services.geolocation, services.now(), ConsentSource.IMPORT)
    async with services.database.reading() as connection:
        expected = await store.without_accounts(connection, people)
    _hash(services, expected)
    async with services.database.writing() as connection:
        await hash_chain.lock_end(
            connection, hash_chain.CONSENT
        )  # serializes concurrent imports, so that each sees the people of the other
        new = await store.without_accounts(connection, expected)
        await store.store(connection, new)
    tally.imported += len(new)
    tally.present += len(people) - len(new)


def _hash(services: Services, people: list[NewPerson]) -> None:
    """Hashes the plain-text passwords, on every core."""
    clear = [each for each in people if each.password is not None]
    if not clear:
        return
    with ThreadPoolExecutor() as pool:
        for each, stored in zip(clear, pool.map(services.hashing.hash, [str(p.password) for p in clear]), strict=True):
            each.password, each.password_hash = None, stored

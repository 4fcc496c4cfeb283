"""Erases what is due, in the database, in its files and in the folder of letters; or counts it."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from sqlalchemy import select

from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from app.mail.transport import is_server
from app.operations.erasure_register import ErasureRegister
from app.operations.secure_deletion import overwrite_deleted
from app.settings import DEVELOPMENT_MAIL, Settings, load
from models.database import Database, file_of
from models.tables import OUTBOX
from resolvers.context import Services
from resolvers.erasure.retention_run import BATCH, RetentionRun

LETTER: Final = re.compile(r"([0-9a-f]{32})\.eml|\.([0-9a-f]{32})-[0-9a-f]{8}")
"""A file that the outbox wrote, or had begun to write."""

REGISTER: Final = Path("var/erasures")


@dataclass(frozen=True, slots=True)
class ErasurePlaces:
    """What is outside the database: the register of who was erased, and the folder of letters if there is one."""

    register: ErasureRegister
    letters: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "ErasurePlaces":
        """Where these settings say; the register is beside the database unless they name it."""
        folder = settings.mail_url or DEVELOPMENT_MAIL
        path = settings.erasure_register or _default_register(settings.database_url)
        return cls(ErasureRegister(path), None if is_server(folder) else Path(folder))


def _default_register(database_url: str) -> Path:
    file = file_of(database_url)
    return file.with_suffix(".erasures") if file else REGISTER


def retention(*, dry_run: bool, as_json: bool) -> int:
    """The exit status: 0 where all that was due is gone, 1 where bytes of it may remain in files."""
    places = ErasurePlaces.of(load())

    async def act(services: Services) -> tuple[Counter[str], list[str]]:
        if dry_run:
            return await RetentionRun(services, places.register).due(), []
        return await erase(services, places)

    counts, undone = run(act)
    if as_json:
        print_json(counts)
    else:
        typer.echo("\n".join(f"{kind}: {many}" for kind, many in counts.items()))
    for each in undone:
        typer.echo(each, err=True)
    return 1 if undone else 0


async def erase(services: Services, places: ErasurePlaces) -> tuple[Counter[str], list[str]]:
    """What went, and what of its bytes could not be seen to."""
    work = RetentionRun(services, places.register)
    with progress("retention", (await work.due()).total()) as work.advance:
        counts = await work.act()
    if places.letters is not None:
        await _delete_letters(services.database, places.letters)
    return counts, await overwrite_deleted(services.database)


async def _delete_letters(database: Database, folder: Path) -> None:
    """A letter's file goes once its row has: with its reader, or because its time is over."""
    files = [(found[1] or found[2], path) for path in _files(folder) if (found := LETTER.fullmatch(path.name))]
    for start in range(0, len(files), BATCH):
        some = files[start : start + BATCH]
        known = select(OUTBOX.c.id).where(OUTBOX.c.id.in_([id for id, _ in some]))
        async with database.reading() as connection:
            there = set((await connection.execute(known)).scalars())
        for id, path in some:
            if id not in there:
                path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []

"""Erases the rows that are due from the database, its files and the folder of e-mails, or counts them."""

import logging
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
from app.operations.last_success import record_success
from app.operations.secure_deletion import overwrite_deleted
from app.settings import DEVELOPMENT_MAIL, Settings, load
from models.connections.sqlite import file_of
from models.database import Database
from models.records.last_success import Task
from models.tables import OUTBOX
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import Erased
from permissions.retention_periods import RecordKind
from resolvers.clock.steady_clock import SteadyClock
from resolvers.context import Services
from resolvers.erasure.retention_run import BATCH, RetentionRun
from resolvers.erasure.safeguards import Refusal, Safeguards, note_begin, note_refusal

log = logging.getLogger("consentql.retention")

LETTER: Final = re.compile(r"([0-9a-f]{32})\.eml|\.([0-9a-f]{32})-[0-9a-f]{8}")
"""The name of a complete or incomplete file of the outbox."""

REGISTER: Final = Path("var/erasures")

REFUSED_STATUS: Final = 3
RETENTION_REFUSED: Final = "retention_refused"
"""The message of the log line about a refused run. Alerts look for it."""


@dataclass(frozen=True, slots=True)
class ErasurePlaces:
    """The places outside the database: the register of erased subjects, and the folder of e-mails if there is one."""

    register: ErasureRegister
    letters: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "ErasurePlaces":
        """The places that the settings name. By default the register is next to the database."""
        folder = settings.mail_url or DEVELOPMENT_MAIL
        path = settings.erasure_register or _default_register(settings.database_url)
        return cls(ErasureRegister(path), None if is_server(folder) else Path(folder))


def _default_register(database_url: str) -> Path:
    file = file_of(database_url)
    return file.with_suffix(".erasures") if file else REGISTER


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run counted or erased, the files where bytes may remain, and why it was refused."""

    counts: Counter[str]
    undone: list[str]
    refusal: Refusal | None = None

    @property
    def exit_status(self) -> int:
        """3: refused. 1: bytes of erased rows may remain in files. 0: done."""
        return REFUSED_STATUS if self.refusal else 1 if self.undone else 0


def retention(*, dry_run: bool, accept_clock: bool, accept: bool, as_json: bool) -> int:
    """Returns the exit status: 0 if all due rows were erased, 1 if bytes of them may remain in files, 3 if refused."""
    settings = load()
    places = ErasurePlaces.of(settings)
    safeguards = Safeguards(settings.erasure_share, clock_accepted=accept_clock, share_accepted=accept)

    async def act(services: Services) -> Outcome:
        if accept_clock:
            services.now = SteadyClock()  # an operator vouches for the host's clock, also if it was set back
        if dry_run:
            refusal = await safeguards.refusal(services, places.register.ids())
            return Outcome(await RetentionRun(services, places.register).due(), [], refusal)
        return await erase_guarded(services, places, safeguards)

    outcome = run(act)
    _print(outcome, as_json=as_json)
    return outcome.exit_status


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        refusal = outcome.refusal
        refused = {"refused": {"reason": refusal.reason, "waiting": refusal.waiting}} if refusal else {}
        print_json({**outcome.counts, **refused})
    elif outcome.counts:
        typer.echo("\n".join(f"{kind}: {many}" for kind, many in outcome.counts.items()))
    for each in (*([outcome.refusal.sentence] if outcome.refusal else ()), *outcome.undone):
        typer.echo(each, err=True)


async def erase_guarded(services: Services, places: ErasurePlaces, safeguards: Safeguards) -> Outcome:
    """Erases the due rows, unless the safeguards refuse. A refusal is logged, and marked until a run begins."""
    if refusal := await safeguards.refusal(services, places.register.ids()):
        log.error(RETENTION_REFUSED, extra={"kind": refusal.reason.value, "waiting": refusal.waiting})
        await note_refusal(services, refusal)
        return Outcome(Counter(), [], refusal)
    await note_begin(services, clock_accepted=safeguards.clock_accepted)
    outcome = Outcome(*await erase(services, places))
    if not outcome.undone:
        await record_success(services, Task.RETENTION)
    return outcome


async def erase(services: Services, places: ErasurePlaces) -> tuple[Counter[str], list[str]]:
    """Erases the due rows. Returns their numbers by kind, and a sentence for each file where bytes may remain."""
    work = RetentionRun(services, places.register)
    try:
        with progress("retention", (await work.due()).total()) as work.advance:
            counts = await work.delete_due()
    finally:  # what an earlier batch erased stays erased
        _record_erasures(work.counts)
    if places.letters is not None:
        await _delete_letters(services.database, places.letters)
    return counts, await overwrite_deleted(services.database)


def _record_erasures(counts: Counter[str]) -> None:
    """Records how many records of each kind were erased."""
    for kind, many in counts.items():
        if many:
            record(EventKind.DATA_ERASED, data=Erased(kind) if kind in set(Erased) else RecordKind(kind), count=many)


async def _delete_letters(database: Database, folder: Path) -> None:
    """Deletes the files of e-mails whose row was deleted."""
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

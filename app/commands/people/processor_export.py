"""Exports a processor's fields of every subject it may read, with the checks and ledger entries of its view."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, Final

import typer
from sqlalchemy import func, select

from app.commands.console.output_file import output
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from models.database import Database
from models.tables import ACCOUNTS
from models.vocabulary import Audience, Processor
from permissions.decision import possible_bits
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import Exported
from permissions.subject import Subject
from resolvers.context import Services
from resolvers.processors.views import MOST_IDS, ViewRequest

REASON: Final = "export by the operator"
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""The characters that begin a formula in a spreadsheet."""


def escape_formula(value: str | None) -> str:
    """Escapes a value that a spreadsheet would run as a formula."""
    return f"'{value}" if value and value.startswith(FORMULA_STARTS) else value or ""


def _csv_line(*cells: str | None) -> str:
    text = io.StringIO()
    # csv quotes a carriage return in a cell only if it is also part of the line terminator
    csv.writer(text, lineterminator="\r\n").writerow([escape_formula(cell) for cell in cells])
    return text.getvalue().removesuffix("\r\n") + "\n"


def _mailchimp(row: Subject) -> str:
    return _csv_line(row.values["email"], row.id)


def _mandrill(row: Subject) -> str:
    return _csv_line(row.values["email"], row.values["first_name"], row.values["last_name"], row.id)


def _intercom(row: Subject) -> str:
    contact = {"external_id": row.id, "email": row.values["email"], "name": row.values["first_name"]}
    return json.dumps({key: value for key, value in contact.items() if value is not None}, ensure_ascii=False) + "\n"


def _google_analytics(row: Subject) -> str:
    return json.dumps({"user_id": row.id, "ip_address": row.values["ip_address"]}) + "\n"


FORMATS: Final[dict[Processor, tuple[str, Callable[[Subject], str]]]] = {
    Processor.MAILCHIMP: ("EMAIL,USERID\n", _mailchimp),
    Processor.MANDRILL: ("EMAIL,FNAME,LNAME,USERID\n", _mandrill),
    Processor.INTERCOM: ("", _intercom),
    Processor.GOOGLE_ANALYTICS: ("", _google_analytics),
}


def processor_export(processor: Processor, out: Path | None) -> None:
    """Writes each batch after its ledger entries were committed."""

    async def act(services: Services) -> int:
        with output(out) as target:
            return await _write(services, processor, target)

    written = run(act)
    typer.echo(f"{written} subjects", err=True)


async def _write(services: Services, processor: Processor, target: BinaryIO) -> int:
    head, shape = FORMATS[processor]
    target.write(head.encode())
    total, seen, written = await _count_people(services.database), 0, 0
    with progress("processor-export", total) as advance:
        async for ids in _batches(services.database):
            async with services.database.writing() as connection:
                opening = ViewRequest(services, processor, REASON)
                view = await opening.open(connection, ids, possible_bits([Audience(processor)]))
            target.writelines(shape(row).encode() for row in view.rows)
            seen, written = seen + len(ids), written + len(view.rows)
            advance(seen)
    record(EventKind.DATA_EXPORTED, processor=processor, data=Exported.PROCESSOR_FIELDS, count=written)
    return written


async def _count_people(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(ACCOUNTS))).scalar_one())


async def _batches(database: Database) -> AsyncIterator[list[str]]:
    last = ""
    while True:
        async with database.reading() as connection:
            after = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id > last).order_by(ACCOUNTS.c.id).limit(MOST_IDS)
            ids = list((await connection.execute(after)).scalars())
        if not ids:
            return
        yield ids
        last = ids[-1]

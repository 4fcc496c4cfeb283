"""Lists what a leaked token disclosed: subject ids and fields from the ledger, no values (GDPR Art. 33, 34)."""

import getpass
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import typer
from sqlalchemy import or_, select

from app.commands.console.command_error import CommandError
from app.commands.console.process import run
from models.columns import rfc3339
from models.database import Database
from models.logs.ledger import LEDGER
from models.tables import ACCESS_TOKENS
from models.tokens.token_format import digest_of, kind_of
from models.vocabulary import Role, fields_of
from resolvers.context import Services

MAX_TOKEN_LENGTH: Final = 4096
MEMBER_NOTE: Final = (
    "This is the session of a member. It gives access to all data of its holder, and to what members see of others in "
    "the directory. The ledger does not record what members read."
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One subject in one answer of the API."""

    subject_id: str
    at: datetime
    audience: str
    fields: tuple[str, ...]


def breach(since: str, until: str, *, as_json: bool) -> None:
    """Prints a line for each subject and answer, grouped by subject."""
    first, end = _instant("--from", since), _instant("--to", until)
    if not first < end:
        raise CommandError("--to must be after --from.")
    token = _read_token()

    async def act(services: Services) -> None:
        known = await _find_token(services.database, token)
        readings = _readings(services.database, known.id, first, end)
        await (_print_json if as_json else _print_text)(known, readings)

    run(act)


def _instant(option: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise CommandError(f"{option} must be a time with its offset, such as 2026-11-02T08:00:00Z.")
    return instant


def _read_token() -> str:
    """Reads the token from standard input, because arguments are visible in the shell history and the process list."""
    text = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline(MAX_TOKEN_LENGTH)
    if kind_of(text.strip()) is None:
        raise CommandError("Standard input does not contain a ConsentQL token.")
    return text.strip()


async def _find_token(database: Database, token: str) -> Any:
    """The row of the token, by its current or previous secret."""
    digest = digest_of(token)
    match = or_(ACCESS_TOKENS.c.digest == digest, ACCESS_TOKENS.c.previous_digest == digest)
    async with database.reading() as connection:
        row = (await connection.execute(select(ACCESS_TOKENS).where(match))).one_or_none()
    if row is None:
        raise CommandError("This token is unknown: it was never issued, has been replaced, or is no longer stored.")
    return row


async def _readings(database: Database, token_id: str, since: datetime, until: datetime) -> AsyncIterator[Reading]:
    """The ledger entries of a token, by subject and time, streamed in one scan."""
    entries = (
        select(LEDGER.c.subject_id, LEDGER.c.at, LEDGER.c.audience, LEDGER.c.fields)
        .where(LEDGER.c.token_id == token_id, LEDGER.c.at >= since, LEDGER.c.at < until)
        .order_by(LEDGER.c.subject_id, LEDGER.c.at, LEDGER.c.sequence)
    )
    async with database.snapshot() as connection, connection.stream(entries) as rows:
        async for row in rows:
            yield Reading(row.subject_id, row.at, row.audience, fields_of(row.fields))


def _token_document(token: Any) -> dict[str, Any]:
    return {
        "role": token.role,
        "holder": token.holder_id,
        "processor": token.processor,
        "created_at": rfc3339(token.created_at),
        "expires_at": rfc3339(token.expires_at),
        "revoked_at": rfc3339(token.revoked_at) if token.revoked_at else None,
        "note": MEMBER_NOTE if token.role == Role.MEMBER else None,
    }


async def _print_text(token: Any, readings: AsyncIterator[Reading]) -> None:
    document = _token_document(token)
    whose = f"of {document['holder'] or document['processor']}"
    until = f"revoked {document['revoked_at']}" if document["revoked_at"] else f"expires {document['expires_at']}"
    typer.echo(f"{document['role']} token {whose}, created {document['created_at']}, {until}")
    if document["note"]:
        typer.echo(document["note"])
    subjects, entries, last = 0, 0, None
    async for each in readings:
        if each.subject_id != last:
            typer.echo(each.subject_id)
        subjects, entries, last = subjects + (each.subject_id != last), entries + 1, each.subject_id
        typer.echo(f"  {rfc3339(each.at)}  {each.audience}  {', '.join(each.fields) or '-'}")
    typer.echo(f"{subjects} subjects, {entries} readings")


async def _print_json(token: Any, readings: AsyncIterator[Reading]) -> None:
    """Prints one JSON document while the entries are read."""
    typer.echo(f'{{"token": {json.dumps(_token_document(token))}, "readings": [', nl=False)
    subjects, entries, last = 0, 0, None
    async for each in readings:
        line = {"subject": each.subject_id, "at": rfc3339(each.at), "audience": each.audience, "fields": each.fields}
        typer.echo(("," if entries else "") + "\n" + json.dumps(line), nl=False)
        subjects, entries, last = subjects + (each.subject_id != last), entries + 1, each.subject_id
    typer.echo(f'\n], "subjects": {subjects}, "entries": {entries}}}')

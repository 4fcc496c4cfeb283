"""Exports everything held on one person as one JSON document, in parts (GDPR Art. 15 and 20)."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import rfc3339
from models.database import Database
from permissions import version_numbers
from permissions.errors import authenticator_required, export_too_large
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import Exported
from permissions.policy import PROCESSORS
from permissions.processing_record import COMPLAINT, RIGHTS, TRANSFERS
from resolvers.caller_database import CallerDatabase
from resolvers.consent.objections import processor_states
from resolvers.consent.state import consent_states
from resolvers.context import Context, Services
from resolvers.export.access_records import ACCESS_SECTIONS
from resolvers.export.legal_hold_records import LEGAL_HOLD_SECTIONS
from resolvers.export.personal_records import PERSONAL_SECTIONS
from resolvers.export.section import ExportSection, json_value
from resolvers.imports.write_line import write_import_line
from resolvers.validation.free_text import camel_case

FORMAT: Final = "consentql-export"
VERSION: Final = 1
BATCH: Final = 500
MOST_BYTES: Final = 10_000_000
"""The largest document in an API answer. The command line has no limit."""

SECTIONS: Final = (*PERSONAL_SECTIONS, *LEGAL_HOLD_SECTIONS, *ACCESS_SECTIONS)


async def export_my_data(info: Info[Context, None]) -> Any:
    """The export of the caller. Reading stops as soon as the document is too large for an answer."""
    context = info.context
    if context.caller.used_recovery_code:
        raise authenticator_required()
    parts, size = [], 0
    async with aclosing(write_document(context.services, context.database, str(context.caller.subject_id))) as document:
        async for part in document:
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise export_too_large()
    record(EventKind.DATA_EXPORTED, subject=context.caller.subject_id, data=Exported.OWN)
    return orjson.loads(b"".join(parts))


async def write_document(
    services: Services, database: Database | CallerDatabase, subject_id: str
) -> AsyncGenerator[bytes, None]:
    """Yields the document in small parts, from one snapshot of the database. Close the generator when done."""
    now = services.now()
    async with database.snapshot() as connection:
        yield b"{" + _json_members(_head(services, now)) + b',\n"records": {'
        for place, section in enumerate(SECTIONS):
            head = _json_members(section.head(services.retention))
            yield b'%b\n%b: {%b, "items": [' % (b"," if place else b"", _json(section.name), head)
            async for part in _items(services, connection, section, subject_id, now):
                yield part
            yield b"]}"
        yield b"},\n" + _json_members(await _tail(services, connection, subject_id)) + b"}\n"


def _head(services: Services, now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "exportedAt": rfc3339(now),
        "policyVersion": version_numbers.current_version().name,
        "controller": _as_json_object(services.controller),
        "complaint": COMPLAINT,
        "rights": RIGHTS,
        "transfers": TRANSFERS,
    }


async def _items(
    services: Services, connection: AsyncConnection, section: ExportSection, subject_id: str, now: datetime
) -> AsyncIterator[bytes]:
    separator = b"\n"
    async with connection.stream(section.query(subject_id, now)) as rows:
        async for batch in rows.partitions(BATCH):
            yield separator + b",\n".join(_json(section.item(row, services.keys, now)) for row in batch)
            separator = b",\n"


async def _tail(services: Services, connection: AsyncConnection, subject_id: str) -> dict[str, Any]:
    _, standing = await consent_states(connection, subject_id, services.retention)
    processors = await processor_states(connection, subject_id)
    return {
        "standing": [_as_json_object(state) for state in standing],
        "processors": [{**_as_json_object(state), "text": PROCESSORS[state.processor]} for state in processors],
        "import": await write_import_line(connection, subject_id),
    }


def _as_json_object(thing: Any) -> dict[str, Any]:
    return {camel_case(each.name): json_value(getattr(thing, each.name)) for each in fields(thing)}


def _json_members(values: dict[str, Any]) -> bytes:
    return b",\n".join(b"%b: %b" % (_json(name), _json(value)) for name, value in values.items())


def _json(value: Any) -> bytes:
    return orjson.dumps(value)

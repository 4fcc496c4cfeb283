"""Exports all data of one person for a written request, and records that in the ledger."""

from contextlib import aclosing
from pathlib import Path
from typing import Final

from app.commands.console.output_file import output
from app.commands.console.process import find_person, run
from models.columns import new_id
from models.vocabulary import EVERY_FIELD, Audience
from permissions.access_ground import Ground
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import Exported
from resolvers.context import Services
from resolvers.export.document import write_document
from resolvers.ledger import write_disclosures

RECIPIENT: Final = "operator's shell, for the subject"
REASON: Final = "export on a written request"


def export(email: str, out: Path | None) -> None:
    """Writes the document after its ledger entry was committed. The document contains the entry."""

    async def act(services: Services) -> None:
        subject_id = await _record_disclosure(services, email)
        with output(out) as target:
            async with aclosing(write_document(services, services.database, subject_id)) as parts:
                async for part in parts:
                    target.write(part)

    run(act)


async def _record_disclosure(services: Services, email: str) -> str:
    async with services.database.writing() as connection:
        subject_id = await find_person(connection, email)
        ground = Ground(new_id(), EVERY_FIELD, REASON)
        entry = write_disclosures.Entry(subject_id, Audience.SELF, RECIPIENT, EVERY_FIELD, ground)
        await write_disclosures.append_entries(connection, services.keys, [entry], services.now())
        record(EventKind.DATA_EXPORTED, subject=subject_id, data=Exported.WRITTEN_REQUEST)
    return subject_id

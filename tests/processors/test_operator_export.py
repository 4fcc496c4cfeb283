"""The operator exports what a view shows, and the ledger records it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from models.logs.ledger import LEDGER
from models.tables import CHAIN_HEADS
from tests.expectation import PROCESSORS
from tests.processors.parties import COLUMNS, GRANT, NAMES, OBJECT, WITHDRAW, Parties, bits
from tests.processors.people import PEOPLE
from tests.serving import consentql
from tests.world import line

TRICKY = {
    "=1+1": "+1",
    "-1": "@here",
    'Al"ice, the first': "O'Neil",
    "Two\nlines": "a\r=HYPERLINK(1)",
    "Żółć": "李",
}


def parsed(processor: str, text: str) -> list[dict[str, Any]]:
    """Parses an export as its importer does, with the names of the view."""
    if processor in ("INTERCOM", "GOOGLE_ANALYTICS"):
        names = {"external_id": "userId", "name": "firstName", "email": "email"}
        names |= {"user_id": "userId", "ip_address": "ipAddress"}
        return [{names[key]: value for key, value in json.loads(each).items()} for each in text.splitlines()]
    head = {"MAILCHIMP": "EMAIL,USERID", "MANDRILL": "EMAIL,FNAME,LNAME,USERID"}[processor]
    assert text.startswith(f"{head}\n")
    names = {"EMAIL": "email", "USERID": "userId", "FNAME": "firstName", "LNAME": "lastName"}
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(None not in row for row in rows), "no row has more cells than the header"
    return [{names[key]: value for key, value in row.items()} for row in rows]


def exported_row(processor: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of the view as the export must write it."""
    if processor in ("INTERCOM", "GOOGLE_ANALYTICS"):
        return {key: value for key, value in row.items() if value is not None}
    spelt = {key: value or "" for key, value in row.items()}
    return {key: f"'{value}" if value[:1] in ("=", "+", "-", "@") else value for key, value in spelt.items()}


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_export_equals_a_view_and_is_recorded_in_the_ledger(
    parties: Parties, processor: str, tmp_path: Path
) -> None:
    world, url = parties.world, parties.world.services.database.url
    people = [
        line(f"+t{place}@example.org", profile={"firstName": first, "lastName": last})
        for place, (first, last) in enumerate(TRICKY.items())
    ]
    people += [person.import_line() for person in PEOPLE if not person.hidden and not person.objected]
    ids = [parties.subject, *await world.store_people(*people)]
    objected, token = await world.member("objected@example.org")
    await parties.as_subject(OBJECT, processor, token)
    owed, token = await world.member("owed@example.org")
    await parties.rows(processor, owed)
    await parties.as_subject(WITHDRAW, token=token)
    await parties.as_subject(GRANT, token=token)
    file = tmp_path / "export"
    done = consentql(url, "processor-export", processor, "--out", str(file), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert file.stat().st_mode & 0o077 == 0, "only the operator can read the file"
    exported = parsed(processor, file.read_bytes().decode())
    async with world.services.database.reading() as connection:
        told = select(LEDGER).where(LEDGER.c.reason == "export by the operator")
        entries = (await connection.execute(told)).all()
    shown = {row["userId"]: row for row in await parties.rows(processor, *ids, objected, owed)}
    assert {row["userId"]: row for row in exported} == {id: exported_row(processor, row) for id, row in shown.items()}
    assert not {objected, owed} & set(shown)
    assert f"{len(shown)} subjects" in done.stderr
    assert {entry.subject_id for entry in entries} == set(shown)
    assert len(entries) == len(shown)
    assert {(entry.audience, entry.recipient, entry.token_id) for entry in entries} == {
        (processor, NAMES[processor], None)
    }
    (mine,) = (entry.fields for entry in entries if entry.subject_id == parties.subject)
    assert mine == bits(*COLUMNS[processor])
    printed = consentql(url, "processor-export", processor, cwd=tmp_path)
    assert printed.stdout.splitlines() == file.read_text().splitlines(), "without a file it writes to standard output"
    assert (await parties.state(processor))["fields"] == list(COLUMNS[processor])


@pytest.mark.parametrize("processor", PROCESSORS)
async def test_an_export_that_cannot_be_recorded_fails_without_data(
    parties: Parties, processor: str, tmp_path: Path
) -> None:
    async with parties.world.services.database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "disclosure").values(name="gone"))
    done = consentql(parties.world.services.database.url, "processor-export", processor, cwd=tmp_path)
    assert done.returncode != 0
    assert parties.subject not in done.stdout + done.stderr
    assert "subject@example.org" not in done.stdout + done.stderr
    assert "90.190.1.7" not in done.stdout + done.stderr

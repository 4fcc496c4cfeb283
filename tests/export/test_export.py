"""An export contains all data about its subject, no other person and no secret, and can be imported elsewhere."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, insert, select, update

from app.commands.console.output_file import output
from models.columns import rfc3339
from models.database import Database
from models.logs.ledger import LEDGER
from models.tables import (
    ACCESS_TOKENS,
    ACCOUNTS,
    CHAIN_HEADS,
    METADATA,
    PROFILES,
)
from models.vocabulary import EVERY_FIELD, Audience, Processor, Role
from permissions.access_ground import Ground
from permissions.policy import POLICY
from permissions.retention_periods import RETENTION, RecordKind
from resolvers.export import document as export
from resolvers.export.document import SECTIONS
from resolvers.export.personal_records import TABLES_WITHOUT_SUBJECTS
from resolvers.export.section import ExportSection, unaccounted_columns
from resolvers.ledger import write_disclosures
from resolvers.ledger.pseudonyms import pseudonym
from tests.retention import DAY, RetentionHarness
from tests.serving import consentql, environment
from tests.staff.compliance_office import ComplianceOffice
from tests.statements import recorded_statements
from tests.world import EVERY_FIELD as FIELDS
from tests.world import FORM, PROFILE, World, codes, world_of

EXPORT = "mutation { exportMyData }"
BOTH = ("SOCIAL", "EXPANSION")


async def exported(world: World, token: str) -> Any:
    """The export of the caller."""
    return (await world.data(EXPORT, token))["exportMyData"]


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its time."""
    return {key: value for key, value in document.items() if key != "exportedAt"}


def items(document: dict[str, Any], kind: str) -> list[Any]:
    """The records of one section."""
    return list(document["records"][kind]["items"])


# ---------------------------------------------------------------- every table


def test_every_column_is_exported_or_omitted_with_a_reason() -> None:
    assert unaccounted_columns(SECTIONS, TABLES_WITHOUT_SUBJECTS, METADATA.tables.values()) == []
    for kind in SECTIONS:
        names = {column.name for column in kind.columns}
        assert set(kind.omitted) <= names, "nothing is explained that is not there"
        assert not set(kind.exported) & set(kind.omitted)
    assert {table.name for table in TABLES_WITHOUT_SUBJECTS} <= set(METADATA.tables)


def test_a_new_table_or_column_is_reported_until_a_section_covers_it() -> None:
    later = MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(later)
    new = Table("devices", later, Column("id", String(32), primary_key=True), Column("subject_id", String(32)))
    here = [*METADATA.tables.values(), new]
    assert unaccounted_columns(SECTIONS, TABLES_WITHOUT_SUBJECTS, here) == ["devices.id", "devices.subject_id"]
    grown = Table("objections_grown", later, Column("id", String(32), primary_key=True), Column("note", String(9)))
    wider = tuple(replace(kind, tables=(grown,)) if kind.name == "objections" else kind for kind in SECTIONS)
    assert "objections_grown.note" in unaccounted_columns(wider, TABLES_WITHOUT_SUBJECTS, [grown])


SETTLED = {"account", "profile", "preRegistration", "consents", "disclosures", "signIn", "heldProfile", "heldForm"}
"""Sections that the application fills. The test fills each of the others with a row of markers."""


NEVER: Final = {
    "digest",
    "previous_digest",
    "browser_digest",
    "secret",
    "issuer_id",
    "approved_by",
    "opened_by",
    "agent_id",
    "granted_by",
}
"""Columns that no section may export: secrets and ids of staff."""


def marked(kind: ExportSection, subject: str, now: datetime) -> dict[str, Any]:
    """A row for this section. Each text in it is a unique marker."""
    row: dict[str, Any] = {}
    for place, column in enumerate(kind.tables[0].columns):
        if isinstance(column.type, String):
            row[column.name] = secrets.token_hex(16)[: column.type.length or 32]
        elif isinstance(column.type, Boolean):
            row[column.name] = True
        elif isinstance(column.type, Integer) or "INT" in str(column.type).upper():
            row[column.name] = 5
        else:
            row[column.name] = now - timedelta(days=place + 1)
    owner = next(name for name in ("subject_id", "holder_id") if name in row)
    row[owner] = subject
    if kind.tables[0] is ACCESS_TOKENS:
        row["role"] = "MEMBER" if kind.name == "sessions" else "SUPPORT"
    return row


async def filled(world: World, subject: str) -> dict[str, dict[str, Any]]:
    """Stores a row for every section about this person."""
    rows = {}
    async with world.services.database.writing() as connection:
        for kind in SECTIONS:
            if kind.name not in SETTLED:
                rows[kind.name] = marked(kind, subject, world.services.now())
                await connection.execute(insert(kind.tables[0]), rows[kind.name])
    return rows


async def test_an_export_contains_every_record_of_the_subject_no_secret_and_no_other_person(world: World) -> None:
    subject, mine = await world.member("subject@example.org", BOTH, password="correct horse battery staple")
    other, _ = await world.member("other@example.org", BOTH, profile={"about": "Somebody else."})
    rows, foreign = await filled(world, subject), await filled(world, other)
    document = await exported(world, mine)
    for kind in SECTIONS:
        if kind.name in SETTLED:
            continue
        row, text = rows[kind.name], json.dumps(items(document, kind.name))
        for name, value in row.items():
            if isinstance(value, str) and value != subject:
                assert (value in text) is (name in kind.exported), f"{kind.name}.{name}"
                assert name not in NEVER or value not in json.dumps(document), f"{kind.name}.{name}"
                assert name in kind.exported or value not in json.dumps(document), f"{kind.name}.{name}"
            if isinstance(value, datetime) and name in kind.exported:
                assert rfc3339(value) in text, f"{kind.name}.{name}"
    text = json.dumps(document)
    assert not [
        value
        for row in foreign.values()
        for value in row.values()
        if isinstance(value, str) and value in text and value not in ("MEMBER", "SUPPORT")
    ]
    account = await world.account(subject)
    assert not [secret for secret in (account.password_hash, other, "Somebody else.", mine) if secret in text]
    assert items(document, "signIn") == [{"emailCanonical": "subject@example.org", "passwordHash": True}]
    profile, form = items(document, "profile")[0], items(document, "preRegistration")[0]
    assert {key: profile[key] for key in PROFILE} == PROFILE
    assert form == FORM
    (own,) = items(document, "account")
    assert (own["id"], own["email"], own["ipAddress"]) == (subject, "subject@example.org", "90.190.1.7")
    (case,) = items(document, "supportCases")
    assert case["assignedTo"] == pseudonym(world.services.keys, rows["supportCases"]["agent_id"])


def test_purposes_basis_retention_and_recipients_come_from_the_policy() -> None:
    heads = {kind.name: kind.head(RETENTION) for kind in SECTIONS}
    assert [str(each) for each in heads["profile"]["purposes"]] == ["SOCIAL"]
    assert [str(each) for each in heads["preRegistration"]["purposes"]] == ["EXPANSION"]
    assert heads["preRegistration"]["lawfulBasis"] == ["Consent (GDPR 6(1)(a))"]
    told = {
        (each["audience"], each["under"], name)
        for head in heads.values()
        for each in head["recipients"]
        for name in each["fields"]
    }
    assert told == {
        (audience.value, cell.purpose.value if cell.purpose else "ALWAYS", field.value)
        for field, row in POLICY.items()
        for audience, cell in row.cells.items()
    }
    shorter = {**RETENTION, RecordKind.SESSIONS: replace(RETENTION[RecordKind.SESSIONS], period=timedelta(days=3))}
    (sessions,) = (kind for kind in SECTIONS if kind.name == "sessions")
    assert sessions.head(shorter)["retention"][0]["why"].startswith("3 days after they end")
    assert {kind for each in SECTIONS for kind in each.record_kinds} == set(RecordKind), "every period is exported"


# ---------------------------------------------------------------- what the subject may know


async def test_exported_disclosures_equal_those_that_the_subject_sees(office: ComplianceOffice) -> None:
    world = office.world
    mailchimp = await world.token(Role.PROCESSOR, None, Processor.MAILCHIMP)
    view = f'openProcessorView(input: {{userIds: ["{office.subject}"], reason: "News."}})'
    await world.data(f"mutation {{ {view} {{ ... on MailchimpView {{ subscribers {{ email }} }} }} }}", mailchimp)
    await office.approved()
    await office.read()
    document = await exported(world, office.mine)
    asked = "{ me { disclosures { edges { node { id at audience recipient fields reason receipt } } } } }"
    seen = [edge["node"] for edge in (await world.data(asked, office.mine))["me"]["disclosures"]["edges"]]
    assert {each["audience"] for each in seen} == {"MAILCHIMP", "LEGAL_REQUEST"}
    assert items(document, "disclosures") == seen
    (shown,) = (each for each in document["processors"] if each["processor"] == "MAILCHIMP")
    assert shown["fields"] == ["EMAIL"]
    assert [each["reference"] for each in items(document, "legalRequests")] == ["4-26-7"]
    assert office.recorder not in json.dumps(document), "no id of a member of staff"


async def test_a_secret_request_does_not_change_the_export_until_notice(
    office: ComplianceOffice,
) -> None:
    world = office.world
    before = timeless(await exported(world, office.mine))
    await office.approved(noticeAfter=office.after(minutes=30))
    assert (await office.read())["email"] == "subject@example.org"
    assert json.dumps(timeless(await exported(world, office.mine))) == json.dumps(before)
    office.advance_clock(minutes=31)
    later = await exported(world, office.mine)
    assert {each["audience"] for each in items(later, "disclosures")} == {"LEGAL_REQUEST"}
    assert len(items(later, "legalRequests")) == 1


@pytest.mark.parametrize("state", ["restricted_at", "leaving_since", "email_verified"])
async def test_an_account_in_any_state_can_be_exported(world: World, state: str) -> None:
    subject, mine = await world.member("subject@example.org")
    value = False if state == "email_verified" else world.services.now()
    async with world.services.database.writing() as connection:
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == subject).values(**{state: value}))
    assert items(await exported(world, mine), "profile")[0]["firstName"] == PROFILE["firstName"]


async def test_an_export_by_the_subject_is_not_a_disclosure(world: World) -> None:
    _, mine = await world.member("subject@example.org")
    await exported(world, mine)
    assert items(await exported(world, mine), "disclosures") == []


# ---------------------------------------------------------------- its size and how often


async def test_a_document_that_is_too_large_is_refused_before_it_is_read_completely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await world.member("subject@example.org")
    async with recorded_statements(world.services.database) as whole:
        size = len(json.dumps(await exported(world, mine), separators=(",", ":"), ensure_ascii=False))
    monkeypatch.setattr(export, "MOST_BYTES", 2 * size)
    await exported(world, mine)
    monkeypatch.setattr(export, "MOST_BYTES", 3000)
    async with recorded_statements(world.services.database) as some:
        answer = await world.ask(EXPORT, mine)
    assert (answer["data"], codes(answer)) == ({"exportMyData": None}, ["BAD_USER_INPUT"])
    assert "consentql export" in answer["errors"][0]["message"]
    assert len(some) < len(whole) - 10


async def test_an_account_can_export_ten_times_an_hour(limited_world: World) -> None:
    subject, mine = await limited_world.member("subject@example.org")
    _, others = await limited_world.member("other@example.org")
    await limited_world.data("mutation { a: exportMyData b: exportMyData c: exportMyData d: exportMyData }", mine)
    again = await limited_world.token(Role.MEMBER, subject)
    for _ in range(6):
        await exported(limited_world, again)
    assert codes(await limited_world.ask(EXPORT, mine)) == ["RATE_LIMITED"]
    await exported(limited_world, others)


# ---------------------------------------------------------------- into another instance


async def test_the_import_line_of_an_export_restores_the_person_on_another_instance(
    world: World, second_url: str, tmp_path: Path
) -> None:
    history = [
        {"purpose": "SOCIAL", "granted": granted, "policyVersion": "2026-11-01", "at": f"2026-11-0{day}T00:00:00Z"}
        for day, granted in ((2, True), (3, False), (4, True))
    ]
    _, mine = await world.member("Öne@Example.org", hidden=["CITY", "EMAIL"], consents=history)
    given = (await exported(world, mine))["import"]
    assert given == {
        "email": "Öne@Example.org",
        "emailVerified": True,
        "ipAddress": "90.190.1.7",
        "hidden": ["EMAIL", "CITY"],
        "profile": PROFILE,
        "preRegistration": FORM,
        "consents": [{**each, "at": str(each["at"]).replace("Z", ".000000Z")} for each in history],
    }
    file = tmp_path / "line.jsonl"
    file.write_text(json.dumps(given) + "\n")
    done = consentql(second_url, "import", str(file), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    elsewhere = Database(second_url)
    there = world_of(elsewhere)
    async with elsewhere.reading() as connection:
        id = (await connection.execute(select(ACCOUNTS.c.id))).scalar_one()
    restored = await exported(there, await there.token(Role.MEMBER, id))
    assert restored["import"] == given
    document = await exported(world, mine)
    for kind in ("profile", "preRegistration"):
        assert items(restored, kind) == items(document, kind)
    there.services.hashing.close()
    await elsewhere.close()


async def test_a_value_that_breaks_a_current_rule_is_in_the_records_but_not_in_the_import_line(world: World) -> None:
    subject, mine = await world.member("subject@example.org")
    async with world.services.database.writing() as connection:
        old = update(PROFILES).where(PROFILES.c.subject_id == subject)
        await connection.execute(old.values(mobile_phone="555 01", avatar_url="https://u:p@img.example.org"))
    document = await exported(world, mine)
    assert items(document, "profile")[0]["mobilePhone"] == "555 01"
    assert not {"mobilePhone", "avatarUrl"} & set(document["import"]["profile"])
    assert document["import"]["profile"]["firstName"] == PROFILE["firstName"]


# ---------------------------------------------------------------- the operator's shell


async def test_the_command_writes_the_same_document_and_a_ledger_entry(world: World, tmp_path: Path) -> None:
    subject, mine = await world.member("subject@example.org", BOTH)
    await exported(world, mine)  # and with it the session's last use is noted
    file, url = tmp_path / "copy.json", world.services.database.url
    done = consentql(url, "export", "SUBJECT@example.org", "--out", str(file), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".*")) == []  # noqa: ASYNC240  # a folder of this test's own
    written = json.loads(file.read_text())
    assert timeless(written) == timeless(await exported(world, mine))
    async with world.services.database.reading() as connection:
        entries = (await connection.execute(select(LEDGER))).all()
    assert [(each.subject_id, each.audience, each.fields, each.token_id) for each in entries] == [
        (subject, "SELF", EVERY_FIELD, None)
    ]
    (seen,) = items(written, "disclosures")
    assert (seen["recipient"], set(seen["fields"])) == ("operator's shell, for the subject", set(FIELDS))
    printed = consentql(url, "export", "subject@example.org", cwd=tmp_path)
    assert len(items(json.loads(printed.stdout), "disclosures")) == 2
    assert consentql(url, "verify-log", cwd=tmp_path).returncode == 0


async def test_an_export_that_cannot_be_recorded_fails_and_keeps_the_old_file(world: World, tmp_path: Path) -> None:
    await world.member("subject@example.org")
    async with world.services.database.writing() as connection:
        await connection.execute(update(CHAIN_HEADS).where(CHAIN_HEADS.c.name == "disclosure").values(name="gone"))
    file, url = tmp_path / "copy.json", world.services.database.url
    file.write_text("as it was")
    for arguments in ((), ("--out", str(file))):
        done = consentql(url, "export", "subject@example.org", *arguments, cwd=tmp_path)
        assert done.returncode != 0
        assert done.stdout == ""
        assert "90.190.1.7" not in done.stderr
    assert file.read_text() == "as it was"


FEW = 2000
MOST_GROWTH = 5000
"""Kilobytes. The large document is three times that size."""

MEASURED = """
import re, sys
from pathlib import Path
from app.__main__ import main
try:
    main()
finally:
    # not `getrusage`: a process begins with the peak of the one that started it
    print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


async def disclosed(world: World, subject: str, many: int) -> None:
    """Stores `many` ledger entries about one person, each with a separate reading."""
    keys, now = world.services.keys, world.services.now()
    for begin in range(0, many, 5000):
        entries = [
            write_disclosures.Entry(
                subject, Audience.MAILCHIMP, "Mailchimp", 1, Ground(f"{place:032}", 1, "Monthly news.")
            )
            for place in range(begin, min(begin + 5000, many))
        ]
        async with world.services.database.writing() as connection:
            await write_disclosures.append_entries(connection, keys, entries, now)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's own peak")
async def test_the_memory_of_the_command_does_not_grow_with_the_export(
    world: World, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    peaks = []
    for many in (FEW, sized(60_000, 200_000)):
        subject = await world.person(f"{many}@example.org")
        await disclosed(world, subject, many)
        file = tmp_path / str(many)
        command = [sys.executable, "-c", MEASURED, "export", f"{many}@example.org", "--out", str(file)]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=environment(world.services.database.url),
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.rpartition("peak ")[2]))
        assert file.read_text().count("Monthly news.") == many
    assert file.stat().st_size > 2048 * MOST_GROWTH
    assert peaks[1] - peaks[0] < MOST_GROWTH


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_unknown_address_is_an_error_that_does_not_name_it(database_url: str, tmp_path: Path) -> None:
    done = consentql(database_url, "export", "stranger@example.org", "--out", str(tmp_path / "f"), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "No account has this e-mail address.\n")
    assert not (tmp_path / "f").exists()


def test_a_file_gets_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("before")

    def half() -> None:
        with output(file) as target:
            target.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert (file.read_text(), len(list(tmp_path.iterdir()))) == ("before", 1)
    with output(file) as target:
        target.write(b"whole")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("whole", 0o600)


# ---------------------------------------------------------------- what requests hold


async def test_values_under_a_legal_hold_are_exported_if_the_subject_may_know(world: World, tmp_path: Path) -> None:
    harness = RetentionHarness(world, tmp_path)
    subject, mine = await world.member("subject@example.org")
    await harness.extend_sessions()
    open_one = await harness.open_legal_request(subject, "FIRST_NAME", "CITY")
    await harness.open_legal_request(subject, "ABOUT", notice_after=harness.clock.at + 60 * DAY)
    await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", mine)
    harness.clock.at += 31 * DAY
    await harness.run()
    (held,) = items(await exported(world, mine), "heldProfile")
    assert {name: value for name, value in held.items() if value is not None} == {
        "firstName": PROFILE["firstName"],
        "city": PROFILE["city"],
    }
    await harness.close_legal_request(open_one)
    assert items(await exported(world, mine), "heldProfile") == [], "nor that anything is held"

"""Erasure leaves no personal byte in the database, write-ahead log, e-mails, logs or metrics."""

import logging
import random
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from sqlalchemy import delete, insert, make_url, text, update

from app.main import make_outbox
from app.operations import secure_deletion
from app.operations.secure_deletion import overwrite_deleted
from app.settings import Settings
from models.columns import HOLDS, IDENTIFIER, IMPERSONAL
from models.database import Database
from models.tables import (
    ACCESS_TOKENS,
    ACCOUNTS,
    CHAIN_HEADS,
    CREDENTIALS,
    METADATA,
    OUTBOX,
    PROCESSOR_VIEWS,
    PROFILES,
    READINGS,
    SUPPORT_CASES,
    UNSCRUBBED,
)
from models.telemetry.catalogue import REGISTRY
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from tests.identity import CHANGE_EMAIL, STRONG, enrol_authenticator, sign_in
from tests.retention import DAY, RetentionHarness
from tests.world import KEY, World, line, world_of

UPDATE = "mutation ($input: ProfileInput!) { updateProfile(input: $input) { __typename } }"
FORM = "mutation ($input: PreRegistrationInput!) { updatePreRegistration(input: $input) { __typename } }"
CASE = """mutation ($id: ID!, $r: String!, $w: String!) {
  openSupportCase(input: {subjectId: $id, reference: $r, reason: $w, extent: [EMAIL]}) {
    ... on SupportCase { id } } }"""
VIEW = """mutation ($ids: [ID!]!, $r: String!) { openProcessorView(input: {userIds: $ids, reason: $r}) {
  ... on MandrillView { recipients { userId email firstName lastName } } } }"""
TEXTS = ("first_name", "last_name", "organization", "specialization", "city", "street_address", "about")
FORMS = ("institution_name", "job_role", "company", "department", "organization", "main_printer")
STAYS = (
    "policy term",
    "enum value",
    "value of a closed list",
    "the entry point",
    "which",
    "sortable text",
    "for sorting",
    "tamper evidence",
)


def camel(name: str) -> str:
    """Returns a column's name as GraphQL spells it."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


async def store_active_person(world: World, marker: str) -> tuple[str, list[str]]:
    """Stores a person who used every feature, with a marker in every value. Returns the id and the secrets."""
    email, address = f"{marker}@Example.org", f"2001:db8:{marker[:4]}:{marker[4:8]}::7"
    consents = [
        {"purpose": each, "granted": True, "policyVersion": current_version().name} for each in ("SOCIAL", "EXPANSION")
    ]
    line = {"email": email, "emailVerified": True, "password": STRONG, "ipAddress": address, "consents": consents}
    (id,) = await world.store_people(line)
    session = await world.token(Role.MEMBER, id, expires_at=world.services.now() + 90 * DAY)
    profile = {camel(name): f"{name} {marker}" for name in TEXTS}
    pages = [{"title": f"title {marker}", "url": f"https://{marker}.example.org/p", "body": f"body {marker}"}]
    urls = {name: f"https://{marker}.example.org/{name}" for name in ("avatarUrl", "wallpaperUrl")}
    phone = "+86 139" + str(int(marker[:6], 16)).zfill(8)  # of a country where every such number is one
    await world.data(UPDATE, session, {"input": {**profile, **urls, "mobilePhone": phone, "publicPages": pages}})
    await world.data(FORM, session, {"input": {camel(name): f"{name} of the form {marker}" for name in FORMS}})
    await world.data(CASE, session, {"id": id, "r": f"reference {marker}", "w": f"{marker} cannot print"})
    await world.data(CHANGE_EMAIL, session, {"e": f"new-{marker}@example.org", "p": STRONG})
    app, codes = await enrol_authenticator(world, session)
    await sign_in(world, email, client=f"laptop {marker}")
    mandrill = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, expires_at=world.services.now() + 90 * DAY)
    await world.data(VIEW, mandrill, {"ids": [id], "r": f"letter to {marker}"})
    async with world.services.database.writing() as connection:
        mine = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.holder_id == id)
        await connection.execute(mine.values(name=f"phone {marker}"))
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(ip_address=address))
    return id, [STRONG, app.totp.secret, *codes, session.split("_")[-1][:40]]


async def values_of(harness: RetentionHarness, id: str) -> set[str]:
    """Collects every text about a person in the database, except opaque ids and words of the vocabulary."""
    found: set[str] = set()
    for table in METADATA.tables.values():
        for row in await harness.rows(table):
            mapping = row._mapping
            theirs = id in [value for value in mapping.values() if isinstance(value, str)]
            if not theirs and table not in (READINGS, PROCESSOR_VIEWS):
                continue
            for column in table.columns:
                value = mapping[column.name]
                why = column.info.get(IMPERSONAL, "")
                if HOLDS in column.info or not (IDENTIFIER in column.info or any(each in why for each in STAYS)):
                    found.update(texts_in(value))
    kept = {"Mandrill", "MANDRILL", "MEMBER", "import", "settings", "BEARER"}
    return {each for each in found if len(each) >= 6 and each not in kept}


def texts_in(value: Any) -> Iterator[str]:
    """Yields the texts within a value, also in lists and dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)


async def files_of(database: Database) -> list[Path]:
    """Lists the files of the database: the SQLite file and its logs, or everything below `base`."""
    if database.is_sqlite:
        path = str(make_url(database.url).database)
        return [each for each in (Path(path), Path(path + "-wal"), Path(path + "-shm")) if each.exists()]
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("CHECKPOINT"))
        folder = (await alone.execute(text("SHOW data_directory"))).scalar_one()
        name = make_url(database.url).database
        number = (await alone.execute(text(f"SELECT oid FROM pg_database WHERE datname = '{name}'"))).scalar_one()
    return [each for each in (Path(folder) / "base" / str(number)).rglob("*") if each.is_file()]


async def found_in(harness: RetentionHarness, needles: set[str], told: str) -> set[str]:
    """Returns the texts that occur in any of the files."""
    files = await files_of(harness.world.services.database)
    letters = harness.places.letters
    assert letters is not None
    files += [each for each in letters.rglob("*") if each.is_file()]
    metrics = generate_latest(REGISTRY)
    heap = b"\n".join([*[each.read_bytes() for each in files], told.encode(), metrics])
    return {each for each in needles if each.encode() in heap or ascii(each)[1:-1].encode() in heap}


async def send_mail(harness: RetentionHarness, database: Database) -> None:
    """Sends all queued e-mails into the folder."""
    settings = Settings(database_url=database.url, secret_keys=(KEY,), mail_url=str(harness.places.letters))
    outbox = make_outbox(settings, harness.world.services)
    while await outbox.send_due():
        pass


async def analyze(database: Database) -> None:
    """Runs ANALYZE, so that the planner has its samples."""
    async with database.writing() as connection:
        await connection.execute(text("ANALYZE"))


async def test_erasure_leaves_no_byte_of_a_person(
    harness: RetentionHarness, database: Database, second_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiosqlite", "asyncio"):
        logging.getLogger(name).setLevel(logging.INFO)
    marker = "feed" + secrets.token_hex(6)
    await harness.world.person("other@example.org", ("SOCIAL", "EXPANSION"))
    id, never = await store_active_person(harness.world, marker)
    await send_mail(harness, database)
    await analyze(database)
    needles = await values_of(harness, id)
    assert len(needles) > 40
    told = [record.getMessage() + str(record.__dict__) for record in caplog.records]
    assert await found_in(harness, needles | {marker}, "") == needles | {marker}, "the search finds what is there"
    assert await found_in(harness, set(never), "\n".join(told)) == set()
    backup = {table: await harness.rows(table) for table in METADATA.sorted_tables}
    await harness.request_erasure(id)
    harness.clock.at += 30 * DAY
    assert (await harness.run())["accounts"] == 1
    told = [record.getMessage() + str(record.__dict__) for record in caplog.records]
    assert await found_in(harness, needles | {marker}, "\n".join(told)) == set()
    assert await harness.rows(OUTBOX) == []
    assert [row.subject_id for row in await harness.rows(SUPPORT_CASES)] == [id]

    restored = Database(second_url)
    async with restored.writing() as connection:
        await connection.execute(delete(CHAIN_HEADS))
        for table, rows in backup.items():
            if rows:
                await connection.execute(insert(table), [dict(row._mapping) for row in rows])
    world = world_of(restored)
    again = RetentionHarness(world, tmp_path)
    again.clock.at = harness.clock.at - 25 * DAY
    await analyze(restored)
    assert f"{marker}@example.org" in await found_in(again, needles, "")
    assert (await again.run())["erased_again"] == 1
    assert await found_in(again, needles | {marker}, "") == set()
    assert len(await again.rows(CREDENTIALS)) == 1
    await world.client.aclose()
    world.services.hashing.close()
    await restored.close()


async def test_a_withdrawn_purpose_leaves_only_bytes_under_legal_hold(
    harness: RetentionHarness, database: Database
) -> None:
    marker = "fade" + secrets.token_hex(6)
    id, _ = await store_active_person(harness.world, marker)
    async with harness.world.services.database.writing() as connection:
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == id)
        await connection.execute(mine.values(social_version=None, social_lapsed_at=harness.clock.at))
    await analyze(database)
    harness.clock.at += 30 * DAY
    request = await harness.open_legal_request(id, "CITY")
    shown = {f"{name} {marker}" for name in TEXTS}
    assert await found_in(harness, shown, "") == shown
    await harness.run()
    assert await found_in(harness, shown, "") == {f"city {marker}"}
    await harness.close_legal_request(request)
    await harness.run()
    assert await found_in(harness, shown, "") == set()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_keeps_no_samples_of_personal_columns(database: Database) -> None:
    target = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attstattarget = 0"
    bare = []
    async with database.reading() as connection:
        for table in METADATA.tables.values():
            unsampled = set((await connection.execute(text(target), {"table": table.name})).scalars())
            bare += [
                f"{table.name}.{each.name}" for each in table.c if HOLDS in each.info and each.name not in unsampled
            ]
    assert bare == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_table_that_cannot_be_vacuumed_is_reported_and_retried(
    harness: RetentionHarness, database: Database
) -> None:
    role, address = f"app{secrets.token_hex(6)}", make_url(database.url)
    async with database.writing() as connection:
        await connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        await connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"))
        row = {"id": secrets.token_hex(16), "name": "profiles"}
        await connection.execute(insert(UNSCRUBBED), row)
    mine = Database(address.set(username=role).render_as_string(hide_password=False))
    said = await overwrite_deleted(mine)
    assert said[0] == "profiles was not rewritten (only its owner can); the next run tries again."
    assert said[1].startswith("No checkpoint was made")
    await mine.close()
    assert len(await harness.rows(UNSCRUBBED)) == 1
    assert await overwrite_deleted(database) == []
    assert await harness.rows(UNSCRUBBED) == []
    async with database.writing() as connection:
        await connection.execute(text(f"DROP OWNED BY {role}"))
        await connection.execute(text(f"DROP ROLE {role}"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_write_ahead_log_in_use_is_emptied_by_the_next_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secure_deletion, "TIMEOUT_SECONDS", 0)
    async with database.writing() as connection:
        await connection.execute(insert(UNSCRUBBED), {"id": secrets.token_hex(16), "name": "profiles"})
    async with database.reading() as reader:
        await reader.execute(text("SELECT count(*) FROM accounts"))
        async with database.writing() as connection:
            await connection.execute(insert(UNSCRUBBED), {"id": secrets.token_hex(16), "name": "accounts"})
        said = await overwrite_deleted(database)
    assert len(said) == 2
    assert await overwrite_deleted(database) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_copies_of_moved_rows_are_overwritten(harness: RetentionHarness) -> None:
    chance = random.Random(2)  # one at which pages are split over rows that go later
    markers = [f"zz{number:04}q{chance.getrandbits(32):08x}" for number in range(300)]
    texts = {
        marker: {"firstName": marker, "lastName": marker, "about": marker * chance.randrange(1, 40)}
        for marker in markers
    }
    ids: list[str] = []
    for start in range(0, len(markers), 50):
        people = [
            line(f"{each}@example.org", profile=texts[each], preRegistration={}) for each in markers[start : start + 50]
        ]
        ids += await harness.world.store_people(*people)
    pairs = list(zip(markers, ids, strict=True))
    async with harness.world.services.database.writing() as connection:
        for marker, id in chance.sample(pairs, 150):
            longer = update(PROFILES).where(PROFILES.c.subject_id == id)
            await connection.execute(longer.values(about=marker * chance.randrange(1, 80)))
    gone = dict(chance.sample(pairs, 100))
    await harness.request_erasure(*gone.values())
    harness.clock.at += 30 * DAY
    assert (await harness.run())["accounts"] == len(gone)
    assert await found_in(harness, set(gone), "") == set()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_file_in_use_is_vacuumed_by_the_next_run(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secure_deletion, "TIMEOUT_SECONDS", 0)
    async with database.writing() as connection:
        await connection.execute(insert(UNSCRUBBED), {"id": secrets.token_hex(16), "name": "profiles"})
    async with database.writing() as writer:
        await writer.execute(update(ACCOUNTS).values(hidden=0))
        assert await overwrite_deleted(database) == [
            "profiles was not rewritten (SQLITE_BUSY); the next run tries again."
        ]
    assert await overwrite_deleted(database) == []

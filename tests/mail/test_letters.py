"""Letters: who gets which, that each goes out and none is lost, and that no table holds what opens an account."""

import asyncio
import ipaddress
import os
import re
import signal
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import delete, func, insert, select, update

from app.mail import outbox as sending
from app.mail.letters import LetterTexts
from app.mail.outbox import LEASE, RETRY_PERIOD, Outbox
from app.mail.texts import TEXTS
from app.mail.transport import FolderTransport, MessageBuilder, transport_for
from app.operations import backlog
from app.operations.metrics import REGISTRY
from models.database import Database
from models.email_address import InvalidAddress
from models.key_ring import KeyRing
from models.tables import ACCOUNTS, MAILED_TOKENS, METADATA, OUTBOX, SUPPORT_CASES
from models.tokens.mailed_tokens import (
    LINK_LIFETIMES,
    LINK_USES,
    SENT_UNVERIFIED,
    end_mailed_tokens,
    write_letter,
    write_mailed_token,
)
from models.tokens.token_format import TokenKind, digest_of, kind_of
from models.vocabulary import LinkUse, Notice
from resolvers.context import Services
from tests.serving import free_port, serving
from tests.statements import recorded_statements
from tests.world import FORM, KEY, PROFILE, World, services_on, settings_for, world_of

SITE = "https://api.example.org"
LINK = re.compile(rf"^{SITE}/(verify|reset)#token=(cql_ml_\w+)$", re.MULTILINE)
NEW_KEY = "another key that is long enough to be taken for one"
ABOUT_CASES = (Notice.CASE_OPENED, Notice.CASE_ASSIGNED)


def said(letter: EmailMessage) -> str:
    return str(letter.get_content()).replace("\r\n", "\n")


@dataclass
class Clock:
    """A time that moves when told."""

    at: datetime = datetime(2026, 12, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Bag:
    """Keeps what it is given; refuses while it is told to."""

    letters: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False
    tried: int = 0

    async def deliver(self, id: str, message: EmailMessage) -> None:
        self.tried += 1
        if self.refuses:
            raise ConnectionRefusedError("no such host, said to ada@example.org")
        self.letters.append(message_from_bytes(bytes(message), policy=SMTP))

    @property
    def tokens(self) -> list[str]:
        return [found[2] for letter in self.letters for found in LINK.finditer(said(letter))]


@dataclass
class Office:
    """A world with a clock, and the letters of its one person."""

    world: World
    clock: Clock
    bag: Bag
    ada: str

    @property
    def services(self) -> Services:
        return self.world.services

    def outbox(self, transport: Any = None, **changes: Any) -> Outbox:
        services = replace(self.services, **changes)
        return Outbox(
            services, transport or self.bag, LetterTexts(SITE), MessageBuilder("no-reply@example.org", "example.org")
        )

    async def write(self, notice: Notice = Notice.NEW_DEVICE, subject_id: str | None = None, **more: Any) -> str:
        """Writes one letter as its kind is written."""
        who = {"subject_id": subject_id or self.ada, "notice": notice, "now": self.clock()}
        async with self.services.database.writing() as connection:
            if notice in LINK_USES:
                return await write_mailed_token(connection, self.services.keys, **who, **more)
            if notice in ABOUT_CASES and "about" not in more:
                more["about"] = await _case(connection, who["subject_id"], self.clock())
            return await write_letter(connection, **who, **more)

    async def rows(self, table: Any = OUTBOX) -> Sequence[Any]:
        async with self.services.database.reading() as connection:
            return (await connection.execute(select(table))).all()

    async def change(self, statement: Any) -> None:
        async with self.services.database.writing() as connection:
            await connection.execute(statement)

    async def send_due(self, times: int = 1, **changes: Any) -> None:
        for _ in range(times):
            await self.outbox(**changes).send_due()


async def _case(connection: Any, subject_id: str, now: datetime) -> str:
    row = dict.fromkeys((column.name for column in SUPPORT_CASES.columns), None)
    row |= {"id": "c" * 32, "subject_id": subject_id, "reference": "T-17 for {you}", "reason": "why", "extent": 1}
    row |= {"opened_at": now, "expires_at": now + timedelta(days=1), "opened_by_subject": False, "ordinal": "1"}
    row |= {"opened_by": subject_id}
    await connection.execute(insert(SUPPORT_CASES), row)
    return "c" * 32


@pytest.fixture
async def office(database: Database) -> Any:
    clock = Clock()
    world = world_of(database, now=clock)
    async with world.client:
        yield Office(world, clock, Bag(), await world.person("ada@example.org"))
    world.services.hashing.close()


async def test_no_letter_says_that_an_account_goes_which_stays(office: Office) -> None:
    await office.change(update(ACCOUNTS).values(leaving_since=office.clock()))
    await office.write(Notice.ERASURE_SCHEDULED)
    await office.change(update(ACCOUNTS).values(leaving_since=None))
    await office.write(Notice.ERASURE_CANCELLED)
    await office.send_due()
    assert [letter["Subject"] for letter in office.bag.letters] == [TEXTS[Notice.ERASURE_CANCELLED].subject]
    assert len(await office.rows()) == 1


@pytest.mark.parametrize("notice", Notice)
async def test_every_notice_has_a_letter_that_says_no_more_than_it_must(office: Office, notice: Notice) -> None:
    if notice is Notice.ERASURE_SCHEDULED:
        await office.change(update(ACCOUNTS).values(leaving_since=office.clock()))
    await office.write(notice)
    await office.send_due()
    (letter,) = office.bag.letters
    body = said(letter)
    assert (letter["To"], letter["Subject"]) == ("ada@example.org", TEXTS[notice].subject)
    assert "api.example.org" in body
    assert len(re.findall(r"\d December 2026, \d\d:\d\d UTC", body)) >= 1 or notice is Notice.PASSWORD_CHANGED
    assert ("T-17 for {you}" in body) == (notice in ABOUT_CASES)
    assert ("31 December 2026" in body) == (notice is Notice.ERASURE_SCHEDULED), "30 days after"
    assert "{" not in body.replace("{you}", "")
    assert [len(line) for line in body.splitlines() if len(line) > 76 and not LINK.match(line)] == []
    assert len(LINK.findall(body)) == (notice in LINK_USES)
    told = [value for value in [*PROFILE.values(), *FORM.values(), "ada@", "90.190.1.7"] if isinstance(value, str)]
    assert [value for value in told if len(value) > 2 and value in body] == []


@pytest.mark.parametrize("notice", LINK_USES)
async def test_a_link_carries_a_token_that_no_table_holds(office: Office, notice: Notice) -> None:
    id = await office.write(notice)
    dumps = [str(await office.rows(table)) for table in METADATA.sorted_tables]
    await office.send_due()
    dumps += [str(await office.rows(table)) for table in METADATA.sorted_tables]
    (token,) = office.bag.tokens
    (row,) = await office.rows(MAILED_TOKENS)
    assert (row.id, row.digest, kind_of(token)) == (id, digest_of(token), TokenKind.MAILED)
    assert (row.use, row.expires_at) == (LINK_USES[notice].value, office.clock() + LINK_LIFETIMES[LINK_USES[notice]])
    assert row.email == "ada@example.org"
    assert not any(token[len("cql_ml_") :][:43] in dump for dump in dumps)
    page = "reset" if LINK_USES[notice] is LinkUse.RESET else "verify"
    assert f"{SITE}/{page}#token={token}" in said(office.bag.letters[0])


async def test_a_link_is_the_same_after_the_keys_were_rotated(office: Office) -> None:
    await office.write(Notice.RESET_PASSWORD)
    await office.send_due(keys=KeyRing((NEW_KEY,)))
    assert office.bag.letters == [], "whose key is not here is another process's to send"
    office.clock.at += timedelta(minutes=5)
    await office.send_due(keys=KeyRing((NEW_KEY, KEY)))
    assert [digest_of(token) for token in office.bag.tokens] == [(await office.rows(MAILED_TOKENS))[0].digest]


@pytest.mark.parametrize("notice", Notice)
async def test_an_address_that_nobody_verified_gets_only_what_goes_before(office: Office, notice: Notice) -> None:
    stranger = await office.world.person("stranger@example.org", emailVerified=False)
    await office.write(notice, stranger)
    assert len(await office.rows()) == (notice in SENT_UNVERIFIED)
    await office.write(notice, about="c" * 32) if notice in ABOUT_CASES else await office.write(notice)
    await office.change(update(ACCOUNTS).values(email_verified=False))
    await office.send_due()
    assert len(office.bag.letters) == 2 * (notice in SENT_UNVERIFIED)
    assert all(row.sent_at for row in await office.rows())


async def test_a_letter_goes_to_the_stored_address_of_the_time_of_sending(office: Office) -> None:
    await office.write(Notice.NEW_DEVICE)
    await office.write(Notice.ADDRESS_CHANGING, address="old@example.org")
    await office.change(update(ACCOUNTS).values(email="new@example.org"))
    await office.send_due()
    assert sorted(letter["To"] for letter in office.bag.letters) == ["new@example.org", "old@example.org"]
    assert {row.address for row in await office.rows()} == {None}, "what is sent is forgotten"


async def test_a_link_never_goes_to_another_address_than_it_proves(office: Office) -> None:
    await office.write(Notice.VERIFY_ADDRESS)
    await office.change(update(ACCOUNTS).values(email="new@example.org"))
    await office.send_due()
    assert (office.bag.letters, await office.rows()) == ([], [])
    await office.write(Notice.CONFIRM_ADDRESS, address="third@example.org")
    await office.send_due()
    assert [letter["To"] for letter in office.bag.letters] == ["third@example.org"]
    assert {row.email for row in await office.rows(MAILED_TOKENS)} == {"ada@example.org", "third@example.org"}


async def test_a_new_link_ends_the_earlier_ones_of_its_use_and_their_letters(office: Office) -> None:
    sent = await office.write(Notice.RESET_PASSWORD)
    await office.send_due()
    waits, verifies = await office.write(Notice.CLAIM_ADDRESS), await office.write(Notice.VERIFY_ADDRESS)
    last = await office.write(Notice.RESET_PASSWORD)
    assert {row.id for row in await office.rows()} == {sent, verifies, last}
    used = {row.id: row.used_at is not None for row in await office.rows(MAILED_TOKENS)}
    assert used == {sent: True, waits: True, verifies: False, last: False}
    async with office.services.database.writing() as connection:
        await end_mailed_tokens(connection, office.ada, office.clock(), LinkUse.RESET)
    await office.send_due()
    assert [letter["Subject"] for letter in office.bag.letters[1:]] == [TEXTS[Notice.VERIFY_ADDRESS].subject]


async def test_of_two_links_asked_for_at_once_one_lives(office: Office) -> None:
    await asyncio.gather(*(office.write(Notice.RESET_PASSWORD) for _ in range(6)))
    live = [row for row in await office.rows(MAILED_TOKENS) if row.used_at is None]
    assert [row.id for row in live] == [row.id for row in await office.rows()]
    assert len(live) == 1


async def test_a_letter_whose_reader_reason_or_link_is_gone_is_not_sent(office: Office) -> None:
    gone = await office.world.person("gone@example.org")
    await office.write(Notice.ALREADY_REGISTERED, gone)
    await office.write(Notice.CASE_OPENED, about="nowhere")
    late = await office.write(Notice.RESET_PASSWORD)
    for table in METADATA.sorted_tables[::-1]:
        name = "id" if table is ACCOUNTS else "subject_id"
        if table is not OUTBOX and name in table.c and table.name not in ("consent_records", "disclosures"):
            await office.change(delete(table).where(table.c[name] == gone))
    office.clock.at += LINK_LIFETIMES[LinkUse.RESET]
    spent = await office.write(Notice.VERIFY_ADDRESS)
    await office.change(update(MAILED_TOKENS).where(MAILED_TOKENS.c.id == spent).values(used_at=office.clock()))
    await office.send_due()
    assert (office.bag.letters, await office.rows()) == ([], [])
    assert late in {row.id for row in await office.rows(MAILED_TOKENS)}


async def test_asking_for_a_link_is_the_same_work_whoever_has_the_address(office: Office) -> None:
    unverified = await office.world.person("unverified@example.org", emailVerified=False)
    done = []
    for subject in (office.ada, unverified, "0" * 32, None):
        database = office.services.database
        async with database.writing() as connection, recorded_statements(database) as statements:
            await write_mailed_token(
                connection,
                office.services.keys,
                subject_id=subject,
                notice=Notice.RESET_PASSWORD,
                now=office.clock(),
            )
        done.append(list(statements))
    assert len({str(each) for each in done}) == 1
    assert len(await office.rows()) == 2


async def test_two_processes_send_each_letter_once(office: Office) -> None:
    ids = {await office.write() for _ in range(30)}
    other = Database(office.services.database.url)
    both = [office.outbox(), office.outbox(database=other), office.outbox()]
    for _ in range(8):
        await asyncio.gather(*(each.send_due() for each in both))
    await other.close()
    assert sorted(str(letter["Message-ID"]) for letter in office.bag.letters) == sorted(
        f"<{id}@example.org>" for id in ids
    )
    assert {(row.attempts, row.due_at) for row in await office.rows()} == {(1, None)}


class Killed(BaseException):
    """What no `except Exception` sees."""


async def test_a_letter_whose_sender_dies_before_it_is_marked_is_sent_again(office: Office) -> None:
    class Dying(Bag):
        async def deliver(self, id: str, message: EmailMessage) -> None:
            await super().deliver(id, message)
            raise Killed

    dying = Dying()
    await office.write()
    with pytest.raises(Killed):
        await office.outbox(dying).send_due()
    await office.send_due()
    assert (len(dying.letters), office.bag.letters) == (1, []), "it may still be on its way"
    office.clock.at += LEASE
    await office.send_due(2)
    assert [str(letter["Message-ID"]) for letter in office.bag.letters] == [str(dying.letters[0]["Message-ID"])]


async def test_a_bad_letter_keeps_no_other_back(office: Office) -> None:
    bad = await office.world.person("bad@example.org")
    await office.change(
        update(ACCOUNTS).where(ACCOUNTS.c.id == bad).values(email="x@example.org\r\nBcc: y@example.org")
    )
    for _ in range(3):
        await office.write(subject_id=bad)
    await office.write()
    await office.send_due()
    assert [letter["To"] for letter in office.bag.letters] == ["ada@example.org"]
    assert sorted(bool(row.sent_at) for row in await office.rows()) == [False, False, False, True]


async def test_a_letter_is_tried_ever_more_rarely_for_seven_days_and_then_given_up(office: Office) -> None:
    office.bag.refuses = True
    began = office.clock()
    await office.write(Notice.ADDRESS_CHANGING, address="old@example.org")
    waits = []
    while (row := (await office.rows())[0]).due_at is not None:
        waits.append(row.due_at - office.clock())
        office.clock.at = max(office.clock(), row.due_at)
        await office.send_due()
    assert office.bag.tried == len(waits)
    assert 40 < len(waits) < 80
    assert timedelta(seconds=20) < waits[1] < timedelta(seconds=40)
    assert timedelta(hours=3) <= max(waits) <= timedelta(hours=5)
    assert office.clock() - began <= RETRY_PERIOD
    assert (row.sent_at, row.address) == (None, None)
    office.bag.refuses = False
    office.clock.at += timedelta(days=30)
    await office.send_due()
    assert office.bag.letters == []


async def test_a_letter_that_nobody_tried_for_seven_days_is_given_up(office: Office) -> None:
    await office.write(address="old@example.org")
    office.clock.at += RETRY_PERIOD
    await office.send_due()
    (row,) = await office.rows()
    assert (office.bag.tried, row.due_at, row.address) == (0, None, None)


async def test_the_gauges_tell_of_what_was_not_sent(office: Office) -> None:
    await office.write()
    office.clock.at += RETRY_PERIOD
    await office.send_due()
    await office.write()
    office.clock.at += timedelta(seconds=90)
    await office.write()
    await backlog.measure_letters(office.services)
    named = ("letters_waiting", "letter_oldest_seconds", "letters_given_up")
    assert [REGISTRY.get_sample_value(f"consentql_{name}") for name in named] == [2, 90, 1]


async def test_what_is_logged_of_letters_are_their_ids(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    office.bag.refuses = True
    id = await office.write(Notice.RESET_PASSWORD)
    await office.send_due()
    office.clock.at += timedelta(hours=1)
    await office.send_due()
    ours = [record for record in caplog.records if record.name == "consentql.outbox"]
    assert [record.__dict__["letter"] for record in ours] == [id, id]
    assert "ada@" not in caplog.text + str([record.__dict__ for record in ours])
    assert "cql_ml_" not in caplog.text


async def test_a_database_that_is_away_is_asked_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.write()
    outbox, ended, asked = office.outbox(), asyncio.Event(), []
    drain = Outbox.send_due

    async def away(self: Outbox) -> int:
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionRefusedError
        ended.set()
        return await drain(self)

    monkeypatch.setattr(Outbox, "send_due", away)
    monkeypatch.setattr(sending, "POLL_SECONDS", 0)
    await outbox.run(ended)
    assert (len(asked), len(office.bag.letters)) == (3, 1)


def wrong_addresses() -> list[str]:
    return [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\nBcc: b@example.org",
        "a@example.org, b@example.org",
        "A <a@example.org>",
        "a b@example.org",
        "a@example.org> SIZE=1",
        "a\0@example.org",
        "",
    ]


@pytest.mark.parametrize("address", wrong_addresses())
def test_what_is_not_one_address_becomes_no_header(address: str) -> None:
    head = MessageBuilder("no-reply@example.org", "example.org")
    with pytest.raises(InvalidAddress):
        head.message("1", address, "Subject", "Body", datetime.now(UTC))
    with pytest.raises(ValueError, match="linefeed"):
        head.message("1", "a@example.org", "Subject\r\nBcc: b@example.org", "Body", datetime.now(UTC))


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("Ada@Example.org", "Ada@example.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("ü@bücher.example", "ü@xn--bcher-kva.example"),
        ("a" * 64 + "@" + ".".join(["d" * 60] * 3) + ".org", "a" * 64 + "@" + ".".join(["d" * 60] * 3) + ".org"),
    ],
)
def test_an_address_is_written_as_a_server_takes_it_on_one_line(address: str, written: str) -> None:
    head = MessageBuilder("no-reply@example.org", "example.org")
    lines = bytes(head.message("1", address, "Subject", "Body", datetime.now(UTC))).decode().splitlines()
    assert f"To: {written}" in lines
    assert "Auto-Submitted: auto-generated" in lines


async def test_a_file_is_its_readers_alone_whole_and_there_once(office: Office, tmp_path: Path) -> None:
    folder = FolderTransport(tmp_path / "var" / "mail")
    id = await office.write(Notice.RESET_PASSWORD)
    await office.outbox(folder).send_due()
    await office.change(update(OUTBOX).values(sent_at=None, due_at=office.clock()))
    await office.outbox(folder).send_due()
    (file,) = folder.path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777, folder.path.stat().st_mode & 0o777) == (f"{id}.eml", 0o600, 0o700)
    assert LINK.search(file.read_text()), "the link can be copied as it stands"


async def test_a_development_server_writes_a_letter_into_its_folder(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    ada = await world.person("ada@example.org")
    with serving(database.url, tmp_path):
        async with database.writing() as connection:
            keys = services_on(database).keys
            now = datetime.now(UTC)
            await write_mailed_token(connection, keys, subject_id=ada, notice=Notice.RESET_PASSWORD, now=now)
        for _ in range(200):
            async with database.reading() as connection:
                if (await connection.execute(select(func.count(OUTBOX.c.sent_at)))).scalar():
                    break
            await asyncio.sleep(0.05)
    (file,) = (tmp_path / "var" / "mail").iterdir()
    assert "http://127.0.0.1:8000/reset#token=cql_ml_" in file.read_text()
    assert "From: no-reply@127.0.0.1" in file.read_text()
    world.services.hashing.close()


class Desk:
    """What a real SMTP server answers, and what it took."""

    def __init__(self, rcpt: str = "250 ok", data: str = "250 ok") -> None:
        self.rcpt, self.data = rcpt, data
        self.taken: list[bytes] = []
        self.passwords: list[bytes] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data == "drop":
            server.transport.abort()
        elif self.data.startswith("250"):
            self.taken.append(envelope.content)
        return self.data

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, login: Any) -> AuthResult:
        self.passwords.append(login.password)
        return AuthResult(success=login.password == b"p@ss word", handled=False)


@contextmanager
def listening(desk: Desk, **options: Any) -> Iterator[int]:
    """A real server on a port of this machine."""
    controller = Controller(desk, "127.0.0.1", free_port(), enable_SMTPUTF8=True, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def letter_to(address: str = "ada@example.org") -> EmailMessage:
    return MessageBuilder("no-reply@example.org", "example.org").message("1" * 32, address, "S", "B", datetime.now(UTC))


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's side that trust each other and nobody else does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + LEASE)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(names, critical=False).sign(key, SHA256())
    path = folder / "mail.pem"
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key.private_bytes(*plain) + signed.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=path)


def beyond(url: str, port: int, **changes: Any) -> Any:
    """A production postman to another machine, which is played by this one."""
    return replace(transport_for(url, in_production=True), host="127.0.0.1", port=port, **changes)


@pytest.mark.parametrize(
    "answers",
    [
        {"rcpt": "451 later"},
        {"rcpt": "550 no such mailbox"},
        {"data": "452 full"},
        {"data": "554 no"},
        {"data": "drop"},
    ],
)
async def test_a_letter_that_a_server_does_not_take_waits_and_goes_later(
    office: Office, answers: dict[str, str]
) -> None:
    id, refusing, taking = await office.write(), Desk(**answers), Desk()
    with listening(refusing) as port:
        await office.outbox(transport_for(f"smtp://127.0.0.1:{port}", in_production=True)).send_due()
    (row,) = await office.rows()
    assert (refusing.taken, row.sent_at, row.attempts) == ([], None, 1)
    await office.outbox(transport_for(f"smtp://127.0.0.1:{port}", in_production=True)).send_due()
    assert (await office.rows())[0].attempts == 1, "not before its time"
    office.clock.at = row.due_at
    with listening(taking) as port:
        await office.outbox(transport_for(f"smtp://127.0.0.1:{port}", in_production=True)).send_due()
    assert [f"<{id}@example.org>".encode() in content for content in taking.taken] == [True]
    assert (await office.rows())[0].sent_at == office.clock()


async def test_nobody_there_is_no_end(office: Office) -> None:
    await office.write()
    await office.outbox(transport_for(f"smtp://127.0.0.1:{free_port()}", in_production=False)).send_due()
    (row,) = await office.rows()
    assert (row.sent_at, row.attempts) == (None, 1)
    assert row.due_at > office.clock()


async def test_no_letter_of_production_leaves_the_machine_unencrypted() -> None:
    desk = Desk()
    with listening(desk) as port, pytest.raises(aiosmtplib.SMTPException):
        await beyond("smtp://mail.example.org", port).deliver("1", letter_to())
    assert desk.taken == []


async def test_no_password_leaves_the_machine_unencrypted() -> None:
    desk = Desk()
    guarded = transport_for("smtp://u:p%40ss%20word@mail.example.org", in_production=False)
    options = {"auth_require_tls": False, "authenticator": desk.authenticate}
    with listening(desk, **options) as port, pytest.raises(aiosmtplib.SMTPException):
        await replace(guarded, host="127.0.0.1", port=port).deliver("1", letter_to())
    assert (desk.taken, desk.passwords) == ([], [])


async def test_a_server_that_cannot_prove_its_name_gets_neither_letter_nor_password(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path)
    desk, url = Desk(), "smtp://u:p%40ss%20word@mail.example.org"
    with listening(desk, tls_context=theirs, authenticator=desk.authenticate) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await beyond(url, port).deliver("1", letter_to())
        assert (desk.taken, desk.passwords) == ([], [])
        await beyond(url, port, tls=ours).deliver("1", letter_to())
    assert (len(desk.taken), desk.passwords) == (1, [b"p@ss word"])


async def test_a_wrong_password_is_in_no_line(office: Office, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level("DEBUG")
    theirs, ours = certificate(tmp_path)
    desk = Desk()
    await office.write()
    with listening(desk, tls_context=theirs, authenticator=desk.authenticate) as port:
        wrong = beyond("smtp://u:wr0ng-0ne@mail.example.org", port, tls=ours)
        await office.outbox(wrong).send_due()
    assert (desk.taken, (await office.rows())[0].attempts) == ([], 1)
    assert desk.passwords
    assert "wr0ng" not in caplog.text + repr(wrong) + repr(settings_for(office.services.database, mail_url="wr0ng"))


async def test_an_address_beyond_ascii_reaches_a_server_that_knows_them() -> None:
    desk = Desk()
    with listening(desk) as port:
        await transport_for(f"smtp://localhost:{port}", in_production=True).deliver("1", letter_to("ü@bücher.example"))
    assert "To: ü@xn--bcher-kva.example".encode() in desk.taken[0].splitlines()


@pytest.mark.parametrize(
    ("url", "in_production", "seen"),
    [
        ("smtp://mail.example.org", True, (587, False, True)),
        ("smtps://mail.example.org", True, (465, True, False)),
        ("smtp://mail.example.org:25", False, (25, False, None)),
        ("smtp://u:p@mail.example.org", False, (587, False, True)),
        ("smtp://u:p@[::1]:25", True, (25, False, False)),
        ("smtp://localhost.example.org", True, (587, False, True)),
    ],
)
def test_an_address_says_how_a_server_is_reached(url: str, in_production: bool, seen: tuple[Any, ...]) -> None:
    server: Any = transport_for(url, in_production=in_production)
    assert (server.port, server.encrypts, server.starts_tls) == seen


async def test_a_killed_process_loses_no_letter(office: Office, tmp_path: Path) -> None:
    """The server has the letter when its sender dies, and another process sends it again."""
    desk, dead = Desk(), []

    class Killing(Desk):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            os.kill(dead[0], signal.SIGKILL)
            return await super().handle_DATA(server, session, envelope)

    killing = Killing()
    office.clock.at = datetime.now(UTC)
    with listening(killing) as port:
        url = f"smtp://127.0.0.1:{port}"
        with serving(office.services.database.url, tmp_path, CONSENTQL_MAIL_URL=url) as server:
            dead.append(server.pid)
            await office.write(Notice.RESET_PASSWORD)
            for _ in range(200):
                if killing.taken:
                    break
                await asyncio.sleep(0.05)
    (row,) = await office.rows()
    assert (len(killing.taken), row.sent_at, row.attempts) == (1, None, 1)
    office.clock.at = row.due_at
    with listening(desk) as port:
        await office.outbox(transport_for(f"smtp://127.0.0.1:{port}", in_production=True)).send_due()
    tokens = {re.search(rb"#token=(\w+)", content)[1] for content in killing.taken + desk.taken}  # type: ignore[index]
    assert (len(desk.taken), len(tokens)) == (1, 1)

"""E-mails as messages, as files, and over SMTP with TLS."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.mail.delivery import MailServerFailed
from app.mail.transport import FolderTransport, MessageBuilder, transport_for
from models.database import Database
from models.email_address import InvalidAddress
from models.letters import Notice
from models.tables import OUTBOX
from models.tokens.mailed_tokens import (
    write_mailed_token,
)
from tests.mail.harness import LINK, MailHarness
from tests.mail.smtp_server import SmtpServer, certificate, message_to, remote_transport, running, sending_to
from tests.serving import serving
from tests.world import services_on, settings_for, world_of


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
def test_an_invalid_address_is_refused(address: str) -> None:
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
def test_a_recipient_is_one_header_line_with_an_ascii_domain(address: str, written: str) -> None:
    head = MessageBuilder("no-reply@example.org", "example.org")
    lines = bytes(head.message("1", address, "Subject", "Body", datetime.now(UTC))).decode().splitlines()
    assert f"To: {written}" in lines
    assert "Auto-Submitted: auto-generated" in lines


async def test_an_email_file_is_private_and_written_once(harness: MailHarness, tmp_path: Path) -> None:
    folder = FolderTransport(tmp_path / "var" / "mail")
    id = await harness.write(Notice.RESET_PASSWORD)
    await harness.outbox(folder).send_due()
    await harness.change(update(OUTBOX).values(sent_at=None, due_at=harness.clock()))
    await harness.outbox(folder).send_due()
    (file,) = folder.path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777, folder.path.stat().st_mode & 0o777) == (f"{id}.eml", 0o600, 0o700)
    assert LINK.search(file.read_text()), "the link is on one line"


async def test_a_development_server_writes_emails_to_a_folder(database: Database, tmp_path: Path) -> None:
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


async def test_production_sends_no_email_unencrypted() -> None:
    smtp = SmtpServer()
    with running(smtp) as port, pytest.raises(MailServerFailed):
        await remote_transport("smtp://mail.example.org", port).deliver("1", message_to())
    assert smtp.taken == []


async def test_a_password_is_never_sent_unencrypted() -> None:
    smtp = SmtpServer()
    guarded = transport_for("smtp://u:p%40ss%20word@mail.example.org", in_production=False)
    options = {"auth_require_tls": False, "authenticator": smtp.authenticate}
    with running(smtp, **options) as port, pytest.raises(MailServerFailed):
        await replace(guarded, host="127.0.0.1", port=port).deliver("1", message_to())
    assert (smtp.taken, smtp.passwords) == ([], [])


async def test_a_server_with_an_untrusted_certificate_gets_nothing(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path)
    smtp, url = SmtpServer(), "smtp://u:p%40ss%20word@mail.example.org"
    with running(smtp, tls_context=theirs, authenticator=smtp.authenticate) as port:
        with pytest.raises(MailServerFailed):
            await remote_transport(url, port).deliver("1", message_to())
        assert (smtp.taken, smtp.passwords) == ([], [])
        trusting = remote_transport(url, port, tls=ours)
        await trusting.deliver("1", message_to())
        await trusting.close()
    assert (len(smtp.taken), smtp.passwords) == (1, [b"p@ss word"])


async def test_a_mail_password_is_never_logged(
    harness: MailHarness, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    theirs, ours = certificate(tmp_path)
    smtp = SmtpServer()
    await harness.write()
    with running(smtp, tls_context=theirs, authenticator=smtp.authenticate) as port:
        wrong = remote_transport("smtp://u:wr0ng-0ne@mail.example.org", port, tls=ours)
        await harness.outbox(wrong).send_due()
    assert (smtp.taken, (await harness.rows())[0].attempts) == ([], 1)
    assert smtp.passwords
    assert "wr0ng" not in caplog.text + repr(wrong) + repr(settings_for(harness.services.database, mail_url="wr0ng"))


async def test_a_non_ascii_address_is_sent_with_smtputf8() -> None:
    smtp = SmtpServer()
    async with sending_to(smtp) as transport:
        await transport.deliver("1", message_to("ü@bücher.example"))
    assert "To: ü@xn--bcher-kva.example".encode() in smtp.taken[0].splitlines()


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
def test_a_mail_url_selects_port_and_encryption(url: str, in_production: bool, seen: tuple[Any, ...]) -> None:
    server: Any = transport_for(url, in_production=in_production)
    assert (server.port, server.encrypts, server.starts_tls) == seen

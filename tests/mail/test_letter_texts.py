"""The content, recipient and link of each e-mail."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from app.mail.texts import TEXTS
from models.key_ring import KeyRing
from models.letters import LinkUse, Notice
from models.tables import ACCOUNTS, MAILED_TOKENS, METADATA, OUTBOX
from models.tokens.mailed_tokens import (
    LINK_LIFETIMES,
    LINK_USES,
    SENT_UNVERIFIED,
    end_mailed_tokens,
    write_mailed_token,
)
from models.tokens.token_format import TokenKind, digest_of, kind_of
from tests.mail.harness import CASE_NOTICES, LINK, SITE, MailHarness, body_text
from tests.statements import recorded_statements
from tests.world import FORM, KEY, PROFILE

NEW_KEY = "another key that is long enough to be accepted"


async def test_a_cancelled_erasure_is_not_announced(harness: MailHarness) -> None:
    await harness.change(update(ACCOUNTS).values(leaving_since=harness.clock()))
    await harness.write(Notice.ERASURE_SCHEDULED)
    await harness.change(update(ACCOUNTS).values(leaving_since=None))
    await harness.write(Notice.ERASURE_CANCELLED)
    await harness.send_due()
    assert [letter["Subject"] for letter in harness.transport.letters] == [TEXTS[Notice.ERASURE_CANCELLED].subject]
    assert len(await harness.rows()) == 1


@pytest.mark.parametrize("notice", Notice)
async def test_every_notice_has_an_email_without_personal_data(harness: MailHarness, notice: Notice) -> None:
    if notice is Notice.ERASURE_SCHEDULED:
        await harness.change(update(ACCOUNTS).values(leaving_since=harness.clock()))
    await harness.write(notice)
    await harness.send_due()
    (letter,) = harness.transport.letters
    body = body_text(letter)
    assert (letter["To"], letter["Subject"]) == ("ada@example.org", TEXTS[notice].subject)
    assert "api.example.org" in body
    assert len(re.findall(r"\d December 2026, \d\d:\d\d UTC", body)) >= 1 or notice is Notice.PASSWORD_CHANGED
    assert ("T-17 for {you}" in body) == (notice in CASE_NOTICES)
    assert ("31 December 2026" in body) == (notice is Notice.ERASURE_SCHEDULED), "30 days after"
    assert "{" not in body.replace("{you}", "")
    assert [len(line) for line in body.splitlines() if len(line) > 76 and not LINK.match(line)] == []
    assert len(LINK.findall(body)) == (notice in LINK_USES)
    told = [value for value in [*PROFILE.values(), *FORM.values(), "ada@", "90.190.1.7"] if isinstance(value, str)]
    assert [value for value in told if len(value) > 2 and value in body] == []


@pytest.mark.parametrize("notice", LINK_USES)
async def test_the_token_of_a_link_is_stored_only_as_a_digest(harness: MailHarness, notice: Notice) -> None:
    id = await harness.write(notice)
    dumps = [str(await harness.rows(table)) for table in METADATA.sorted_tables]
    await harness.send_due()
    dumps += [str(await harness.rows(table)) for table in METADATA.sorted_tables]
    (token,) = harness.transport.tokens
    (row,) = await harness.rows(MAILED_TOKENS)
    assert (row.id, row.digest, kind_of(token)) == (id, digest_of(token), TokenKind.MAILED)
    assert (row.use, row.expires_at) == (LINK_USES[notice].value, harness.clock() + LINK_LIFETIMES[LINK_USES[notice]])
    assert row.email == "ada@example.org"
    assert not any(token[len("cql_ml_") :][:43] in dump for dump in dumps)
    page = "reset" if LINK_USES[notice] is LinkUse.RESET else "verify"
    assert f"{SITE}/{page}#token={token}" in body_text(harness.transport.letters[0])


async def test_a_link_keeps_its_token_after_a_key_rotation(harness: MailHarness) -> None:
    await harness.write(Notice.RESET_PASSWORD)
    await harness.send_due(keys=KeyRing((NEW_KEY,)))
    assert harness.transport.letters == [], "a process without the key leaves the e-mail to others"
    harness.clock.at += timedelta(minutes=5)
    await harness.send_due(keys=KeyRing((NEW_KEY, KEY)))
    assert [digest_of(token) for token in harness.transport.tokens] == [(await harness.rows(MAILED_TOKENS))[0].digest]


@pytest.mark.parametrize("notice", Notice)
async def test_an_unverified_address_gets_only_the_emails_before_verification(
    harness: MailHarness, notice: Notice
) -> None:
    stranger = await harness.world.person("stranger@example.org", emailVerified=False)
    await harness.write(notice, stranger)
    await harness.send_due()
    assert len(harness.transport.letters) == (notice in SENT_UNVERIFIED)
    await harness.write(notice, about="c" * 32) if notice in CASE_NOTICES else await harness.write(notice)
    await harness.change(update(ACCOUNTS).values(email_verified=False))
    await harness.send_due()
    assert len(harness.transport.letters) == 2 * (notice in SENT_UNVERIFIED)
    assert all(row.sent_at for row in await harness.rows())


async def test_an_email_goes_to_the_current_or_the_stored_address(harness: MailHarness) -> None:
    await harness.write(Notice.NEW_DEVICE)
    await harness.write(Notice.ADDRESS_CHANGING, address="old@example.org")
    await harness.change(update(ACCOUNTS).values(email="new@example.org"))
    await harness.send_due()
    assert sorted(letter["To"] for letter in harness.transport.letters) == ["new@example.org", "old@example.org"]
    assert {row.address for row in await harness.rows()} == {None}, "the address is deleted after sending"


async def test_a_link_goes_only_to_the_address_that_it_verifies(harness: MailHarness) -> None:
    await harness.write(Notice.VERIFY_ADDRESS)
    await harness.change(update(ACCOUNTS).values(email="new@example.org"))
    await harness.send_due()
    assert (harness.transport.letters, await harness.rows()) == ([], [])
    await harness.write(Notice.CONFIRM_ADDRESS, address="third@example.org")
    await harness.send_due()
    assert [letter["To"] for letter in harness.transport.letters] == ["third@example.org"]
    assert {row.email for row in await harness.rows(MAILED_TOKENS)} == {"ada@example.org", "third@example.org"}


async def test_a_new_link_replaces_earlier_links_of_the_same_use(harness: MailHarness) -> None:
    sent = await harness.write(Notice.RESET_PASSWORD)
    await harness.send_due()
    waits, verifies = await harness.write(Notice.CLAIM_ADDRESS), await harness.write(Notice.VERIFY_ADDRESS)
    last = await harness.write(Notice.RESET_PASSWORD)
    assert {row.id for row in await harness.rows()} == {sent, verifies, last}
    used = {row.id: row.used_at is not None for row in await harness.rows(MAILED_TOKENS)}
    assert used == {sent: True, waits: True, verifies: False, last: False}
    async with harness.services.database.writing() as connection:
        await end_mailed_tokens(connection, harness.ada, harness.clock(), LinkUse.RESET)
    await harness.send_due()
    assert [letter["Subject"] for letter in harness.transport.letters[1:]] == [TEXTS[Notice.VERIFY_ADDRESS].subject]


async def test_of_concurrent_requests_for_a_link_one_stays_valid(harness: MailHarness) -> None:
    await asyncio.gather(*(harness.write(Notice.RESET_PASSWORD) for _ in range(6)))
    live = [row for row in await harness.rows(MAILED_TOKENS) if row.used_at is None]
    assert [row.id for row in live] == [row.id for row in await harness.rows()]
    assert len(live) == 1


async def test_an_email_without_recipient_reason_or_link_is_dropped(harness: MailHarness) -> None:
    gone = await harness.world.person("gone@example.org")
    await harness.write(Notice.ALREADY_REGISTERED, gone)
    await harness.write(Notice.CASE_OPENED, about="nowhere")
    late = await harness.write(Notice.RESET_PASSWORD)
    for table in METADATA.sorted_tables[::-1]:
        name = "id" if table is ACCOUNTS else "subject_id"
        if table is not OUTBOX and name in table.c and table.name not in ("consent_records", "disclosures"):
            await harness.change(delete(table).where(table.c[name] == gone))
    harness.clock.at += LINK_LIFETIMES[LinkUse.RESET]
    spent = await harness.write(Notice.VERIFY_ADDRESS)
    await harness.change(update(MAILED_TOKENS).where(MAILED_TOKENS.c.id == spent).values(used_at=harness.clock()))
    await harness.send_due()
    assert (harness.transport.letters, await harness.rows()) == ([], [])
    assert late in {row.id for row in await harness.rows(MAILED_TOKENS)}


async def test_a_link_request_runs_the_same_statements_for_every_address(harness: MailHarness) -> None:
    unverified = await harness.world.person("unverified@example.org", emailVerified=False)
    done = []
    for subject in (harness.ada, unverified, "0" * 32):
        database = harness.services.database
        async with database.writing() as connection, recorded_statements(database) as statements:
            await write_mailed_token(
                connection,
                harness.services.keys,
                subject_id=subject,
                notice=Notice.RESET_PASSWORD,
                now=harness.clock(),
            )
        done.append(list(statements))
    assert len({str(each) for each in done}) == 1
    await harness.send_due()
    assert (len(harness.transport.letters), len(await harness.rows())) == (2, 2), "a stand-in gets no letter"

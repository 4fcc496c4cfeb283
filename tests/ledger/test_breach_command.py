"""`consentql breach` lists the disclosures of a leaked token."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from models.database import Database
from models.tables import ACCESS_TOKENS
from models.tokens.token_format import TokenKind, digest_of, new_token
from models.vocabulary import Processor, Role
from tests.serving import COMMAND, environment
from tests.world import World, world_of

OPEN = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "a ticket"}) {
  ... on MandrillView { recipients { userId email firstName } } } }"""


def breach(url: str, token: str, since: str, until: str, cwd: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Runs `consentql breach` with a token on standard input."""
    return subprocess.run(
        [*COMMAND, "breach", "--from", since, "--to", until, *more],
        input=token,
        env=environment(url),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_breach_lists_what_a_leaked_token_read_in_the_time(database: Database, tmp_path: Path) -> None:
    clock = [datetime(2027, 1, 1, tzinfo=UTC)]
    world = world_of(database, now=lambda: clock[0])
    people = [await world.person(f"p{n}@example.org", ("SOCIAL",) if n else ()) for n in range(3)]
    leaked = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, now=clock[0])
    other = await world.token(Role.PROCESSOR, None, Processor.MANDRILL, now=clock[0])
    for hour, token, ids in ((1, leaked, people), (2, other, people), (3, leaked, people[1:]), (4, leaked, people)):
        clock[0] = datetime(2027, 1, 1, hour, tzinfo=UTC)
        await world.data(OPEN, token, {"ids": ids})
    window = ("2027-01-01T01:00:00Z", "2027-01-01T06:00:00+02:00")
    done = breach(database.url, leaked + "\n", *window, tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    first, third = "2027-01-01T01:00:00.000000Z", "2027-01-01T03:00:00.000000Z"
    expected = [
        {"subject": id, "at": at, "audience": "MANDRILL", "fields": ["EMAIL", "FIRST_NAME"][: 1 + (id != people[0])]}
        for id in sorted(people)
        for at in (first, third)
        if at == first or id in people[1:]
    ]
    assert answer["readings"] == expected
    assert (answer["subjects"], answer["entries"]) == (3, 5)
    assert answer["token"]["processor"] == "MANDRILL"
    text = breach(database.url, leaked, *window, tmp_path).stdout
    assert all(id in text for id in people)
    assert "3 subjects, 5 readings" in text
    for secret in (leaked, digest_of(leaked), "p1@example.org", "Amara"):
        assert secret not in text + done.stdout + done.stderr
    await world.client.aclose()


async def test_breach_notes_what_the_ledger_does_not_record_for_a_session(
    world: World, database: Database, tmp_path: Path
) -> None:
    id, session = await world.member("one@example.org")
    window = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    done = breach(database.url, session, *window, tmp_path)
    assert id in done.stdout
    assert "the directory" in done.stdout
    assert "0 subjects, 0 readings" in done.stdout
    answer = json.loads(breach(database.url, session, *window, tmp_path, "--json").stdout)
    assert (answer["token"]["holder"], "directory" in answer["token"]["note"]) == (id, True)
    fresh = new_token(TokenKind.SESSION)
    async with database.writing() as connection:
        changed = {"digest": digest_of(fresh), "previous_digest": digest_of(session)}
        await connection.execute(update(ACCESS_TOKENS).values(changed))
    assert breach(database.url, session, *window, tmp_path).returncode == 0
    assert breach(database.url, fresh, *window, tmp_path).returncode == 0


async def test_breach_refuses_an_unknown_token_and_an_invalid_time(
    world: World, database: Database, tmp_path: Path
) -> None:
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    start, end = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
    wrong = [
        (new_token(TokenKind.SESSION), start, end, "token is unknown"),
        ("", start, end, "does not contain a ConsentQL token"),
        (token[:-1], start, end, "does not contain a ConsentQL token"),
        (token, "2026-01-01", end, "--from must be a time"),
        (token, start, "2027-01-01T00:00:00", "--to must be a time"),
        (token, end, start, "--to must be after --from"),
        (token, start, start, "--to must be after --from"),
    ]
    for text, since, until, sentence in wrong:
        done = breach(database.url, text, since, until, tmp_path)
        assert (done.returncode, done.stdout, sentence in done.stderr) == (2, "", True), done.stderr
        assert not text or text not in done.stderr

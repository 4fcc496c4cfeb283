"""No operation takes one mailbox for a similar one, and every operation knows every spelling of one."""

import json
from email.utils import parseaddr

import pytest
from sqlalchemy import select

from app.commands.console.command_error import CommandError
from app.commands.console.process import find_person
from app.mail.letters import LetterTexts
from app.mail.outbox import Outbox
from app.mail.transport import MessageBuilder
from models.letters import LinkUse
from models.tables import SUPPORT_CASES
from models.vocabulary import Role
from resolvers.export.document import write_document
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    OTHER,
    STRONG,
    mailed_tokens,
    register,
    reset_password,
    sign_in,
    verify_email,
)
from tests.mail.harness import SITE, RecordingTransport
from tests.world import World

PAIRS = (
    ("strasse@example.org", "straße@example.org", "STRAßE@Example.org"),
    ("u@strasse.example.org", "u@straße.example.org", "U@xn--strae-oqa.example.org"),
    ("jose@example.org", "joſe@example.org", "joſe@EXAMPLE.org"),
    ("fiona@example.org", "ﬁona@example.org", " ﬁONA@example.org\u200b"),
)
"""Two similar mailboxes, and another spelling of the second."""

OPEN_CASE = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) {
  ... on Refusal { code } } }"""


async def sent_letters(world: World) -> list[str]:
    """Sends the waiting letters and returns their recipients."""
    transport = RecordingTransport()
    texts = LetterTexts(SITE)
    outbox = Outbox(world.services, transport, texts, MessageBuilder("no-reply@example.org", "example.org"))
    while await outbox.send_due():
        pass
    return [parseaddr(str(letter["To"]))[1] for letter in transport.letters]


@pytest.mark.parametrize(("early", "late", "spelt"), PAIRS)
async def test_registration_login_and_reset_keep_mailboxes_apart(
    world: World, early: str, late: str, spelt: str
) -> None:
    first = await world.person(early, password=OTHER)
    await register(world, late)
    await verify_email(world, (await mailed_tokens(world, LinkUse.VERIFY))[0])
    for address in (late, spelt):
        answer = await sign_in(world, address)
        assert answer["viewer"]["user"]["id"] != first
    assert (await sign_in(world, early))["code"] == "INVALID_CREDENTIALS"
    assert await register(world, spelt) == {"email": spelt.strip(" \u200b")}, "it is taken, and is not told"
    await world.data(ASK_RESET, None, {"e": spelt})
    (link, *_) = await mailed_tokens(world, LinkUse.RESET)
    await reset_password(world, link, "grey anchor under seven lamps")
    assert "accessToken" in await sign_in(world, late, "grey anchor under seven lamps")
    assert (await sign_in(world, early, OTHER))["viewer"]["user"]["id"] == first


@pytest.mark.parametrize(("early", "late", "spelt"), PAIRS)
async def test_imports_cases_commands_and_exports_keep_mailboxes_apart(
    world: World, early: str, late: str, spelt: str
) -> None:
    first, second = await world.person(early), await world.person(late)
    assert first != second
    support = await world.token(Role.SUPPORT, await world.person("agent@example.org"))
    ids = {early: first, late: second, spelt: second}
    for number, (address, id) in enumerate(ids.items()):
        async with world.services.database.reading() as connection:
            assert await find_person(connection, address) == id
        given = {"email": address, "reference": f"T-{number}", "reason": "broken", "extent": ["EMAIL"]}
        await world.data(OPEN_CASE, support, {"input": given})
    async with world.services.database.reading() as connection:
        cases = select(SUPPORT_CASES.c.subject_id).order_by(SUPPORT_CASES.c.reference)
        assert list((await connection.execute(cases)).scalars()) == list(ids.values())
    document = json.loads(
        b"".join([part async for part in write_document(world.services, world.services.database, second)])
    )
    assert document["import"]["email"] == late
    async with world.services.database.reading() as connection:
        with pytest.raises(CommandError):
            await find_person(connection, f"x{late}")


@pytest.mark.parametrize(("early", "late", "spelt"), PAIRS)
async def test_an_address_can_change_to_one_that_looks_like_another(
    world: World, early: str, late: str, spelt: str
) -> None:
    await world.person(early)
    await world.person("old@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": late, "p": STRONG})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    assert await verify_email(world, link, token) == {"email": late}
    assert "accessToken" in await sign_in(world, spelt)


async def test_a_letter_goes_to_the_mailbox_that_was_given(world: World) -> None:
    for _, late, _ in PAIRS:
        await register(world, late)
    await register(world, "Ada.L@EXAMPLE.org")
    assert sorted(await sent_letters(world)) == sorted(
        [
            "straße@example.org",
            "u@xn--strae-oqa.example.org",
            "joſe@example.org",
            "ﬁona@example.org",
            "Ada.L@example.org",
        ]
    )

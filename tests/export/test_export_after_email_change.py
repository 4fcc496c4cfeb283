"""An export does not reveal whether an address that its subject asked to change to belongs to someone."""

from typing import Any

from app.commands.access.disable import disable_account
from app.mail.letters import LetterTexts
from app.mail.outbox import Outbox
from app.mail.transport import MessageBuilder
from models.letters import LinkUse
from models.vocabulary import Role
from tests.export.test_export import exported
from tests.identity import CHANGE_EMAIL, STRONG, Clock, mailed_tokens, sign_in, verify_email
from tests.mail.harness import SITE, RecordingTransport, body_text
from tests.world import World

STATES = ("free", "taken", "unverified", "staff", "disabled")
"""The account that has the requested address."""


async def store_owners(world: World) -> None:
    """Stores an account with each address except `free@example.org`."""
    await world.person("taken@example.org")
    await world.person("unverified@example.org", emailVerified=False)
    await world.token(Role.SUPPORT, await world.person("staff@example.org"))
    await world.person("disabled@example.org")
    await disable_account(world.services, "disabled@example.org")


UNIQUE = frozenset(("id", "accountId", "receipt"))
"""Values that differ between any two people."""


def rows_of(document: Any, state: str) -> dict[str, list[str]]:
    """The rows of each section, sorted, without unique values and without the name of the address."""
    return {
        name: sorted(
            str({key: value for key, value in row.items() if key not in UNIQUE})
            .replace(f"{state}.asker@", "asker@")
            .replace(f"{state}@", "requested@")
            for row in section["items"]
        )
        for name, section in document["records"].items()
    }


async def test_the_rows_are_the_same_whoever_has_the_requested_address(world: World) -> None:
    clock, transport = Clock(world), RecordingTransport()
    await store_owners(world)
    messages = MessageBuilder("no-reply@example.org", "example.org")
    outbox = Outbox(world.services, transport, LetterTexts(SITE), messages)
    begun, seen = clock.at, []
    for state in STATES:
        clock.at = begun
        await world.person(f"{state}.asker@example.org", ("SOCIAL",), password=STRONG)
        token = (await sign_in(world, f"{state}.asker@example.org"))["accessToken"]
        await world.data(CHANGE_EMAIL, token, {"e": f"{state}@example.org", "p": STRONG})
        copies = [await exported(world, token)]
        clock.forward(minutes=1)
        while await outbox.send_due():
            pass
        copies.append(await exported(world, token))
        seen.append([rows_of(copy, state) for copy in copies])
    for rows in seen[1:]:
        assert rows == seen[0]
    assert all("CONFIRM_ADDRESS" in str(copy["letters"]) for copies in seen for copy in copies)


async def test_the_owner_of_a_taken_address_is_told_and_gets_no_link(world: World) -> None:
    await store_owners(world)
    await world.person("asker@example.org", password=STRONG)
    token = (await sign_in(world, "asker@example.org"))["accessToken"]
    for state in STATES:
        transport = RecordingTransport()
        messages = MessageBuilder("no-reply@example.org", "example.org")
        outbox = Outbox(world.services, transport, LetterTexts(SITE), messages)
        await world.data(CHANGE_EMAIL, token, {"e": f"{state.upper()}@example.org", "p": STRONG})
        (link, *_) = await mailed_tokens(world, LinkUse.CHANGE)
        while await outbox.send_due():
            pass
        (letter,) = [each for each in transport.letters if each["To"].lower() == f"{state}@example.org"]
        is_taken = state != "free"
        assert (link in body_text(letter)) is not is_taken
        assert ("already has an account" in " ".join(body_text(letter).split())) is is_taken
        if is_taken:
            assert (await verify_email(world, link, token))["code"] == "TOKEN_EXPIRED"

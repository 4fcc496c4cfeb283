"""The subject gets an e-mail when an unknown device signs in from another network."""

from sqlalchemy import update

from models.tables import ACCOUNTS
from tests.identity import (
    STRONG,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    sign_in,
)
from tests.world import World


async def test_an_unknown_device_in_another_network_is_reported_by_e_mail(world: World) -> None:
    """The first device is not reported. With two-factor sign-in the e-mail is written when the sign-in is complete."""
    clock = Clock(world)
    id = await world.person("p@example.org", password=STRONG, ipAddress=None)
    first = await sign_in(world, "p@example.org")
    app, _ = await enrol_authenticator(world, first["accessToken"])
    clock.forward(minutes=2)
    known = await complete_login(world, (await sign_in(world, "p@example.org"))["challenge"], app.code())

    async def results(**more: str) -> list[bool]:
        clock.forward(minutes=2)
        async with world.services.database.writing() as connection:
            await connection.execute(update(ACCOUNTS).values(ip_address="198.51.100.7"))
        before = await letters(world, id)
        challenge = (await sign_in(world, "p@example.org", **more))["challenge"]
        between = await letters(world, id)
        assert "accessToken" in await complete_login(world, challenge, app.code(), **more)
        after = await letters(world, id)
        return ["NEW_DEVICE" in since for since in (before, between[len(before) :], after[len(before) :])]

    assert await results(deviceToken=known["deviceToken"]) == [False, False, False]
    assert await results() == [False, False, True]

"""Every network may send only so many requests a minute."""

import pytest
from slowapi import Limiter

from app.main import create
from app.settings import Settings
from models.database import Database
from tests.world import services_on, settings_for, world_of


async def test_too_many_requests_of_a_network_are_refused_with_429(database: Database) -> None:
    settings: Settings = settings_for(database, rate_limits="on")
    world = world_of(database, settings)
    responses = [await world.post("{ viewer { role } }") for _ in range(601)]
    assert [response.status_code for response in responses] == [200] * 600 + [429]
    assert int(responses[-1].headers["Retry-After"]) > 0
    assert responses[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    world.services.hashing.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_process_does_not_start_if_requests_are_not_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limiter, "limit", lambda _self, _rate: lambda function: function)
    services = services_on(database)
    with pytest.raises(RuntimeError, match="does not count requests"):
        create(settings_for(database, rate_limits="on"), services)
    services.hashing.close()

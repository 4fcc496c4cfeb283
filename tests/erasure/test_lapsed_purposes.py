"""The data of a purpose that does not stand is erased after the grace period."""

from datetime import datetime

import pytest
from sqlalchemy import select, update

from models.tables import ACCOUNTS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import Purpose
from permissions import policy
from permissions.masked_columns import floor_parameters
from permissions.policy import VERSIONS, Version
from resolvers.consent.erasure_date import PURPOSE_TABLES, erasure_date_of, is_due
from tests.erasure.documents import DECIDE, GRANT, STATES
from tests.retention import DAY, MOMENT, RetentionHarness
from tests.world import line


async def test_withdrawn_data_is_erased_on_the_announced_date(
    harness: RetentionHarness,
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.extend_sessions()
    for purpose, table in PURPOSE_TABLES.items():
        await harness.world.data(DECIDE, mine, {"p": purpose})
        told = (await harness.world.data(STATES, mine))["me"]["consents"]
        at = datetime.fromisoformat(next(each["erasesAt"] for each in told if each["purpose"] == purpose))
        harness.clock.at = at - MOMENT
        assert await harness.run() == {}
        assert await harness.count(table) == 1
        harness.clock.at = at
        assert await harness.run() == {"lapsed_purposes": 1}
        assert await harness.count(table) == 0
        told = (await harness.world.data(STATES, mine))["me"]["consents"]
        assert next(each["erasesAt"] for each in told if each["purpose"] == purpose) is None


async def test_a_grant_before_the_date_keeps_the_data(harness: RetentionHarness) -> None:
    _, mine = await harness.world.member("p@example.org")
    await harness.extend_sessions()
    await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 20 * DAY
    await harness.world.data(GRANT, mine, {"v": VERSIONS[-1].name})
    harness.clock.at += 9 * DAY
    await harness.world.data(DECIDE, mine, {"p": "SOCIAL"})
    harness.clock.at += 11 * DAY
    await harness.run()
    assert await harness.count(PROFILES) == 1


async def test_imported_values_without_a_grant_are_erased_after_the_grace_period(harness: RetentionHarness) -> None:
    await harness.world.person("p@example.org", ())
    harness.clock.at += 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 2}
    assert (await harness.count(PROFILES), await harness.count(PRE_REGISTRATIONS)) == (0, 0)


def publish_version(monkeypatch: pytest.MonkeyPatch, at: datetime, *purposes: Purpose) -> None:
    """Publishes a policy version at `at` that changes these purposes."""
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS, Version("2027-09-09", at, purposes)))


async def test_data_of_an_outdated_grant_is_erased_a_grace_period_after_the_version(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    await harness.extend_sessions()
    published = harness.clock.at + DAY
    publish_version(monkeypatch, published, Purpose.SOCIAL)
    late = await harness.world.person("late@example.org", ("SOCIAL",), consents=[
        {"purpose": "SOCIAL", "granted": True, "policyVersion": VERSIONS[0].name}], preRegistration={})  # fmt: skip
    social = (await harness.world.data(STATES, mine))["me"]["consents"][1]
    assert (social["status"], datetime.fromisoformat(social["erasesAt"])) == ("OUTDATED", published + 30 * DAY)
    harness.clock.at = published + 30 * DAY - MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}, "what was imported without a standing grant a day before"
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}
    assert (await harness.count(PROFILES), await harness.count(PRE_REGISTRATIONS)) == (0, 1)
    assert late not in [row.subject_id for row in await harness.rows(PRE_REGISTRATIONS)]


async def test_a_second_version_does_not_postpone_the_erasure(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await harness.world.member("p@example.org", ("SOCIAL",), preRegistration={})
    await harness.extend_sessions()
    first = harness.clock.at + DAY
    later = [Version(f"v{days}", first + days * DAY, (Purpose.SOCIAL,)) for days in (0, 10)]
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS, *later))
    social = (await harness.world.data(STATES, mine))["me"]["consents"][1]
    assert (social["status"], datetime.fromisoformat(social["erasesAt"])) == ("OUTDATED", first + 30 * DAY)
    harness.clock.at = first + 30 * DAY - MOMENT
    assert await harness.run() == {}
    harness.clock.at += MOMENT
    assert await harness.run() == {"lapsed_purposes": 1}


async def test_the_erasure_date_is_the_same_in_python_and_in_sql(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = harness.clock.at
    publish_version(monkeypatch, now - 3 * DAY, Purpose.SOCIAL)
    ids = await harness.world.store_people(*(line(f"p{n}@example.org", ("SOCIAL",)) for n in range(36)))
    states = [
        {"email_verified": verified, "social_version": number, "social_lapsed_at": lapsed}
        for verified in (True, False)
        for number in (None, 1, 2)
        for lapsed in (None, now - 9 * DAY, now - DAY)
    ]
    async with harness.world.services.database.writing() as connection:
        for id, state in zip(ids, states, strict=False):
            await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(**state))
    accounts = {row.id: row for row in await harness.rows(ACCOUNTS)}
    for days in (-1, 0, 1, 2, 3, 4, 8, 9, 10):
        async with harness.world.services.database.reading() as connection:
            found = select(ACCOUNTS.c.id).where(is_due(Purpose.SOCIAL, now - days * DAY))
            in_sql = set((await connection.execute(found, floor_parameters())).scalars())
        said = {
            id
            for id, row in accounts.items()
            if not (row.email_verified and (row.social_version or 0) >= 2)
            and (at := erasure_date_of(row, Purpose.SOCIAL, days * DAY)) is not None
            and at <= now
        }
        assert in_sql == said, days

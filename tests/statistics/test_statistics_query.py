"""The `statistics` query: who is counted, by which values, and which queries are refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.statistics.dimensions import values_of
from models.tables import ACCOUNTS, DISCLOSURES, METADATA, ROLE_GRANTS, STATISTICS_CELLS, STATISTICS_RELEASES
from models.vocabulary import Dimension, Role
from permissions.statistics.histograms import BREAKDOWNS
from tests.statements import recorded_statements
from tests.statistics.platform import ASK, STARTED, Platform, fixed_noise
from tests.world import FORM, PROFILE, codes


async def test_only_consenting_verified_unlocked_subjects_without_staff_role_are_counted(
    platform: Platform,
) -> None:
    world = platform.world
    await platform.specialized("architecture", 20)
    await platform.specialized("art", 20, ("SOCIAL",))
    await platform.specialized("fashion", 20, ("EXPANSION",))
    await platform.specialized("ceramics", 20, emailVerified=False)
    await platform.specialized("jewellery", 20, hidden=["SPECIALIZATION"])
    objecting = await platform.specialized("medicine", 20)
    disabled = await platform.specialized("robotics", 20)
    withdrawn = await platform.specialized("research", 20)
    outdated = await platform.specialized("education", 20)
    restricted = await platform.specialized("dentistry", 20)
    leaving = await platform.specialized("automotive", 20)
    staff = await platform.specialized("aerospace", 20)
    once_staff = await platform.specialized("electronics", 20)
    await platform.change(ACCOUNTS, objecting, objected=15)
    await platform.change(ACCOUNTS, disabled, disabled_at=STARTED)
    await platform.change(ACCOUNTS, restricted, restricted_at=STARTED)
    await platform.change(ACCOUNTS, leaving, leaving_since=STARTED)
    await platform.change(ACCOUNTS, withdrawn, social_version=None)
    await platform.change(ACCOUNTS, outdated, social_version=0)
    for number, id in enumerate((*staff, *once_staff)):
        await world.token((Role.SUPPORT, Role.OPERATIONS)[number % 2], id, now=STARTED)
    await platform.change(ROLE_GRANTS, once_staff[:10], revoked_at=STARTED)
    await platform.change(ROLE_GRANTS, once_staff[10:], expires_at=STARTED)
    assert await platform.groups("SPECIALIZATION") == {
        (name,): 20 for name in ("architecture", "art", "electronics", "jewellery", "medicine", "robotics")
    }
    assert (await platform.statistics("SPECIALIZATION"))["subjects"] == 120
    expansion = 20 * len(("architecture", "fashion", "jewellery", "medicine", "robotics", "research", "education", "e"))
    assert (await platform.statistics("INDUSTRY"))["subjects"] == expansion
    both = await platform.statistics("COUNTRY", "SPECIALIZATION")
    assert both["subjects"] == 100
    assert {tuple(group["values"]) for group in both["groups"]} == {
        ("DE", name) for name in ("architecture", "electronics", "jewellery", "medicine", "robotics")
    }


async def test_free_text_counts_as_a_value_of_the_closed_list(platform: Platform) -> None:
    secret = "the only bell founder of Tallinn"
    forms: list[dict[str, Any]] = [
        {"mainPrinter": "prusa mk4", "country": "ee"},
        {"mainPrinter": "  PRUSA MK4 ", "country": "EE"},
        {"mainPrinter": "   "},
        {},
        {"mainPrinter": "unspecified"},
        {"mainPrinter": "Prusa  MK4", "jobRole": secret},
        {"mainPrinter": "Prusa MK4%", "jobRole": "TEACHER"},
    ]
    for number, form in enumerate(forms):
        await platform.crowd(f"p{number}-", 10, preRegistration=form, profile={**PROFILE, "specialization": secret})
    assert await platform.groups("MAIN_PRINTER") == {("Prusa MK4",): 20, ("UNSPECIFIED",): 20, ("OTHER",): 30}
    assert await platform.groups("COUNTRY") == {("EE",): 20, ("UNSPECIFIED",): 50}
    assert await platform.groups("JOB_ROLE") == {("teacher",): 10, ("OTHER",): 10, ("UNSPECIFIED",): 50}
    assert await platform.groups("SPECIALIZATION") == {("OTHER",): 70}
    assert b"bell" not in b"".join(await platform.everything())
    assert all("bell" not in str(row) for row in await platform.rows(STATISTICS_CELLS))


async def test_the_policy_query_lists_every_value_of_a_group(platform: Platform) -> None:
    dimensions = (await platform.world.data("{ policy { dimensions { dimension values } } }"))["policy"]["dimensions"]
    assert {each["dimension"]: tuple(each["values"]) for each in dimensions} == {
        d.value: values_of(d) for d in Dimension
    }
    assert len(dimensions[0]["values"]) == 251


async def test_values_follow_the_query_and_groups_follow_the_lists(platform: Platform) -> None:
    for place, country in enumerate(("EE", "DE")):
        for job in ("teacher", "engineer"):
            form = {**FORM, "country": country, "jobRole": job}
            await platform.crowd(f"{country}-{job}", 10 + 5 * place, preRegistration=form)
    ways = [await platform.statistics("COUNTRY", "JOB_ROLE"), await platform.statistics("JOB_ROLE", "COUNTRY")]
    expected = [("DE", "engineer", 15), ("DE", "teacher", 15), ("EE", "engineer", 10), ("EE", "teacher", 10)]
    assert [(*group["values"], group["count"]) for group in ways[0]["groups"]] == expected
    assert [(*group["values"][::-1], group["count"]) for group in ways[1]["groups"]] == expected


@pytest.mark.parametrize(
    "by",
    [
        [],
        ["COUNTRY", "COUNTRY"],
        ["INDUSTRY", "INDUSTRY"],
        ["INDUSTRY", "JOB_ROLE"],
        ["COUNTRY", "INDUSTRY", "JOB_ROLE"],
        [each.value for each in Dimension],
        ["COUNTRY"] * 40,
    ],
    ids=lambda by: "+".join(by)[:40] or "nothing",
)
async def test_an_unknown_breakdown_is_refused_before_any_read(platform: Platform, by: list[str]) -> None:
    async with recorded_statements(platform.world.services.database) as sent:
        answer = await platform.world.ask(ASK, platform.token, {"by": by})
    (error,) = answer["errors"]
    assert (codes(answer), error["extensions"]["argument"]) == (["BAD_USER_INPUT"], "groupBy")
    for each in BREAKDOWNS:
        assert f"[{', '.join(each.dimensions)}]" in error["message"]
    assert not any("statistics" in statement for statement in sent)
    assert await platform.rows(STATISTICS_RELEASES) == []


@pytest.mark.parametrize("role", ["MEMBER", "SUPPORT", "COMPLIANCE", "OPERATIONS"])
async def test_only_analytics_may_query_and_others_trigger_no_release(platform: Platform, role: str) -> None:
    person = await platform.world.person("p@example.org")
    token = await platform.world.token(Role(role), person, now=STARTED)
    assert codes(await platform.world.ask(ASK, token, {"by": ["COUNTRY"]})) == ["FORBIDDEN"]
    assert codes(await platform.world.ask(ASK, None, {"by": ["COUNTRY"]})) == ["FORBIDDEN"]
    assert await platform.rows(STATISTICS_RELEASES) == []


async def test_suppressed_groups_are_announced_by_comparison_with_the_lists(platform: Platform) -> None:
    await platform.crowd("p", 12)
    answer = await platform.statistics("INDUSTRY")
    assert (answer["suppressedGroups"], len(answer["groups"]), answer["subjects"]) == (True, 1, 10)
    platform.now = datetime(2027, 1, 1, tzinfo=UTC)
    for number, word in enumerate(values_of(Dimension.INDUSTRY)):
        form = {**FORM, "industry": "" if word == "UNSPECIFIED" else word}
        await platform.crowd(f"more{number}-", 10, preRegistration=form)
    full = await platform.statistics("INDUSTRY")
    assert (full["suppressedGroups"], len(full["groups"])) == (False, len(values_of(Dimension.INDUSTRY)))


async def test_a_total_below_ten_is_null(platform: Platform) -> None:
    await platform.crowd("p", 9)
    answer = await platform.statistics("COUNTRY")
    assert (answer["subjects"], answer["groups"], answer["suppressedGroups"]) == (None, [], True)


async def test_exact_counts_are_neither_stored_nor_logged(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    platform.world.services.noise = fixed_noise(3)
    await platform.crowd("p", 61)
    await platform.everything()
    cells = await platform.rows(STATISTICS_CELLS)
    assert {cell.shown for cell in cells} == {65}, "61 and 3, rounded"
    columns = {name: {column.name for column in METADATA.tables[name].columns} for name in METADATA.tables}
    assert columns["statistics_cells"] == {"release_number", "histogram", "first_value", "second_value", "shown"}
    assert columns["statistics_releases"] == {"number", "released_at", "epsilon", "bound"}
    ours = [
        record
        for record in caplog.records
        if not record.name.startswith(("aiosqlite", "asyncio", "models.connections"))
    ]
    assert [record for record in ours if "61" in record.getMessage() or "statistics" in record.getMessage()] == []


async def test_statistics_record_no_disclosure(platform: Platform) -> None:
    await platform.crowd("p", 30)
    await platform.everything()
    assert await platform.rows(DISCLOSURES) == []

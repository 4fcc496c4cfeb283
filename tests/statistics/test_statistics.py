"""Statistics come from sealed releases: groups of ten or more, with noise that hides whether anybody is in one."""

import asyncio
import json
import math
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.settings import InvalidSettings, Settings
from models.database import Database
from models.statistics.dimensions import CLOSED_LISTS, values_of
from models.statistics.discrete_laplace import Noise
from models.tables import ACCOUNTS, DISCLOSURES, METADATA, ROLE_GRANTS, STATISTICS_CELLS, STATISTICS_RELEASES
from models.vocabulary import Dimension, Role
from permissions.statistics.histograms import BREAKDOWNS, HISTOGRAMS, histogram_of
from permissions.statistics.suppression import error_margin, publishable_count
from resolvers.statistics.release import make_release, newest_release, published_cells
from tests.serving import COMMAND, ROOT, consentql, environment, serving
from tests.statements import recorded_statements
from tests.world import FORM, KEY, PROFILE, World, codes, line, world_of

BOTH = ("SOCIAL", "EXPANSION")
STARTED = datetime(2026, 11, 20, 12, tzinfo=UTC)
USUAL = Noise()
SMALLER = Noise(Fraction(1, 2), 24)
ASK = """query ($by: [Dimension!]!) { statistics(groupBy: $by) {
  releasedAt nextAt epsilon margin subjects groups { values count } suppressedGroups } }"""


def called(value: Any) -> str:
    return f"{value.epsilon},{value.bound}" if isinstance(value, Noise) else str(value)


class Drawn(Noise):
    """Noise that is known: whatever `below` answers."""

    def draw(self) -> int:
        return self.below(self.bound)


def drawn(value: int, bound: int = 48) -> Noise:
    return Drawn(Fraction(1, 4), bound, lambda _: value)


EXACT = drawn(0, bound=0)
"""No noise at all, so that a group of ten is shown: for the laws of who is counted."""


def seeded(noise: Noise, seed: int) -> Noise:
    return Noise(noise.epsilon, noise.bound, random.Random(seed).randrange)


def chances(noise: Noise) -> dict[int, float]:
    """The distribution that the noise must have."""
    weights = {x: math.exp(-noise.epsilon * abs(x)) for x in range(-noise.bound, noise.bound + 1)}
    return {x: weight / sum(weights.values()) for x, weight in weights.items()}


def outcomes(people: int, noise: Noise) -> Counter[int | None]:
    """What a cell of so many people is published as, and how likely."""
    found: Counter[int | None] = Counter()
    for x, chance in chances(noise).items():
        found[publishable_count(people, drawn(x, noise.bound))] += chance  # type: ignore[assignment]
    return found


# ---------------------------------------------------------------- the noise


@pytest.mark.parametrize("noise", [USUAL, SMALLER, Noise(Fraction(3, 7), 28), Noise(Fraction(1), 2)], ids=called)
def test_the_noise_has_exactly_its_distribution(noise: Noise) -> None:
    draws = 60_000
    source = seeded(noise, 7)
    found = Counter(source.draw() for _ in range(draws))
    assert set(found) <= set(chances(noise))
    expected = {x: draws * chance for x, chance in chances(noise).items()}
    common = [x for x in expected if expected[x] >= 10]
    seen = [*(found[x] for x in common), draws - sum(found[x] for x in common)]
    due = [*(expected[x] for x in common), max(draws - sum(expected[x] for x in common), 1.0)]
    freedom = len(common)
    assert sum((a - b) ** 2 / b for a, b in zip(seen, due, strict=True)) < freedom + 5 * math.sqrt(2 * freedom)


def test_the_noise_comes_from_the_systems_secure_source_and_from_whole_numbers_alone() -> None:
    assert Noise().below is secrets.randbelow
    asked: list[object] = []

    def below(limit: int) -> int:
        asked.append(limit)
        return secrets.randbelow(limit)

    results = [Noise(Fraction(3, 7), 28, below).draw() for _ in range(200)]
    assert {type(each) for each in (*asked, *results)} == {int}


# ---------------------------------------------------------------- a cell


@pytest.mark.parametrize("noise", [USUAL, SMALLER], ids=called)
def test_a_group_that_is_shown_has_ten_people_and_its_count_is_near(noise: Noise) -> None:
    """Every size and every noise: there are no others."""
    for people in range(3 * noise.bound):
        for x in range(-noise.bound, noise.bound + 1):
            count = publishable_count(people, drawn(x, noise.bound))
            if count is None:
                assert people < 10 + 2 * noise.bound, "a group of that many is always shown"
                continue
            assert people >= 10
            assert abs(count - people) <= noise.bound + 2
            assert count % 5 == 0


@settings(max_examples=300, deadline=None)
@given(
    people=st.integers(0, 400),
    seed=st.integers(0, 2**32),
    epsilon=st.fractions(min_value="1/10", max_value=1, max_denominator=50),
)
def test_whatever_the_setting_a_shown_group_has_ten_people(people: int, seed: int, epsilon: Fraction) -> None:
    bound = math.ceil(12 / epsilon)
    count = publishable_count(people, seeded(Noise(epsilon, bound), seed))
    assert count is None or (people >= 10 and abs(count - people) <= bound + 2)


@pytest.mark.parametrize(("noise", "known"), [(USUAL, 12), (SMALLER, 7)], ids=called)
def test_the_margin_holds_95_of_100_counts_and_no_smaller_one_does(noise: Noise, known: int) -> None:
    sure = 10 + 2 * noise.bound

    def within(distance: int) -> float:
        return min(
            sum(chance for count, chance in outcomes(people, noise).items() if abs((count or 0) - people) <= distance)
            for people in range(sure, sure + 20)
        )

    assert error_margin(noise) == known
    assert within(known) >= 0.95 > within(known - 1)


# ---------------------------------------------------------------- an attacker who knows everyone else


def test_one_person_changes_a_cell_by_no_more_than_is_promised() -> None:
    """(epsilon, delta) of one cell, exactly; fourteen of them make a release (3.5, 1.1e-5)-differentially private."""
    most = math.exp(USUAL.epsilon)
    told = 0.0
    for people in range(140):
        for one, other in permutations((outcomes(people, USUAL), outcomes(people + 1, USUAL))):
            told = max(told, sum(max(0.0, chance - most * other[count]) for count, chance in one.items()))
    assert 14 * told <= 1.1e-5
    assert len(HISTOGRAMS) * USUAL.epsilon == Fraction(7, 2)


@pytest.mark.parametrize("others", [11, 30, 57, 60, 64, 120])
def test_an_attacker_who_knows_everyone_else_guesses_no_better_than_is_promised(others: int) -> None:
    right = membership_guessed(others, seeded(USUAL, others))
    assert right <= math.exp(USUAL.epsilon) / (1 + math.exp(USUAL.epsilon)) + 0.045


def test_the_same_attacker_is_always_right_where_there_is_no_noise() -> None:
    assert membership_guessed(57, EXACT) == 1.0


def membership_guessed(others: int, noise: Noise, releases: int = 600) -> float:
    """How often the best guess from a whole release is right on whether one more person is in a group."""
    (histogram,) = (each for each in BREAKDOWNS if each.dimensions == (Dimension.SPECIALIZATION,))
    without, with_target = outcomes(others, noise), outcomes(others + 1, noise)
    coins = random.Random(others)
    right = 0
    for _ in range(releases):
        there = coins.random() < 0.5
        true = {("SPECIALIZATION", "art", ""): others + there, ("SPECIALIZATION", "robotics", ""): 80}
        cells = {cell["first_value"]: cell["shown"] for cell in published_cells(histogram, true, noise)}
        seen = cells.get("art")
        guess = with_target[seen] > without[seen] if with_target[seen] != without[seen] else coins.random() < 0.5
        right += guess == there
    return right / releases


def test_each_person_is_in_at_most_one_cell_of_each_of_fourteen_histograms() -> None:
    assert len(HISTOGRAMS) == 14
    assert len({each.name for each in HISTOGRAMS}) == 14
    for histogram in HISTOGRAMS:
        groups = list(histogram.groups())
        assert len(groups) == len({tuple(value.lower() for value in group) for group in groups}) == histogram.size


def test_an_empty_group_costs_the_same_work_as_a_full_one_and_is_never_shown() -> None:
    drawn_for: list[int] = []

    def below(limit: int) -> int:
        drawn_for.append(limit)
        return 48

    worst = Drawn(Fraction(1, 4), 48, below)
    for histogram in HISTOGRAMS:
        drawn_for.clear()
        assert list(published_cells(histogram, {}, worst)) == []
        assert len(drawn_for) == histogram.size


def test_the_lists_are_closed_words_that_both_databases_fold_alike() -> None:
    for dimension in Dimension:
        words = values_of(dimension)
        assert words[-2:] == ("UNSPECIFIED", "OTHER")
        assert len({word.lower() for word in words}) == len(words)
        assert all(word.isascii() and word == word.strip() and 0 < len(word) <= 64 for word in words)
        assert list(CLOSED_LISTS[dimension]) == sorted(CLOSED_LISTS[dimension], key=str.lower)


# ---------------------------------------------------------------- a platform that is asked


@dataclass
class Platform:
    """A world with a clock of its own and a person who may ask."""

    world: World
    token: str
    now: datetime = STARTED

    async def asked(self, *by: str) -> Any:
        return (await self.world.data(ASK, self.token, {"by": by}))["statistics"]

    async def raw(self, *by: str) -> bytes:
        return (await self.world.post(ASK, self.token, {"by": by})).content

    async def everything(self) -> list[bytes]:
        return [await self.raw(*each.dimensions) for each in BREAKDOWNS]

    async def groups(self, *by: str) -> dict[tuple[str, ...], int]:
        return {tuple(group["values"]): group["count"] for group in (await self.asked(*by))["groups"]}

    async def crowd(self, name: str, many: int, purposes: Sequence[str] = BOTH, **more: Any) -> list[str]:
        lines = (line(f"{name}{number}@example.org", purposes, **more) for number in range(many))
        return await self.world.store_people(*lines)

    async def specialized(self, what: str, many: int, purposes: Sequence[str] = BOTH, **more: Any) -> list[str]:
        return await self.crowd(what, many, purposes, profile={**PROFILE, "specialization": what}, **more)

    async def rows(self, table: Any) -> list[Any]:
        async with self.world.services.database.reading() as connection:
            return list((await connection.execute(select(table))).all())

    async def change(self, table: Any, ids: Sequence[str], **values: Any) -> None:
        column = table.c.subject_id if table is ROLE_GRANTS else table.c.id
        async with self.world.services.database.writing() as connection:
            await connection.execute(update(table).where(column.in_(ids)).values(**values))


async def platform_of(world: World) -> Platform:
    analyst = await world.person("analyst@example.org", ())
    token = await world.token(Role.ANALYTICS, analyst, now=STARTED, expires_at=STARTED + timedelta(days=3000))
    async with world.services.database.writing() as connection:
        await connection.execute(update(ROLE_GRANTS).values(expires_at=STARTED + timedelta(days=3000)))
    platform = Platform(world, token)
    world.services.now = lambda: platform.now
    return platform


@pytest.fixture
async def platform(world: World) -> Platform:
    """Without noise, unless a test says otherwise."""
    world.services.noise = EXACT
    return await platform_of(world)


async def test_those_are_counted_who_stand_consented_are_verified_neither_restricted_nor_leaving_and_do_not_work_here(
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
    assert (await platform.asked("SPECIALIZATION"))["subjects"] == 120
    expansion = 20 * len(("architecture", "fashion", "jewellery", "medicine", "robotics", "research", "education", "e"))
    assert (await platform.asked("INDUSTRY"))["subjects"] == expansion
    both = await platform.asked("COUNTRY", "SPECIALIZATION")
    assert both["subjects"] == 100
    assert {tuple(group["values"]) for group in both["groups"]} == {
        ("DE", name) for name in ("architecture", "electronics", "jewellery", "medicine", "robotics")
    }


async def test_what_somebody_wrote_is_a_word_of_the_lists_and_the_form_is_not_the_profile(platform: Platform) -> None:
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


async def test_the_policy_prints_every_value_that_a_group_can_have(platform: Platform) -> None:
    told = (await platform.world.data("{ policy { dimensions { dimension values } } }"))["policy"]["dimensions"]
    assert {each["dimension"]: tuple(each["values"]) for each in told} == {d.value: values_of(d) for d in Dimension}
    assert len(told[0]["values"]) == 251


async def test_values_come_in_the_order_asked_and_groups_in_the_order_of_the_lists(platform: Platform) -> None:
    for place, country in enumerate(("EE", "DE")):
        for job in ("teacher", "engineer"):
            form = {**FORM, "country": country, "jobRole": job}
            await platform.crowd(f"{country}-{job}", 10 + 5 * place, preRegistration=form)
    ways = [await platform.asked("COUNTRY", "JOB_ROLE"), await platform.asked("JOB_ROLE", "COUNTRY")]
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
async def test_any_other_question_is_refused_by_name_and_reads_nothing(platform: Platform, by: list[str]) -> None:
    async with recorded_statements(platform.world.services.database) as sent:
        answer = await platform.world.ask(ASK, platform.token, {"by": by})
    (error,) = answer["errors"]
    assert (codes(answer), error["extensions"]["argument"]) == (["BAD_USER_INPUT"], "groupBy")
    for each in BREAKDOWNS:
        assert f"[{', '.join(each.dimensions)}]" in error["message"]
    assert not any("statistics" in statement for statement in sent)
    assert await platform.rows(STATISTICS_RELEASES) == []


def test_dimensions_are_asked_in_any_order_and_only_as_allowed() -> None:
    assert len(BREAKDOWNS) == 11
    for one in Dimension:
        assert histogram_of([one]) is not None
        for other in Dimension:
            allowed = one is not other and Dimension.COUNTRY in (one, other)
            assert (histogram_of([one, other]) is not None) == allowed


@pytest.mark.parametrize("role", ["MEMBER", "SUPPORT", "COMPLIANCE", "OPERATIONS"])
async def test_only_analytics_asks_and_who_else_does_makes_no_release(platform: Platform, role: str) -> None:
    person = await platform.world.person("p@example.org")
    token = await platform.world.token(Role(role), person, now=STARTED)
    assert codes(await platform.world.ask(ASK, token, {"by": ["COUNTRY"]})) == ["FORBIDDEN"]
    assert codes(await platform.world.ask(ASK, None, {"by": ["COUNTRY"]})) == ["FORBIDDEN"]
    assert await platform.rows(STATISTICS_RELEASES) == []


async def test_groups_are_said_to_be_left_out_where_the_public_lists_say_it(platform: Platform) -> None:
    await platform.crowd("p", 12)
    told = await platform.asked("INDUSTRY")
    assert (told["suppressedGroups"], len(told["groups"]), told["subjects"]) == (True, 1, 10)
    platform.now = datetime(2027, 1, 1, tzinfo=UTC)
    for number, word in enumerate(values_of(Dimension.INDUSTRY)):
        form = {**FORM, "industry": "" if word == "UNSPECIFIED" else word}
        await platform.crowd(f"more{number}-", 10, preRegistration=form)
    full = await platform.asked("INDUSTRY")
    assert (full["suppressedGroups"], len(full["groups"])) == (False, len(values_of(Dimension.INDUSTRY)))


async def test_too_few_are_no_number(platform: Platform) -> None:
    await platform.crowd("p", 9)
    told = await platform.asked("COUNTRY")
    assert (told["subjects"], told["groups"], told["suppressedGroups"]) == (None, [], True)


# ---------------------------------------------------------------- a release stands


async def test_answers_are_byte_equal_until_the_next_release_whatever_happens(platform: Platform) -> None:
    world = platform.world
    world.services.noise = USUAL
    ids = await platform.crowd("p", 130)
    first = await platform.everything()
    told = json.loads(first[0])["data"]["statistics"]
    assert (told["epsilon"], told["margin"]) == (0.25, 12)
    assert (told["releasedAt"], told["nextAt"]) == ("2026-11-20T12:00:00.000000Z", "2027-01-01T00:00:00.000000Z")
    assert told["groups"], "a group of so many is always shown"
    mine = await world.token(Role.MEMBER, ids[0], now=STARTED)
    await world.data("mutation { withdrawConsent(purpose: EXPANSION) { __typename } }", mine)
    await platform.change(ACCOUNTS, ids[1:60], expansion_version=None, email_verified=False)
    await platform.crowd("late", 40, preRegistration={**FORM, "country": "FR"})
    world.services.noise = SMALLER
    platform.now = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert await platform.everything() == first
    platform.now += timedelta(microseconds=1)
    later = await platform.asked("COUNTRY")
    assert (later["releasedAt"], later["epsilon"], later["margin"]) == ("2027-01-01T00:00:00.000000Z", 0.5, 7)
    assert len(await platform.rows(STATISTICS_RELEASES)) == 2


async def test_an_answer_reads_the_release_alone_with_the_same_statements_always(platform: Platform) -> None:
    database = platform.world.services.database
    await platform.asked("COUNTRY")

    async def sent() -> list[str]:
        async with recorded_statements(database) as statements:
            await platform.everything()
        return [statement for statement in statements if "access_tokens" not in statement and "BEGIN" not in statement]

    empty = await sent()
    await platform.crowd("p", 40)
    assert await make_release(platform.world.services, early=True)
    assert await sent() == empty
    assert all("statistics_" in statement for statement in empty)
    assert len(empty) == 2 * len(BREAKDOWNS)


async def test_a_release_costs_the_same_few_statements_however_many_people_there_are(platform: Platform) -> None:
    async def cost() -> list[str]:
        async with recorded_statements(platform.world.services.database) as statements:
            assert await make_release(platform.world.services, early=True)
        return [statement for statement in statements if "BEGIN" not in statement and "PRAGMA" not in statement]

    await platform.crowd("p", 10)
    few = await cost()
    await platform.crowd("q", 60)
    many = await cost()
    assert len(few) == len(many) == 4
    assert many[:3] == few[:3]


async def test_nothing_is_kept_or_said_of_true_counts(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    platform.world.services.noise = drawn(3)
    await platform.crowd("p", 61)
    await platform.everything()
    cells = await platform.rows(STATISTICS_CELLS)
    assert {cell.shown for cell in cells} == {65}, "61 and 3, rounded"
    columns = {name: {column.name for column in METADATA.tables[name].columns} for name in METADATA.tables}
    assert columns["statistics_cells"] == {"release_number", "histogram", "first_value", "second_value", "shown"}
    assert columns["statistics_releases"] == {"number", "released_at", "epsilon", "bound"}
    ours = [record for record in caplog.records if not record.name.startswith(("aiosqlite", "asyncio"))]
    assert [record for record in ours if "61" in record.getMessage() or "statistics" in record.getMessage()] == []


async def test_statistics_are_no_disclosure(platform: Platform) -> None:
    await platform.crowd("p", 30)
    await platform.everything()
    assert await platform.rows(DISCLOSURES) == []


async def test_a_release_is_whole_or_not_there(platform: Platform) -> None:
    await platform.crowd("p", 30)

    def broken(_limit: int) -> int:
        raise RuntimeError("no noise")

    platform.world.services.noise = Drawn(Fraction(1, 4), 48, broken)
    assert codes(await platform.world.ask(ASK, platform.token, {"by": ["COUNTRY"]})) == ["INTERNAL"]
    assert await platform.rows(STATISTICS_RELEASES) == []
    platform.world.services.noise = EXACT
    assert (await platform.asked("COUNTRY"))["subjects"] == 30


async def test_those_who_ask_first_at_once_share_one_release(platform: Platform) -> None:
    platform.world.services.noise = USUAL
    await platform.crowd("p", 150)
    answers = await asyncio.gather(*(platform.raw("COUNTRY") for _ in range(12)))
    assert len(set(answers)) == 1
    assert b"errors" not in answers[0]
    assert len(await platform.rows(STATISTICS_RELEASES)) == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_several_processes_that_are_asked_first_share_one_release(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    token = await world.token(Role.ANALYTICS, await world.person("analyst@example.org", ()))
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(150)))

    async def asked(url: str) -> bytes:
        async with httpx.AsyncClient(timeout=60) as client:  # a new connection, so that another worker may take it
            body = {"query": ASK, "variables": {"by": ["COUNTRY"]}}
            headers = {"Authorization": f"Bearer {token}"}
            return (await client.post(f"{url}/graphql", json=body, headers=headers)).content

    with (
        serving(database.url, tmp_path, "--workers", "2") as one,
        serving(database.url, tmp_path) as other,
    ):
        answers = await asyncio.gather(*(asked(url) for url in (one.url, other.url) * 8))
    assert len(set(answers)) == 1, answers
    assert b"errors" not in answers[0]
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(STATISTICS_RELEASES))).scalar_one() == 1


# ---------------------------------------------------------------- how many


async def test_a_year_has_six_releases_and_then_the_last_one_stands(platform: Platform) -> None:
    services = platform.world.services
    made = []
    for _ in range(8):
        made.append(await make_release(services, early=True))
        platform.now += timedelta(days=1)
    assert made == [True] * 6 + [False] * 2
    last = await platform.asked("COUNTRY")
    assert last["releasedAt"] == "2026-11-25T12:00:00.000000Z"
    assert last["nextAt"] == "2027-11-20T12:00:00.000000Z", "a year after the first of them, not the next quarter"
    platform.now = datetime(2027, 11, 20, 11, 59, tzinfo=UTC)
    assert await platform.asked("COUNTRY") == last
    platform.now += timedelta(minutes=1)
    assert (await platform.asked("COUNTRY"))["releasedAt"] == "2027-11-20T12:00:00.000000Z"
    assert not await make_release(services, early=True), "the second of them is not a year old"


@pytest.mark.parametrize("seed", range(3))
async def test_no_year_has_more_releases_than_are_allowed_and_no_quarter_asked_of_has_none(
    platform: Platform, seed: int
) -> None:
    chance = random.Random(seed)
    services = platform.world.services
    services.releases_per_year = most = chance.choice((1, 3, 6))
    for _ in range(30):
        platform.now += timedelta(days=chance.choice((-20, 0, 1, 5, 30, 90)), seconds=chance.randint(0, 86_400))
        if chance.random() < 0.5:
            await make_release(services, early=True)
            continue
        answer = await platform.asked("COUNTRY")
        assert answer["nextAt"] > platform.now.isoformat()[:26]
    at = [row.released_at for row in sorted(await platform.rows(STATISTICS_RELEASES))]
    assert at == sorted(at)
    assert len(at) >= most
    assert all(later - earlier >= timedelta(days=365) for earlier, later in zip(at, at[most:], strict=False))


async def test_a_question_makes_one_release_a_quarter(platform: Platform) -> None:
    made = set()
    for month in range(24):
        platform.now = datetime(2027 + month // 12, month % 12 + 1, 15, tzinfo=UTC)
        answer = await platform.asked("COUNTRY")
        made.add(answer["releasedAt"][:7])
    assert sorted(made) == [f"{year}-{month:02}" for year in (2027, 2028) for month in (1, 4, 7, 10)]


# ---------------------------------------------------------------- the operator


async def test_the_command_makes_the_next_release_and_says_nothing_of_it(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    token = await world.token(Role.ANALYTICS, await world.person("analyst@example.org", ()))
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(130)))
    for number in (1, 2):
        done = consentql(database.url, "release-statistics", cwd=tmp_path, CONSENTQL_STATISTICS_RELEASES_PER_YEAR="2")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        async with database.reading() as connection:
            standing = await newest_release(connection, 2)
        assert standing is not None
        assert standing.number == number
        assert done.stderr == f"Released at {standing.released_at}; the next is due at {standing.next_at}.\n"
    done = consentql(database.url, "release-statistics", cwd=tmp_path, CONSENTQL_STATISTICS_RELEASES_PER_YEAR="2")
    assert (done.returncode, "the last one stands" in done.stderr) == (2, True)
    answer = (await world.data(ASK, token, {"by": ["COUNTRY"]}))["statistics"]
    assert answer["releasedAt"] == standing.released_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert f"released at {standing.released_at}" in consentql(database.url, "oversight", cwd=tmp_path).stdout


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_commands_that_are_given_at_once_make_whole_releases(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    await world.store_people(*(line(f"p{number}@example.org", BOTH) for number in range(130)))
    started = [
        await asyncio.create_subprocess_exec(
            *COMMAND, "release-statistics", env=environment(database.url), cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    ended = [(await each.communicate(), each.returncode) for each in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
    async with database.reading() as connection:
        numbers = (await connection.execute(select(STATISTICS_RELEASES.c.number))).scalars().all()
        whole = (await connection.execute(select(STATISTICS_CELLS.c.release_number).distinct())).scalars().all()
    assert sorted(numbers) == sorted(whole) == list(range(1, len(numbers) + 1))


def weaknesses(**changes: Any) -> str:
    try:
        Settings(secret_keys=(KEY,), **changes).checked()
    except (InvalidSettings, ValueError) as problem:
        return str(problem)
    return ""


def test_noise_that_protects_nobody_is_not_started_with() -> None:
    assert weaknesses() == ""
    assert weaknesses(statistics_epsilon="0.5", statistics_bound=24) == ""
    assert "STATISTICS_BOUND" in weaknesses(statistics_bound=47)
    assert "STATISTICS_BOUND" in weaknesses(statistics_epsilon="0.1")
    for wrong in ("0", "-1", "1.5", "nan", "1e-9"):
        assert "statistics_epsilon" in weaknesses(statistics_epsilon=wrong, statistics_bound=100_000)
    assert "statistics_releases_per_year" in weaknesses(statistics_releases_per_year=0)
    strong = {"environment": "production", "statistics_epsilon": "0.5", "statistics_bound": 24}
    assert "STATISTICS" not in weaknesses(**strong)
    told = weaknesses(**{**strong, "statistics_epsilon": "0.51"}, statistics_releases_per_year=7)
    assert "STATISTICS_EPSILON" in told
    assert "STATISTICS_RELEASES_PER_YEAR" in told


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_groups_appear_in_the_demonstration(database: Database, tmp_path: Path) -> None:
    assert consentql(database.url, "demo", cwd=tmp_path).returncode == 0
    world = world_of(database)
    done = consentql(database.url, "token", "ANALYTICS", "--holder", "analytics@demo.example.org", cwd=tmp_path)
    for by in BREAKDOWNS[:6]:
        told = (await world.data(ASK, done.stdout.strip(), {"by": by.dimensions}))["statistics"]
        assert len(told["groups"]) >= 5, by.name
        assert told["subjects"] > 500
    crossed = (await world.data(ASK, done.stdout.strip(), {"by": ["COUNTRY", "INSTITUTION_TYPE"]}))["statistics"]
    assert crossed["groups"]
    assert str(ROOT) not in json.dumps(crossed)

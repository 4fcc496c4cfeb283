"""The policy's versions, periods and tools: what widens is announced, counts are the decision's, nobody is printed."""

import asyncio
import json
import random
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.commands.console.command_error import CommandError
from app.commands.policy.compare import diff
from app.commands.policy.show import Format, render_policy
from app.durations import parse_duration
from app.main import create
from app.settings import InvalidSettings, Settings, from_environment
from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.token_format import TokenKind, digest_of, new_token
from models.vocabulary import Audience, Lock, PersonalField, Processor, Purpose, Role
from permissions import policy, policy_lint, retention_periods
from permissions.decision import excluding_locks
from permissions.policy import ROWS, VERSIONS, Cell, Version
from permissions.policy_text import current_policy
from permissions.retention_periods import GRACE, RETENTION, RecordKind
from permissions.versions import diff as difference
from permissions.versions import guard, published
from permissions.versions.diff import CellChange
from permissions.versions.guard import UnannouncedChange, require_announced, unannounced_changes
from resolvers.policy.impact import count_affected, count_consenting
from schema.build import build
from tests.serving import COMMAND, consentql, environment
from tests.world import World, settings_for, world_of

NEXT = "2027-03-01"
PERIODS = [
    ("30", "days"),
    ("30", "days"),
    ("5", "years"),
    ("5", "years"),
    ("90", "days"),
    ("2", "years"),
    ("6", "years"),
    ("7", "days"),
]
CELLS = (None, Cell(None), Cell(Purpose.SERVICE), Cell(Purpose.SOCIAL), Cell(Purpose.EXPANSION))
BREADTH = {"-": 0, "SOCIAL": 1, "EXPANSION": 1, "SERVICE": 2, "always": 3}
RETAINED = "{ policy { retention { what why until } } }"
NAMED = "query ($v: String) { policy(version: $v) { version fields { field readers { audience purpose } } } }"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of published versions of this test's own, with what is published now."""
    here = tmp_path / "versions"
    here.mkdir()
    (here / f"{VERSIONS[0].name}.json").write_text(published.policy_json(current_policy()))
    monkeypatch.setattr(published, "FOLDER", here)
    return here


def set_cell(monkeypatch: pytest.MonkeyPatch, field: PersonalField, audience: Audience, cell: Cell | None) -> None:
    """Changes one cell of the table."""
    rows = []
    for row in policy.ROWS:
        cells = {each: row.cells.get(each) if each is not audience else cell for each in Audience}
        kept = {each: found for each, found in cells.items() if found is not None}
        rows.append(replace(row, cells=kept) if row.field is field else row)
    monkeypatch.setattr(policy, "ROWS", tuple(rows))


def set_versions(monkeypatch: pytest.MonkeyPatch, *changes: tuple[Purpose, ...]) -> None:
    """Adds versions with these material changes."""
    more = [
        Version(f"{2027 + place}-03-01", datetime(2027 + place, 3, 1, tzinfo=UTC), changed)
        for place, changed in enumerate(changes)
    ]
    monkeypatch.setattr(policy, "VERSIONS", (*VERSIONS[:1], *more))


def keep(folder: Path) -> None:
    """Keeps what the current version says."""
    (folder / f"{policy.VERSIONS[-1].name}.json").write_text(published.policy_json(current_policy()))


# ---------------------------------------------------------------- what widens is announced


@pytest.mark.parametrize("audience", Audience)
def test_a_wider_cell_starts_only_under_a_version_that_names_its_purpose(
    audience: Audience, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row, cell in product(ROWS, CELLS):
        before = difference.cell_text(row.cells.get(audience))
        after = difference.cell_text(cell)
        with monkeypatch.context() as patch:
            set_cell(patch, row.field, audience, cell)
            moved = before != after and BREADTH[before] == BREADTH[after]
            widens = moved or BREADTH[after] > BREADTH[before]
            said = unannounced_changes()
            assert bool(said) is widens, (row.field, before, after)
            if not widens:
                continue
            assert all(row.field in each and audience in each for each in said)
            needed = {cell.purpose} if cell and cell.purpose else set(row.purposes)
            set_versions(patch, tuple(set(Purpose) - needed))
            assert unannounced_changes(), "another purpose is not enough"
            set_versions(patch, (), tuple(needed))
            assert unannounced_changes() == []


@pytest.mark.parametrize("purpose", Purpose)
def test_a_field_serves_another_purpose_only_under_a_version_that_names_it(
    purpose: Purpose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in ROWS:
        wider = tuple(
            replace(each, purposes=tuple(dict.fromkeys([*each.purposes, purpose]))) if each is row else each
            for each in ROWS
        )
        with monkeypatch.context() as patch:
            patch.setattr(policy, "ROWS", wider)
            assert bool(unannounced_changes()) is (purpose not in row.purposes)
            set_versions(patch, (purpose,))
            assert unannounced_changes() == []


def test_a_new_field_is_a_row_and_a_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = published.policy_json(replace(current_policy(), fields=current_policy().fields[:-1]))
    (folder / f"{VERSIONS[0].name}.json").write_text(without)
    assert unannounced_changes()
    set_versions(monkeypatch, (Purpose.EXPANSION,))
    assert unannounced_changes() == []


def test_what_an_editorial_version_was_published_with_may_not_be_wider(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, ())
    keep(folder)
    assert len(unannounced_changes()) == 1
    set_versions(monkeypatch, (), ())
    keep(folder)
    assert len(unannounced_changes()) == 1


def test_a_version_covers_what_it_says_and_no_later_widening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    keep(folder)
    assert unannounced_changes() == []
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    assert len(unannounced_changes()) == 1


def test_nothing_is_built_served_or_created_while_something_is_not_announced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.commands.server.serve import serve

    settings = settings_for(Database(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}"))
    monkeypatch.setattr("app.commands.server.serve.load", lambda: settings)
    set_cell(monkeypatch, PersonalField.MOBILE_PHONE, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    for start, refusal in (
        (build, UnannouncedChange),
        (lambda: create(settings), UnannouncedChange),
        (_served(serve), CommandError),
    ):
        with pytest.raises(refusal) as raised:
            start()
        assert "PUBLIC would read MOBILE_PHONE: SOCIAL, so far -" in str(raised.value)
        assert guard.WHAT_TO_DO in str(raised.value)
    assert not (tmp_path / "none.db").exists()
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    build()


def _served(serve: Any) -> Any:
    return lambda: serve("127.0.0.1", 0, 1)


def test_production_needs_what_the_newest_version_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_versions(monkeypatch, ())
    require_announced()
    with pytest.raises(UnannouncedChange, match=f"versions/{NEXT}.json is not there"):
        require_announced(kept=True)
    keep(folder)
    require_announced(kept=True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', "{" * 4])
def test_a_version_that_cannot_be_read_starts_nothing(folder: Path, text: str) -> None:
    (folder / f"{VERSIONS[0].name}.json").write_text(text)
    with pytest.raises(UnannouncedChange, match=VERSIONS[0].name):
        require_announced()


def test_the_newest_version_was_published_as_it_is_told() -> None:
    assert published.published_policy(VERSIONS[-1].name) == current_policy()


# ---------------------------------------------------------------- versions and periods, told


async def test_every_published_version_is_told_and_no_other(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (await world.data(NAMED, variables={"v": None}))["policy"]
    assert (await world.data(NAMED, variables={"v": old["version"]}))["policy"] == old
    set_cell(monkeypatch, PersonalField.ABOUT, Audience.PUBLIC, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    (folder.parent / "outside.json").write_text(published.policy_json(current_policy()))
    new = (await world.data(NAMED, variables={"v": NEXT}))["policy"]
    assert (new["version"], new["fields"] == old["fields"]) == (NEXT, False)
    assert (await world.data(NAMED, variables={"v": None}))["policy"] == new
    assert (await world.data(NAMED, variables={"v": old["version"]}))["policy"] == old
    for unknown in ("", "2026-11-02", "../outside", f"./{NEXT}", "\0"):
        assert (await world.data(NAMED, variables={"v": unknown}))["policy"] is None


async def test_periods_are_told_as_the_operator_set_them(world: World, database: Database) -> None:
    kept = (await world.data(RETAINED))["policy"]["retention"]
    assert kept == [
        {"what": each.what, "why": each.why, "until": None} for each in retention_periods.retention_texts(RETENTION)
    ]
    assert [each["why"].split(" ")[:2] for each in kept] == [[number, unit] for number, unit in PERIODS]
    periods = retention_periods.retention(timedelta(days=10), {RecordKind.SESSIONS: timedelta(hours=36)})
    async with world_of(database, retention=periods).client as client:
        answer = (await client.post("/graphql", json={"query": RETAINED})).json()
    whys = [each["why"].split(" after")[0] for each in answer["data"]["policy"]["retention"]]
    assert whys[:5] == ["10 days", "10 days", "5 years", "5 years", "36 hours"]


def test_every_kind_of_record_has_a_period_a_reason_and_a_setting() -> None:
    assert list(RETENTION) == list(RecordKind)
    for kind in set(RecordKind) - set(GRACE):
        settings = Settings(retention=f"{kind}=3y")
        assert retention_periods.retention(settings.erasure_grace, settings.retention)[kind].period == parse_duration(
            "3y"
        )
    for kept in RETENTION.values():
        assert kept.what.strip()
        assert kept.why.strip()


def test_a_year_is_a_quarter_day_more_than_its_days() -> None:
    assert parse_duration("4y") == timedelta(days=4 * 365 + 1)
    assert retention_periods.period_text(parse_duration("6y")) == "6 years"
    assert retention_periods.period_text(parse_duration("1y")) == "1 year"
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("11y")
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("999999y")


@pytest.mark.parametrize(
    "text", ["sessions", "sessions=", "nobody=3d", "sessions=3d,sessions=4d", "accounts=3d", "=3d"]
)
def test_a_period_of_nothing_is_no_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENTQL_RETENTION", text)
    with pytest.raises(InvalidSettings, match="CONSENTQL_RETENTION: is not a value"):
        from_environment()


# ---------------------------------------------------------------- lint


def _faulty(monkeypatch: pytest.MonkeyPatch, stated: Any) -> list[str]:
    monkeypatch.setattr(policy_lint, "current_policy", lambda: stated)
    return policy_lint.find_problems()


def broken() -> Iterator[tuple[str, Any]]:
    """What one slip makes of the policy, and a word of the fault that names it."""
    now = current_policy()
    email, *others = now.fields
    yield (
        "EMAIL: MEMBERS reads it under EXPANSION",
        replace(now, fields=(replace(email, readers=(replace(email.readers[1], purpose=Purpose.EXPANSION),)), *others)),
    )
    yield (
        "EMAIL: MEMBERS reads it under no purpose",
        replace(now, fields=(replace(email, readers=(replace(email.readers[1], purpose=None),)), *others)),
    )
    yield "EMAIL: is collected for one purpose or more", replace(now, fields=(replace(email, purposes=()), *others))
    yield (
        "EMAIL: an audience stands twice",
        replace(now, fields=(replace(email, readers=email.readers[:1] * 2), *others)),
    )
    yield "fields: each field", replace(now, fields=tuple(others))
    yield "MAILCHIMP: has no column", replace(now, fields=(replace(email, readers=()), *others))
    intercom, *rest = now.processors
    yield "processors: each", replace(now, processors=tuple(rest))
    yield "INTERCOM: is said to be given", replace(now, processors=(replace(intercom, fields=()), *rest))
    yield "processor INTERCOM: a sentence", replace(now, processors=(replace(intercom, text=" "), *rest))
    yield "purposes: each", replace(now, purposes=now.purposes[1:])
    yield (
        "purpose SERVICE: a sentence",
        replace(now, purposes=(replace(now.purposes[0], lawful_basis=""), *now.purposes[1:])),
    )
    yield "reading 1: a sentence", replace(now, readings=(replace(now.readings[0], question=""), *now.readings[1:]))
    yield "retention 1: a sentence", replace(now, retention=(replace(now.retention[0], why=""), *now.retention[1:]))
    yield "retention, readings:", replace(now, retention=())
    yield "readings: not as version", replace(now, readings=now.readings[1:])
    yield (
        "purposes: not as version",
        replace(now, purposes=(replace(now.purposes[0], text="Because."), *now.purposes[1:])),
    )


@pytest.mark.parametrize(("fault", "stated"), list(broken()), ids=[fault for fault, _ in broken()])
def test_lint_names_what_does_not_agree(fault: str, stated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each for each in _faulty(monkeypatch, stated) if each.startswith(fault)]


def test_lint_names_versions_out_of_order_without_floor_or_without_their_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = VERSIONS[0]
    monkeypatch.setattr(policy, "VERSIONS", (replace(first, changes=(Purpose.SERVICE,)), replace(first, changes=())))
    found = policy_lint.find_problems()
    assert "versions: two have one name" in found
    assert f"versions: {first.name} was not published after {first.name}" in found
    assert [each for each in found if each.startswith("versions: none brought")] == [
        f"versions: none brought {purpose} about, so no grant of it has a floor" for purpose in ("SOCIAL", "EXPANSION")
    ]
    set_versions(monkeypatch, ())
    assert [each for each in policy_lint.find_problems() if f"{NEXT}.json is not there" in each]
    (folder / f"{first.name}.json").write_text("{}")
    published._load.cache_clear()
    assert [
        each for each in policy_lint.find_problems() if each.startswith(f"{first.name}.json: policy: holds exactly")
    ]


def test_the_policy_agrees_with_itself(tmp_path: Path) -> None:
    assert policy_lint.find_problems() == []
    done = consentql("", "policy", "lint", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"faults": []}), done.stderr


def test_lint_ends_with_status_1_where_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.commands.policy.lint import lint

    assert lint(as_json=False) == 0
    monkeypatch.setattr("app.commands.policy.lint.find_problems", lambda: ["a fault"])
    assert lint(as_json=False) == lint(as_json=True) == 1


# ---------------------------------------------------------------- what a change touches


def test_a_policy_says_itself_again() -> None:
    assert published.parse_policy(json.loads(published.policy_json(current_policy()))) == current_policy()


def _mangled(value: Any, dice: random.Random) -> Any:
    """One place of a document made something else."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(sorted(value))
        return {**value, key: _mangled(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        place = dice.randrange(len(value))
        return [*value[:place], _mangled(value[place], dice), *value[place + 1 :]]
    if isinstance(value, dict):
        dropped = dice.choice(sorted(value)) if value else ""
        return dice.choice([{**value, "more": 1}, {key: each for key, each in value.items() if key != dropped}])
    return dice.choice([7, {"other": []}, [["x"]], 1.5])


def test_nothing_else_is_read_as_a_policy() -> None:
    dice, stated = random.Random(11), json.loads(published.policy_json(current_policy()))
    for _ in range(500):
        mangled = _mangled(stated, dice)
        if mangled != stated:
            with pytest.raises(published.InvalidPolicyFile, match="policy"):
                published.parse_policy(mangled)


async def _populated(world: World) -> list[dict[str, Any]]:
    """People of every standing, with what decides about each."""
    people = []
    for place, (social, expansion, verified) in enumerate(product((True, False), repeat=3)):
        for hidden, objected in product((0, PersonalField.EMAIL.bit, PersonalField.ABOUT.bit), (0, 5)):
            purposes = ["SOCIAL"] * social + ["EXPANSION"] * expansion
            id = await world.person(f"p{place}-{hidden}-{objected}@example.org", purposes, emailVerified=verified)
            people.append({"id": id, "stands": purposes if verified else [], "verified": verified})
            people[-1] |= {"hidden": hidden, "objected": objected}
            async with world.services.database.writing() as connection:
                changed = update(ACCOUNTS).where(ACCOUNTS.c.id == id).values(hidden=hidden, objected=objected)
                await connection.execute(changed)
    return people


def _sees(person: dict[str, Any], audience: Audience, field: PersonalField, cell: Cell | None) -> bool:
    """Whether such a cell would let the audience read the field of this person, by the decision's own parts."""
    locks = Lock.NONE if person["verified"] else Lock.UNVERIFIED
    if audience in tuple(Processor) and person["objected"] & Processor(audience.value).bit:
        locks |= Lock.OBJECTED
    if cell is None or locks & excluding_locks(audience):
        return False
    if audience in (Audience.MEMBERS, Audience.PUBLIC) and person["hidden"] & field.bit:
        return False
    return cell.purpose in (None, Purpose.SERVICE) or cell.purpose in person["stands"]


async def test_a_change_touches_those_whose_field_is_read_before_or_after_but_not_both(world: World) -> None:
    people = await _populated(world)
    fields = (PersonalField.EMAIL, PersonalField.ABOUT, PersonalField.PRE_REGISTRATION)
    changes = [CellChange(*each) for each in product(fields, Audience, CELLS, CELLS)]
    for start in range(0, len(changes), 225):
        some = changes[start : start + 225]
        async with world.services.database.reading() as connection:
            counted = await count_affected(connection, some)
        for change, count in zip(some, counted, strict=True):
            place = (change.audience, change.field)
            expected = [_sees(p, *place, change.before) != _sees(p, *place, change.after) for p in people]
            assert count == sum(expected), change
    async with world.services.database.reading() as connection:
        found = await count_consenting(connection, tuple(Purpose))
    assert found == [len(people), *(sum(name in p["stands"] for p in people) for name in ("SOCIAL", "EXPANSION"))]


async def test_nobody_is_counted_on_an_empty_platform_or_for_no_change(world: World) -> None:
    change = CellChange(PersonalField.EMAIL, Audience.PUBLIC, None, Cell(Purpose.SOCIAL))
    async with world.services.database.reading() as connection:
        assert await count_affected(connection, [change]) == [0]
        assert await count_affected(connection, []) == await count_consenting(connection, []) == []


def proposal(path: Path, **changes: Any) -> Path:
    """The policy with members who read the IP address, and the pre-registration form that nobody else reads."""
    stated = json.loads(published.policy_json(current_policy())) | {"version": NEXT} | changes
    stated["fields"][1]["readers"].insert(1, {"audience": "MEMBERS", "purpose": "SOCIAL"})
    stated["fields"][13]["readers"].pop(1)
    stated["purposes"][2]["text"] += " And more."
    path.write_text(json.dumps(stated))
    return path


async def test_a_simulation_counts_and_names_nobody(world: World, database: Database, tmp_path: Path) -> None:
    people = [
        await world.person("one@example.org"),
        await world.person("two@example.org", ("SOCIAL", "EXPANSION"), hidden=["ABOUT"]),
        await world.person("three@example.org", ()),
    ]
    new = str(proposal(tmp_path / "new.json"))
    done = consentql(database.url, "policy", "simulate", new, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    cells = [tuple(cell[key] for key in ("field", "audience", "sight", "subjects")) for cell in answer["cells"]]
    assert cells == [("IP_ADDRESS", "MEMBERS", "gained", 2), ("ABOUT", "MEMBERS", "lost", 1)]
    again = [(each["purpose"], each["material"], each["subjects"]) for each in answer["again"]]
    assert again == [("SOCIAL", True, 2), ("EXPANSION", False, 1)]
    text = consentql(database.url, "policy", "simulate", new, cwd=tmp_path).stdout
    assert "SOCIAL: 2 subjects would have to grant again." in text
    for person in [*people, "one@example.org", "90.190.1.7", "Amara"]:
        assert person not in text + done.stdout + done.stderr


def test_a_simulation_without_a_database_counts_nobody_and_makes_none(tmp_path: Path) -> None:
    new = str(proposal(tmp_path / "new.json"))
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", new, "--json", cwd=tmp_path)
    assert (done.returncode, {cell["subjects"] for cell in json.loads(done.stdout)["cells"]}) == (0, {None})
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", '{"version": "a", "version": "b"}', "nul\0", json.dumps({"version": NEXT}), "[" * 100_000]
)
def test_a_simulation_reads_a_policy_and_nothing_else(text: str, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text(text)
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", "new.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_simulation_of_what_does_not_agree_with_itself_is_refused(tmp_path: Path) -> None:
    new = proposal(tmp_path / "new.json", readings=[])
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", str(new), cwd=tmp_path)
    assert (done.returncode, "does not agree with itself" in done.stderr) == (2, True)


async def test_a_difference_is_told_both_ways_and_counted(
    world: World, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.person("one@example.org")
    await world.person("two@example.org", ("EXPANSION",))
    await world.person("three@example.org", ())
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_cell(monkeypatch, PersonalField.EMAIL, Audience.SUPPORT_CASE, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    keep(folder)
    monkeypatch.setenv("CONSENTQL_DATABASE_URL", database.url)
    monkeypatch.setenv("CONSENTQL_SECRET_KEYS", secrets.token_hex(32))
    found = {}
    for names in ((VERSIONS[0].name, NEXT), (NEXT, VERSIONS[0].name)):
        await asyncio.to_thread(diff, *names, as_json=True)
        cells = json.loads(capsys.readouterr().out)["cells"]
        found[names] = {(each["field"], each["audience"]): (each["sight"], each["subjects"]) for each in cells}
    there, back = found.values()
    assert there == {("IP_ADDRESS", "MEMBERS"): ("gained", 1), ("EMAIL", "SUPPORT_CASE"): ("lost", 2)}
    assert back == {("IP_ADDRESS", "MEMBERS"): ("lost", 1), ("EMAIL", "SUPPORT_CASE"): ("gained", 2)}
    with pytest.raises(CommandError, match="the versions are"):
        diff("2020-01-01", NEXT, as_json=False)


# ---------------------------------------------------------------- the record of processing, and the group of commands


def test_the_record_of_processing_names_all_that_the_policy_does() -> None:
    settings = Settings(controller_name="Plate Works OÜ", controller_contact="privacy@plate.example")
    text = render_policy(Format.RECORD, settings)
    now = current_policy()
    words = [*PersonalField, *Purpose, *Audience, settings.controller_name, settings.controller_contact]
    words += [part for each in now.purposes for part in (each.text, each.lawful_basis)]
    words += [part for each in now.retention for part in (each.what, each.why)]
    words += [each.text for each in now.processors]
    words += [each.reading for each in now.readings]
    assert [word for word in words if str(word) not in text] == []
    assert "CONSENTQL_" in render_policy(Format.RECORD, Settings())


def test_the_policy_command_prints_beside_its_subcommands(tmp_path: Path) -> None:
    plain = consentql("", "policy", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert plain.stdout.startswith("field ")
    told_now = consentql("", "policy", "--format", "json", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert json.loads(told_now.stdout)["retention"][4]["why"].startswith("3 days")
    record = consentql("", "policy", "--format", "record", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert "3 days after they end" in record.stdout
    assert consentql("", "policy", "--format", "verse", cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- breach

OPEN = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "a ticket"}) {
  ... on MandrillView { recipients { userId email firstName } } } }"""


def breach(url: str, token: str, since: str, until: str, cwd: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with a token on its standard input."""
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


async def test_a_leaked_token_showed_what_the_ledger_says_within_the_time(database: Database, tmp_path: Path) -> None:
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


async def test_a_members_session_is_said_to_see_what_the_ledger_does_not_hold(
    world: World, database: Database, tmp_path: Path
) -> None:
    id, session = await world.member("one@example.org")
    window = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    told_of = breach(database.url, session, *window, tmp_path)
    assert id in told_of.stdout
    assert "the directory" in told_of.stdout
    assert "0 subjects, 0 readings" in told_of.stdout
    answer = json.loads(breach(database.url, session, *window, tmp_path, "--json").stdout)
    assert (answer["token"]["holder"], "directory" in answer["token"]["note"]) == (id, True)
    fresh = new_token(TokenKind.SESSION)
    async with database.writing() as connection:
        changed = {"digest": digest_of(fresh), "previous_digest": digest_of(session)}
        await connection.execute(update(ACCESS_TOKENS).values(changed))
    assert breach(database.url, session, *window, tmp_path).returncode == 0
    assert breach(database.url, fresh, *window, tmp_path).returncode == 0


async def test_an_unknown_token_and_a_time_without_offset_or_end_are_refused(
    world: World, database: Database, tmp_path: Path
) -> None:
    token = await world.token(Role.PROCESSOR, None, Processor.MANDRILL)
    start, end = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
    wrong = [
        (new_token(TokenKind.SESSION), start, end, "unknown here"),
        ("", start, end, "no token of ours"),
        (token[:-1], start, end, "no token of ours"),
        (token, "2026-01-01", end, "--from is an instant"),
        (token, start, "2027-01-01T00:00:00", "--to is an instant"),
        (token, end, start, "--to lies after --from"),
        (token, start, start, "--to lies after --from"),
    ]
    for text, since, until, sentence in wrong:
        done = breach(database.url, text, since, until, tmp_path)
        assert (done.returncode, done.stdout, sentence in done.stderr) == (2, "", True), done.stderr
        assert not text or text not in done.stderr

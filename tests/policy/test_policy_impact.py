"""`consentql policy simulate` and `diff`: how many subjects a policy change affects."""

import asyncio
import json
import secrets
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.commands.console.command_error import CommandError
from app.commands.policy.compare import diff
from models.database import Database
from models.tables import ACCOUNTS
from models.vocabulary import Audience, Lock, PersonalField, Processor, Purpose
from permissions.decision import excluding_locks
from permissions.policy import VERSIONS, Cell
from permissions.policy_text import current_policy
from permissions.versions import published
from permissions.versions.diff import CellChange
from resolvers.policy.impact import count_affected, count_consenting
from tests.policy.changes import NEXT, publish, set_cell, set_versions
from tests.serving import consentql
from tests.world import World

CELLS = (None, Cell(None), Cell(Purpose.SERVICE), Cell(Purpose.SOCIAL), Cell(Purpose.EXPANSION))


async def create_people(world: World) -> list[dict[str, Any]]:
    """Creates people of every consent state. Returns what decides about each."""
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


def may_read(person: dict[str, Any], audience: Audience, field: PersonalField, cell: Cell | None) -> bool:
    """Returns whether the cell would let the audience read the field of this person."""
    locks = Lock.NONE if person["verified"] else Lock.UNVERIFIED
    if audience in tuple(Processor) and person["objected"] & Processor(audience.value).bit:
        locks |= Lock.OBJECTED
    if cell is None or locks & excluding_locks(audience):
        return False
    if audience in (Audience.MEMBERS, Audience.PUBLIC) and person["hidden"] & field.bit:
        return False
    return cell.purpose in (None, Purpose.SERVICE) or cell.purpose in person["stands"]


async def test_a_change_affects_subjects_whose_decision_changes(world: World) -> None:
    people = await create_people(world)
    fields = (PersonalField.EMAIL, PersonalField.ABOUT, PersonalField.PRE_REGISTRATION)
    changes = [CellChange(*each) for each in product(fields, Audience, CELLS, CELLS)]
    for start in range(0, len(changes), 225):
        some = changes[start : start + 225]
        async with world.services.database.reading() as connection:
            counted = await count_affected(connection, some)
        for change, count in zip(some, counted, strict=True):
            place = (change.audience, change.field)
            expected = [may_read(p, *place, change.before) != may_read(p, *place, change.after) for p in people]
            assert count == sum(expected), change
    async with world.services.database.reading() as connection:
        found = await count_consenting(connection, tuple(Purpose))
    assert found == [len(people), *(sum(name in p["stands"] for p in people) for name in ("SOCIAL", "EXPANSION"))]


async def test_no_subject_is_counted_without_subjects_or_changes(world: World) -> None:
    change = CellChange(PersonalField.EMAIL, Audience.PUBLIC, None, Cell(Purpose.SOCIAL))
    async with world.services.database.reading() as connection:
        assert await count_affected(connection, [change]) == [0]
        assert await count_affected(connection, []) == await count_consenting(connection, []) == []


def proposal(path: Path, **changes: Any) -> Path:
    """Writes a policy in which members read the IP address and no longer `about`."""
    stated = json.loads(published.policy_json(current_policy())) | {"version": NEXT} | changes
    stated["fields"][1]["readers"].insert(1, {"audience": "MEMBERS", "purpose": "SOCIAL"})
    stated["fields"][13]["readers"].pop(1)
    stated["purposes"][2]["text"] += " And more."
    path.write_text(json.dumps(stated))
    return path


async def test_a_simulation_counts_subjects_without_names(world: World, database: Database, tmp_path: Path) -> None:
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
    assert "SOCIAL: 2 subjects would have to consent again." in text
    for person in [*people, "one@example.org", "90.190.1.7", "Amara"]:
        assert person not in text + done.stdout + done.stderr


def test_a_simulation_without_a_database_creates_none(tmp_path: Path) -> None:
    new = str(proposal(tmp_path / "new.json"))
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", new, "--json", cwd=tmp_path)
    assert (done.returncode, {cell["subjects"] for cell in json.loads(done.stdout)["cells"]}) == (0, {None})
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", '{"version": "a", "version": "b"}', "nul\0", json.dumps({"version": NEXT}), "[" * 100_000]
)
def test_a_simulation_refuses_a_file_that_is_not_a_policy(text: str, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text(text)
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", "new.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_simulation_refuses_a_contradictory_policy(tmp_path: Path) -> None:
    new = proposal(tmp_path / "new.json", readings=[])
    done = consentql(f"sqlite+aiosqlite:///{tmp_path}/none.db", "policy", "simulate", str(new), cwd=tmp_path)
    assert (done.returncode, "contradicts itself" in done.stderr) == (2, True)


async def test_diff_counts_gained_and_lost_access_in_both_directions(
    world: World, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.person("one@example.org")
    await world.person("two@example.org", ("EXPANSION",))
    await world.person("three@example.org", ())
    set_cell(monkeypatch, PersonalField.IP_ADDRESS, Audience.MEMBERS, Cell(Purpose.SOCIAL))
    set_cell(monkeypatch, PersonalField.EMAIL, Audience.SUPPORT_CASE, Cell(Purpose.SOCIAL))
    set_versions(monkeypatch, (Purpose.SOCIAL,))
    publish(folder)
    monkeypatch.setenv("CONSENTQL_DATABASE_URL", database.url)
    monkeypatch.setenv("CONSENTQL_SECRET_KEYS", secrets.token_hex(32))
    found = {}
    for names in ((VERSIONS[0].name, NEXT), (NEXT, VERSIONS[0].name)):
        await asyncio.to_thread(diff, *names, as_json=True)
        cells = json.loads(capsys.readouterr().out)["cells"]
        found[names] = {(each["field"], each["audience"]): (each["sight"], each["subjects"]) for each in cells}
    forward, backward = found.values()
    assert forward == {("IP_ADDRESS", "MEMBERS"): ("gained", 1), ("EMAIL", "SUPPORT_CASE"): ("lost", 2)}
    assert backward == {("IP_ADDRESS", "MEMBERS"): ("lost", 1), ("EMAIL", "SUPPORT_CASE"): ("gained", 2)}
    with pytest.raises(CommandError, match="The versions are"):
        diff("2020-01-01", NEXT, as_json=False)

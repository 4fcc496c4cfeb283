"""`consentql policy lint` names every contradiction of the policy."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.vocabulary import Purpose
from permissions import policy, policy_lint
from permissions.policy import VERSIONS
from permissions.policy_text import current_policy
from permissions.versions import published
from tests.policy.changes import NEXT, set_versions
from tests.serving import consentql


def problems_of(monkeypatch: pytest.MonkeyPatch, version: Any) -> list[str]:
    monkeypatch.setattr(policy_lint, "current_policy", lambda: version)
    return policy_lint.find_problems()


def contradictions() -> Iterator[tuple[str, Any]]:
    """Yields the beginning of the expected problem, and a policy with one mistake."""
    now = current_policy()
    email, *others = now.fields
    yield (
        "EMAIL: MEMBERS reads it under EXPANSION",
        replace(now, fields=(replace(email, readers=(replace(email.readers[1], purpose=Purpose.EXPANSION),)), *others)),
    )
    yield (
        "EMAIL: MEMBERS must read it under a purpose",
        replace(now, fields=(replace(email, readers=(replace(email.readers[1], purpose=None),)), *others)),
    )
    yield "EMAIL: must have at least one purpose", replace(now, fields=(replace(email, purposes=()), *others))
    yield (
        "EMAIL: names an audience twice",
        replace(now, fields=(replace(email, readers=email.readers[:1] * 2), *others)),
    )
    yield "fields: there must be one row", replace(now, fields=tuple(others))
    yield "MAILCHIMP: receives no field", replace(now, fields=(replace(email, readers=()), *others))
    intercom, *rest = now.processors
    yield "processors: there must be one sentence", replace(now, processors=tuple(rest))
    yield "INTERCOM: lists other fields", replace(now, processors=(replace(intercom, fields=()), *rest))
    yield "processor INTERCOM: a text", replace(now, processors=(replace(intercom, text=" "), *rest))
    yield "purposes: there must be one text", replace(now, purposes=now.purposes[1:])
    yield (
        "purpose SERVICE: a text",
        replace(now, purposes=(replace(now.purposes[0], lawful_basis=""), *now.purposes[1:])),
    )
    yield "reading 1: a text", replace(now, readings=(replace(now.readings[0], question=""), *now.readings[1:]))
    yield "retention 1: a text", replace(now, retention=(replace(now.retention[0], why=""), *now.retention[1:]))
    yield "retention, readings:", replace(now, retention=())
    yield "readings: differs from the published version", replace(now, readings=now.readings[1:])
    yield (
        "purposes: differs from the published version",
        replace(now, purposes=(replace(now.purposes[0], text="Because."), *now.purposes[1:])),
    )


@pytest.mark.parametrize(("problem", "version"), [pytest.param(*each, id=each[0]) for each in contradictions()])
def test_lint_names_a_contradiction(problem: str, version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each for each in problems_of(monkeypatch, version) if each.startswith(problem)]


def test_lint_names_problems_of_the_version_history(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = VERSIONS[0]
    monkeypatch.setattr(policy, "VERSIONS", (replace(first, changes=(Purpose.SERVICE,)), replace(first, changes=())))
    found = policy_lint.find_problems()
    assert "versions: two versions have the same name" in found
    assert f"versions: {first.name} must be published after {first.name}" in found
    assert [each for each in found if each.startswith("versions: no version names")] == [
        f"versions: no version names {purpose} among its changes, so no grant of it can count"
        for purpose in ("SOCIAL", "EXPANSION")
    ]
    set_versions(monkeypatch, ())
    assert [each for each in policy_lint.find_problems() if f"{NEXT}.json does not exist" in each]
    (folder / f"{first.name}.json").write_text("{}")
    published._load.cache_clear()
    unreadable = f"{first.name}.json: policy: must have exactly the keys"
    assert [each for each in policy_lint.find_problems() if each.startswith(unreadable)]


def test_the_policy_has_no_contradictions(tmp_path: Path) -> None:
    assert policy_lint.find_problems() == []
    done = consentql("", "policy", "lint", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"faults": []}), done.stderr


def test_lint_exits_with_status_1_if_it_finds_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.commands.policy.lint import lint

    assert lint(as_json=False) == 0
    monkeypatch.setattr("app.commands.policy.lint.find_problems", lambda: ["a fault"])
    assert lint(as_json=False) == lint(as_json=True) == 1

"""Compares two versions of the policy, and counts the subjects that each change affects."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.table import align
from app.http import strict_json
from app.settings import from_environment
from models.vocabulary import Purpose
from permissions import policy
from permissions import version_numbers as version
from permissions.policy_lint import version_problems
from permissions.policy_text import Policy, current_policy
from permissions.versions import diff as difference
from permissions.versions.published import InvalidPolicyFile, parse_policy
from resolvers.context import Services
from resolvers.policy.impact import count_affected, count_consenting
from resolvers.policy.policy_query import policy_text_of


@dataclass(frozen=True, slots=True)
class Counts:
    """Subjects that each change affects, and subjects who consent to each purpose. None without a database."""

    affected: list[int | None]
    consenting: list[int | None]


def diff(before: str, after: str, *, as_json: bool) -> None:
    """Prints every cell that differs between two published versions."""
    old, new = _published(before), _published(after)
    counts = _count_subjects(old, new)
    if as_json:
        print_json(_document(old, new, counts))
    else:
        typer.echo("\n".join(_lines(old, new, counts)))


def simulate(path: Path, *, as_json: bool) -> None:
    """Prints what an unpublished policy would change, and how many subjects would have to consent again."""
    old, new = current_policy(from_environment().retention_periods), _proposed(path)
    counts = _count_subjects(old, new)
    again = _new_consents(old, new, counts)
    if as_json:
        print_json({**_document(old, new, counts), "again": again})
        return
    lines = [*_lines(old, new, counts), *(_sentence(each) for each in again)]
    if not again:
        lines.append("No subject would have to consent again.")
    typer.echo("\n".join(lines))


def _published(name: str) -> Policy:
    try:
        found = policy_text_of(name, from_environment().retention_periods)
    except InvalidPolicyFile as problem:
        raise CommandError(str(problem)) from None
    if found is None:
        names = ", ".join(each.name for each in policy.VERSIONS)
        raise CommandError(f"There is no such version. The versions are {names}.")
    return found


def _proposed(path: Path) -> Policy:
    try:
        proposed = parse_policy(strict_json.parse(path.read_bytes()))
    except ValueError as problem:
        raise CommandError(f"This is not a policy as printed by `consentql policy --format json`: {problem}") from None
    if faults := version_problems(proposed):
        raise CommandError("The policy contradicts itself:\n" + "\n".join(faults))
    return proposed


def _purposes(old: Policy, new: Policy) -> list[Purpose]:
    changed = {*difference.material_changes(old, new), *difference.reworded_purposes(old, new)}
    return [purpose for purpose in Purpose if purpose in changed]


def _count_subjects(old: Policy, new: Policy) -> Counts:
    """Counts subjects by the grants that stand under the older version. Without a database the counts are None."""
    changes, purposes = difference.cell_changes(old, new), _purposes(old, new)
    numbers = [
        number for number in (version.version_number(old.version), version.version_number(new.version)) if number
    ]

    async def act(services: Services) -> Counts:
        async with services.database.reading() as connection:
            return Counts(
                [*await count_affected(connection, changes, min(numbers))],
                [*await count_consenting(connection, purposes)],
            )

    try:
        return run(act)
    except CommandError as problem:
        typer.echo(f"Subjects were not counted. {problem}", err=True)
        return Counts([None] * len(changes), [None] * len(purposes))


def _document(old: Policy, new: Policy, counts: Counts) -> dict[str, Any]:
    cells = [
        {
            "field": change.field,
            "audience": change.audience,
            "before": difference.cell_text(change.before),
            "after": difference.cell_text(change.after),
            "sight": change.effect,
            "subjects": subjects,
        }
        for change, subjects in zip(difference.cell_changes(old, new), counts.affected, strict=True)
    ]
    collected = [{"field": each.field, "purpose": each.purpose} for each in difference.collection_changes(old, new)]
    return {"before": old.version, "after": new.version, "cells": cells, "collected": collected}


def _lines(old: Policy, new: Policy, counts: Counts) -> list[str]:
    told = _document(old, new, counts)
    lines = [f"{each['field']} is now also collected for {each['purpose']}." for each in told["collected"]]
    if not told["cells"]:
        return [*lines, "No audience gains or loses access to a field."]
    head = ["field", "audience", "before", "after", "sight", "subjects"]
    cells = [
        [_number(cell[name]) if name == "subjects" else str(cell[name]) for name in head] for cell in told["cells"]
    ]
    return [*lines, align([head, *cells])]


def _new_consents(old: Policy, new: Policy, counts: Counts) -> list[dict[str, Any]]:
    material = difference.material_changes(old, new)
    return [
        {
            "purpose": purpose,
            "material": purpose in material,
            "subjects": subjects,
            "because": material.get(purpose, []),
        }
        for purpose, subjects in zip(_purposes(old, new), counts.consenting, strict=True)
    ]


def _sentence(again: dict[str, Any]) -> str:
    number, purpose = _number(again["subjects"]), again["purpose"]
    if purpose is Purpose.SERVICE:
        return f"{purpose}: needs no consent. Inform {number} subjects."
    if again["material"]:
        return f"{purpose}: {number} subjects would have to consent again."
    return f"{purpose}: the wording changes. If the meaning changes too, {number} subjects would have to consent again."


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"

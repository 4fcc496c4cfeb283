"""The JSON files of published policy versions."""

import json
import random
from typing import Any

import pytest

from permissions.policy_text import current_policy
from permissions.versions import published


def test_a_written_policy_can_be_read_again() -> None:
    assert published.parse_policy(json.loads(published.policy_json(current_policy()))) == current_policy()


def changed_at_random(value: Any, dice: random.Random) -> Any:
    """Returns the document with one random change."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(sorted(value))
        return {**value, key: changed_at_random(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        place = dice.randrange(len(value))
        return [*value[:place], changed_at_random(value[place], dice), *value[place + 1 :]]
    if isinstance(value, dict):
        dropped = dice.choice(sorted(value)) if value else ""
        return dice.choice([{**value, "more": 1}, {key: each for key, each in value.items() if key != dropped}])
    return dice.choice([7, {"other": []}, [["x"]], 1.5])


def test_a_changed_file_is_not_read_as_a_policy() -> None:
    dice, stated = random.Random(11), json.loads(published.policy_json(current_policy()))
    for _ in range(500):
        mangled = changed_at_random(stated, dice)
        if mangled != stated:
            with pytest.raises(published.InvalidPolicyFile, match="policy"):
                published.parse_policy(mangled)

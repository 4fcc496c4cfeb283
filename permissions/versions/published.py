"""Reads and writes the published text of each policy version, one JSON file per version."""

import json
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from permissions import version_numbers
from permissions.policy_text import Policy

FOLDER: Final = Path(__file__).parent


class InvalidPolicyFile(ValueError):
    """The JSON is not a policy as this program writes it. The message names the place."""


def published_policy(name: str) -> Policy | None:
    """Returns the published policy of a version, or None if there is no such version or file."""
    if version_numbers.version_number(name) is None:
        return None
    path = FOLDER / f"{name}.json"
    return _load(path) if path.is_file() else None


@lru_cache
def _load(path: Path) -> Policy:
    try:
        policy = parse_policy(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as problem:
        raise InvalidPolicyFile(f"{path.name}: {problem}") from None
    if policy.version != path.stem:
        raise InvalidPolicyFile(f"{path.name}: contains version {policy.version}")
    return policy


def parse_policy(json_value: Any) -> Policy:
    """Returns a policy from JSON. Raises InvalidPolicyFile at a missing, extra or unknown value."""
    policy: Policy = _parse(Policy, json_value, "policy")
    return policy


def _parse(kind: Any, value: Any, path: str) -> Any:
    if isinstance(kind, UnionType):
        return None if value is None else _parse(get_args(kind)[0], value, path)
    if is_dataclass(kind):
        return _parse_object(kind, value, path)
    if get_origin(kind) is tuple:
        items = enumerate(_parse_list(value, path))
        return tuple(_parse(get_args(kind)[0], each, f"{path}.{number}") for number, each in items)
    if issubclass(kind, Enum | datetime) and isinstance(value, str):
        try:
            return kind(value) if issubclass(kind, Enum) else kind.fromisoformat(value)
        except ValueError:
            raise InvalidPolicyFile(f"{path}: is not a value of {kind.__name__}") from None
    if type(value) is not kind:
        raise InvalidPolicyFile(f"{path}: must be of type {kind.__name__}")
    return value


def _parse_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidPolicyFile(f"{path}: must be a list")
    return value


def _parse_object(kind: Any, value: Any, path: str) -> Any:
    names = {each.name for each in fields(kind)}
    if not isinstance(value, dict) or set(value) != names:
        raise InvalidPolicyFile(f"{path}: must have exactly the keys {', '.join(sorted(names))}")
    hints = get_type_hints(kind)
    return kind(**{name: _parse(hints[name], value[name], f"{path}.{name}") for name in hints})


def policy_json(policy: Policy) -> str:
    """Returns the policy as JSON, one line per item, so that two versions can be compared line by line."""
    parts = []
    for name, value in asdict(policy).items():
        if isinstance(value, tuple):
            lines = ",\n".join(f"    {json.dumps(each, default=datetime.isoformat)}" for each in value)
            parts.append(f"  {json.dumps(name)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}"

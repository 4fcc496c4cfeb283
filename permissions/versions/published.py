"""What each version said when it was published: one file a version, which nothing but a new version may widen."""

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
    """What is no policy in the shape in which we print one, and where."""


def published_policy(name: str) -> Policy | None:
    """What a version said, or None where it is no version or nobody kept what it said."""
    if version_numbers.version_number(name) is None:
        return None
    path = FOLDER / f"{name}.json"
    return _load(path) if path.is_file() else None


@lru_cache
def _load(path: Path) -> Policy:
    try:
        kept = parse_policy(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as problem:
        raise InvalidPolicyFile(f"{path.name}: {problem}") from None
    if kept.version != path.stem:
        raise InvalidPolicyFile(f"{path.name}: is of version {kept.version}")
    return kept


def parse_policy(stated: Any) -> Policy:
    """A policy from JSON: nothing missing, nothing besides, every word one that the program knows."""
    found: Policy = _parse(Policy, stated, "policy")
    return found


def _parse(kind: Any, value: Any, place: str) -> Any:
    if isinstance(kind, UnionType):
        return None if value is None else _parse(get_args(kind)[0], value, place)
    if is_dataclass(kind):
        return _parse_object(kind, value, place)
    if get_origin(kind) is tuple:
        items = enumerate(_parse_list(value, place))
        return tuple(_parse(get_args(kind)[0], each, f"{place}.{number}") for number, each in items)
    if issubclass(kind, Enum | datetime) and isinstance(value, str):
        try:
            return kind(value) if issubclass(kind, Enum) else kind.fromisoformat(value)
        except ValueError:
            raise InvalidPolicyFile(f"{place}: is not a word that it can be") from None
    if type(value) is not kind:
        raise InvalidPolicyFile(f"{place}: is not of the kind that stands there in a policy")
    return value


def _parse_list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidPolicyFile(f"{place}: is a list")
    return value


def _parse_object(kind: Any, value: Any, place: str) -> Any:
    names = {each.name for each in fields(kind)}
    if not isinstance(value, dict) or set(value) != names:
        raise InvalidPolicyFile(f"{place}: holds exactly {', '.join(sorted(names))}")
    hints = get_type_hints(kind)
    return kind(**{name: _parse(hints[name], value[name], f"{place}.{name}") for name in hints})


def policy_json(policy: Policy) -> str:
    """The policy as JSON, each thing in it on a line of its own, so that two versions compare line by line."""
    parts = []
    for name, value in asdict(policy).items():
        if isinstance(value, tuple):
            lines = ",\n".join(f"    {json.dumps(each, default=datetime.isoformat)}" for each in value)
            parts.append(f"  {json.dumps(name)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}"

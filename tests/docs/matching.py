"""Compares printed answers with real ones; `…` is a wildcard."""

import json
import re
from typing import Any, Final

WILDCARD: Final = "…"
TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{},:…]')


def expected_json(text: str) -> Any:
    """The JSON of a page; a bare wildcard stands for a value, or for the rest of a list or an object."""
    inside, before, written, copied = [""], "", [], 0
    for token in TOKEN.finditer(text):
        written.append(text[copied : token.start()])
        copied = token.end()
        is_key = inside[-1] == "{" and before in "{,"
        bare = f'"{WILDCARD}": "{WILDCARD}"' if is_key else f'"{WILDCARD}"'
        written.append(bare if token[0] == WILDCARD else token[0])
        before = token[0]
        if before in "[{":
            inside.append(before)
        elif before in "]}":
            inside.pop()
    return json.loads("".join(written) + text[copied:])


def matches(expected: Any, found: Any) -> bool:
    """Whether an answer is the expected one."""
    if expected == WILDCARD:
        return True
    if isinstance(expected, str) and isinstance(found, str):
        return matches_line(expected, found)
    if isinstance(expected, dict) and isinstance(found, dict):
        named = expected.keys() - {WILDCARD}
        complete = WILDCARD in expected or named == found.keys()
        return complete and named <= found.keys() and all(matches(expected[name], found[name]) for name in named)
    if isinstance(expected, list) and isinstance(found, list):
        is_open = bool(expected) and expected[-1] == WILDCARD
        listed = expected[:-1] if is_open else expected
        lengths = len(found) >= len(listed) if is_open else len(found) == len(listed)
        return lengths and all(matches(one, other) for one, other in zip(listed, found, strict=False))
    return type(expected) is type(found) and bool(expected == found)


def matches_line(expected: str, found: str) -> bool:
    """Whether a text is the expected one."""
    return re.fullmatch(".*".join(map(re.escape, expected.split(WILDCARD))), found, re.DOTALL) is not None


def matches_lines(expected: list[str], found: list[str]) -> bool:
    """Whether these lines are the expected ones; a line that is only the wildcard stands for any number of lines."""
    if not expected:
        return not found
    if expected[0].strip() == WILDCARD:
        return any(matches_lines(expected[1:], found[start:]) for start in range(len(found) + 1))
    return bool(found) and matches_line(expected[0], found[0]) and matches_lines(expected[1:], found[1:])

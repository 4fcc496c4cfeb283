"""JSON that means one thing: UTF-8, every key once, no number that a double cannot hold."""

import json
from typing import Any

import orjson

MAX_NUMBER_LENGTH = 40


def parse(text: bytes) -> Any:
    """What the text says; a ValueError, without the text, where it says nothing or two things."""
    try:
        orjson.loads(text)  # strict: UTF-8, depth, lone surrogates, NaN, what is infinite as a double
        return json.loads(text, object_pairs_hook=_without_repeated_keys, parse_int=_bounded_integer)
    except (ValueError, RecursionError):
        raise ValueError("not JSON that means one thing") from None


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keyed = dict(pairs)
    if len(keyed) != len(pairs):
        raise ValueError("a key stands twice")
    return keyed


def _bounded_integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return int(text)

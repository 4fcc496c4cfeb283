"""Strict JSON: UTF-8, no repeated keys, no number outside the range of a double."""

import json
from typing import Any

import orjson

MAX_NUMBER_LENGTH = 40


def parse(text: bytes) -> Any:
    """Parses JSON. Raises ValueError, without the text, if it is invalid or ambiguous."""
    try:
        orjson.loads(text)  # refuses invalid UTF-8, deep nesting, lone surrogates, NaN and infinite numbers
        return json.loads(text, object_pairs_hook=_without_repeated_keys, parse_int=_bounded_integer)
    except (ValueError, RecursionError):
        raise ValueError("Invalid JSON, a repeated key, or a number that is too long.") from None


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keyed = dict(pairs)
    if len(keyed) != len(pairs):
        raise ValueError("a key is repeated")
    return keyed


def _bounded_integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return int(text)
